"""What stands around the documents of a map: nearest neighbours under a model, what is said of each document, and the anchors it answers. No torch here.

The part of a document is that of the anchors it answers. NDCG@5 of an anchor is that of the newest stored evaluations on held-out anchors; an anchor that
neither covers has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from core.evaluation.measures import PRIMARY
from core.geometry.neighbours import K
from core.model import Label, Part
from core.retrieval.ranking import search_dense
from core.retrieval.search import VectorsMissing, open_corpus_vectors
from core.store import artefacts, corpus, judgements
from core.workspace import Workspace

ANSWER, NEGATIVE, UNJUDGED = "Answer", "Hard negative", "Unjudged"
SEVERAL = "several parts"


@dataclass(frozen=True)
class Standing:
    """By document id: whether it answers any anchor, else whether it is a hard negative of one; and the part of the anchors it answers."""

    labels: Mapping[str, str]
    parts: Mapping[str, str]


@dataclass(frozen=True)
class AnsweredAnchor:
    """An anchor that a document answers, with its grade and NDCG@5 under both models; None where it was not measured."""

    id: str
    text: str
    part: Part | None
    grade: int
    base: float | None
    tuned: float | None

    @property
    def change(self) -> float | None:
        """Tuned minus base."""
        return None if self.base is None or self.tuned is None else self.tuned - self.base


def read_standing(conn: Connection, project_id: str) -> Standing:
    """What is said of every document that anything is said of."""
    parts = {anchor.id: anchor.part for anchor in corpus.read_anchors(conn, project_id)}
    labels: dict[str, str] = {}
    stands: dict[str, set[str]] = {}
    for item in judgements.read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE]):
        if item.label == Label.POSITIVE:
            labels[item.document_id] = ANSWER
            part = parts.get(item.anchor_id)
            stands.setdefault(item.document_id, set()).add(part.value if part else "no part yet")
        else:
            labels.setdefault(item.document_id, NEGATIVE)
    return Standing(labels, {document_id: found.pop() if len(found) == 1 else SEVERAL for document_id, found in stands.items()})


def read_neighbours(workspace: Workspace, project_id: str, model_id: str, document_id: str, k: int = K) -> list[str]:
    """The ids of the `k` documents nearest to one under a model, nearest first, ties by order of arrival.

    None for a document that is not in the corpus, or where the model's vectors are not all there.
    """
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, project_id, model_id)
    try:
        held = open_corpus_vectors(workspace, project_id, record)
    except VectorsMissing:
        return []
    if document_id not in held.ids:
        return []
    row = list(held.ids).index(document_id)
    rows, _ = search_dense(np.asarray(held.vectors[row : row + 1]), held.vectors, k + 1)
    return [held.ids[found] for found in rows[0].tolist() if found != row][:k]


def read_answered(conn: Connection, project_id: str, document_id: str, models: Sequence[str]) -> list[AnsweredAnchor]:
    """The anchors that a document answers, the largest change first, unmeasured ones last, ties by id. `models`: ids of base and tuned."""
    qrels = judgements.read_qrels(conn, project_id)
    grades = {anchor_id: found[document_id] for anchor_id, found in qrels.items() if found.get(document_id, 0) > 0}
    anchors = corpus.get_anchors(conn, project_id, sorted(grades))
    held_out = artefacts.list_evaluations(conn, project_id, part=Part.TEST.value)
    newest = [next((item for item in held_out if item.model_id == model_id), None) for model_id in models]
    base, tuned = ({} if item is None else artefacts.read_scores(conn, item.id, PRIMARY) for item in newest)
    found = [AnsweredAnchor(item.id, item.text, item.part, grades[item.id], base.get(item.id), tuned.get(item.id)) for item in anchors.values()]
    return sorted(found, key=lambda item: (item.change is None, -abs(item.change or 0.0), item.id))
