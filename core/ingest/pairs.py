"""The canonical JSON Lines: `{"anchor": …, "positive": …, "hard_negatives": […]}`, one pair or group a line.

Texts are the identity: an anchor's or document's id is made from its text (a document's without the white space around it), so the same text met
again is the same record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.ingest.beir import import_judgement
from core.ingest.bundle import Bundle, Problem
from core.ingest.lines import check_text, read_objects
from core.model import Anchor, Document, Judgement, Label, hash_text

IMPORT_GRADE = 3
"""A positive of a pair file is taken as a full answer where the pair has no grade yet."""


def read_pairs(path: Path, known_documents: Mapping[str, str] | None = None, known_anchors: Mapping[str, str] | None = None) -> Bundle:
    """Read a pair file. `positive` may be a string or a list; `hard_negatives` may be missing.

    `known_documents` and `known_anchors`: ids by content hash of what the project has, which are used in place of new ones. Every fault is a `Problem`
    with its line, a text that is both answer and hard negative of one anchor included.
    """
    problems: list[Problem] = []
    known = known_documents or {}
    documents: dict[str, Document] = {}
    anchors: dict[str, Anchor] = {}
    judgements: dict[tuple[str, str], Judgement] = {}
    for number, row in read_objects(path, problems):
        text = check_text(row.get("anchor"), "anchor", path, number, problems)
        positives = _read_texts(row.get("positive"), "positive", path, number, problems, needed=True)
        negatives = _read_texts(row.get("hard_negatives"), "hard_negatives", path, number, problems, needed=False)
        if text is None:
            continue
        anchor = Anchor((known_anchors or {}).get(hash_text(text), "a-" + hash_text(text)[:16]), text)
        anchors[anchor.id] = anchor
        for passage, grade in [(item, IMPORT_GRADE) for item in positives] + [(item, 0) for item in negatives]:
            digest = hash_text(passage)
            document_id = known.get(digest, "d-" + digest[:16])
            if digest not in known:
                documents[document_id] = Document(document_id, passage)
            before = judgements.setdefault((anchor.id, document_id), import_judgement(anchor.id, document_id, grade))
            if before.grade != grade:
                problems.append(Problem(path.name, number, "the same text is given as positive and as hard negative of this anchor."))
    return Bundle(list(documents.values()), list(anchors.values()), list(judgements.values()), problems, graded=False)


def read_pasted_anchors(pasted: str) -> list[Anchor]:
    """Anchors from pasted text, one a line, in order, each once; blank lines are passed over and what no database can hold is left out."""
    clean = pasted.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
    texts = dict.fromkeys(line.strip() for line in clean.splitlines() if line.strip())
    return [Anchor("a-" + hash_text(text)[:16], text) for text in texts]


def write_pairs(anchors: Iterable[Anchor], documents: Mapping[str, Document], state: Iterable[Judgement]) -> Iterator[dict[str, Any]]:
    """The rows of a pair file, one an anchor with an answer: anchor, positives by falling grade, hard negatives by id."""
    by_anchor: dict[str, list[Judgement]] = {}
    for item in state:
        by_anchor.setdefault(item.anchor_id, []).append(item)
    for anchor in anchors:
        items = by_anchor.get(anchor.id, [])
        positives = sorted((item for item in items if item.label == Label.POSITIVE and item.grade > 0), key=lambda item: (-item.grade, item.document_id))
        negatives = sorted((item for item in items if item.label == Label.HARD_NEGATIVE), key=lambda item: item.document_id)
        if positives:
            yield {
                "anchor": anchor.text,
                "positive": [documents[item.document_id].content for item in positives],
                "hard_negatives": [documents[item.document_id].content for item in negatives],
            }


def _read_texts(value: Any, what: str, path: Path, number: int, problems: list[Problem], *, needed: bool) -> list[str]:
    if value is None and not needed:
        return []
    items = value if isinstance(value, list) else [value]
    if needed and not items:
        problems.append(Problem(path.name, number, f"{what} is an empty list."))
    checked = [check_text(item, what, path, number, problems) for item in items]
    return [item.strip() for item in checked if item is not None]
