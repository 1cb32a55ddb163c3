"""Everyday question–answer pairs mixed into a run so that general knowledge stays: those bundled, or a file of one's own. No torch here: pages count them.

A file of one's own is JSON Lines in the style of MS MARCO dumps: `query` (or `anchor`), `pos` (or `positive`; a text or a list), `neg` (or
`negative`, `negatives`; optional). Refuses a file with a faulty line, naming it; rows that quote the guard set are left out, since that must stay unseen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sample_data
from core.ingest.bundle import Problem
from core.ingest.lines import check_text, read_objects
from core.model import PairsmithError, hash_text
from core.tuning.config import TuneConfig
from core.tuning.dataset import Row, normalize_text

_NAMES = {"anchor": ("anchor", "query"), "positive": ("positive", "pos"), "negative": ("negative", "neg", "negatives", "hard_negatives")}
_SHOWN_PROBLEMS = 3


def read_generic(path: Path, *, negatives: int = 0, unseen: frozenset[str] = frozenset()) -> list[Row]:
    """The rows of a file, one for each positive, with up to `negatives` of its negatives.

    `unseen`: normalised texts that must not be trained on; a row with one of them is left out. Raises `PairsmithError` with the line of each fault.
    """
    problems: list[Problem] = []
    rows: list[Row] = []
    if not path.is_file():
        raise PairsmithError(f"There is no file of everyday pairs {str(path)!r}. Name a JSON Lines file, or leave it empty for the bundled pairs.")
    for number, value in read_objects(path, problems):
        anchor = check_text(_pick(value, "anchor"), "query", path, number, problems)
        positives = _read_texts(_pick(value, "positive"), "pos", path, number, problems)
        others = _read_texts(_pick(value, "negative"), "neg", path, number, problems, optional=True)
        if anchor is None or positives is None or others is None:
            continue
        answers = frozenset(_name(text) for text in positives)
        kept = [text for text in dict.fromkeys(others) if _name(text) not in answers][:negatives]
        for positive in dict.fromkeys(positives):
            if unseen and any(normalize_text(text) in unseen for text in (anchor, positive, *kept)):
                continue
            shown = frozenset(map(_name, [positive, *kept]))
            rows.append(Row(anchor, positive, kept, f"generic-{number}", shown, answers, group=_name(anchor)))
    if problems:
        more = f" And {len(problems) - _SHOWN_PROBLEMS} more." if len(problems) > _SHOWN_PROBLEMS else ""
        named = " ".join(f"{item.file}, line {item.line}: {item.message}" for item in problems[:_SHOWN_PROBLEMS])
        raise PairsmithError(f"The file of everyday pairs cannot be used. {named}{more} Mend these lines, then start again.")
    if not rows:
        raise PairsmithError(f"The file of everyday pairs {str(path)!r} holds no pair to train on.")
    return rows


def read_generic_for(config: TuneConfig, unseen: frozenset[str] = frozenset()) -> list[Row]:
    """The generic rows that the configuration names."""
    path = Path(config.generic_path).expanduser() if config.generic_path else sample_data.GENERIC_PAIRS
    return read_generic(path, negatives=config.negatives, unseen=unseen)


def count_generic(config: TuneConfig) -> int:
    """How many generic pairs there are to mix in. Raises `PairsmithError` for a file that cannot be used."""
    path = Path(config.generic_path).expanduser() if config.generic_path else sample_data.GENERIC_PAIRS
    return _count(path, path.stat().st_mtime_ns if path.exists() else 0)


def mix_generic(rows: Sequence[Row], generic: Sequence[Row], config: TuneConfig) -> list[Row]:
    """As many generic rows as make up their share of all rows, drawn without replacement (all of them where there are too few)."""
    return random.Random(config.seed).sample(list(generic), min(config.count_generic(len(rows)), len(generic)))


@lru_cache(maxsize=8)
def _count(path: Path, _changed_ns: int) -> int:
    return len(read_generic(path))


def _pick(value: dict[str, Any], what: str) -> Any:
    return next((value[name] for name in _NAMES[what] if value.get(name) is not None), None)


def _read_texts(value: Any, what: str, path: Path, number: int, problems: list[Problem], *, optional: bool = False) -> list[str] | None:
    """The texts, or None with a problem noted."""
    if value is None and optional:
        return []
    items = value if isinstance(value, list) else [value]
    if not items and not optional:
        problems.append(Problem(path.name, number, f"{what} is empty."))
        return None
    texts = [check_text(item, what, path, number, problems) for item in items]
    return None if any(text is None for text in texts) else [text for text in texts if text is not None]


def _name(text: str) -> str:
    return "text:" + hash_text(normalize_text(text))
