"""Rows to train on, from a snapshot: the training part only, reviewed negatives only, and nothing that answers a held-out anchor."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.curation.snapshot import SnapshotData
from core.model import PairsmithError, Part
from core.tuning.config import TuneConfig


@dataclass(frozen=True)
class Row:
    """One training row: an anchor, one of its answers, and reviewed hard negatives (texts), with what batches must know to keep rows apart."""

    anchor: str
    positive: str
    negatives: Sequence[str] = ()
    anchor_id: str = ""
    shown: frozenset[str] = frozenset()
    """The row's documents, by near-duplicate group where they are in one, else by id."""
    answers: frozenset[str] = frozenset()
    """All answers of its anchor, named likewise: none of them may be another row's document in the batch."""


def build_rows(snapshot: SnapshotData, config: TuneConfig, twins: Mapping[str, str] | None = None) -> list[Row]:
    """Rows of the training part, one for each answer of grade `min_grade` or more (an anchor with only lower ones keeps its best).

    An anchor's reviewed negatives go round its rows, so each row shows up to `negatives` different ones. Documents that answer a development or
    test anchor, or are near-duplicates of one that does (`twins`, group by document id), are never shown as negatives.
    Raises `PairsmithError` when nothing is left to train on.
    """
    rng = random.Random(config.seed)
    groups = twins or {}

    def name(document_id: str) -> str:
        return groups.get(document_id, document_id)

    held_out = {name(document_id) for anchor in snapshot.anchors if anchor.part != Part.TRAIN for document_id in anchor.positives}
    rows: list[Row] = []
    for anchor in snapshot.part(Part.TRAIN):
        best = max(anchor.positives.values())
        chosen = [document_id for document_id, grade in anchor.positives.items() if grade >= min(config.min_grade, best)]
        negatives = [document_id for document_id in anchor.hard_negatives if name(document_id) not in held_out]
        rng.shuffle(negatives)
        for turn, document_id in enumerate(chosen):
            count = min(config.negatives, len(negatives))
            picked = [negatives[(turn * count + place) % len(negatives)] for place in range(count)]
            rows.append(
                Row(
                    anchor.text,
                    snapshot.contents[document_id],
                    [snapshot.contents[negative] for negative in picked],
                    anchor.id,
                    frozenset(map(name, [document_id, *picked])),
                    frozenset(map(name, anchor.positives)),
                )
            )
    if not rows:
        raise PairsmithError("There is nothing to train on: no anchor of the training part has an answer. Label answers on the label page first.")
    return rows


def read_generic(path: Path) -> list[Row]:
    """Everyday question–answer pairs: JSON Lines with `anchor` and `positive`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Row(row["anchor"], row["positive"], anchor_id=f"generic-{number}") for number, row in enumerate(rows)]


def mix_generic(rows: Sequence[Row], generic: Sequence[Row], config: TuneConfig) -> list[Row]:
    """As many generic rows as make up their share of all rows, drawn without replacement (all of them where there are too few)."""
    return random.Random(config.seed).sample(list(generic), min(config.count_generic(len(rows)), len(generic)))


def group_by_count(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    """Rows by how many negatives they carry: MultipleNegativesRankingLoss wants the same number in every row of a data set."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"pairs_{len(row.negatives)}", []).append(row)
    return dict(sorted(groups.items()))
