"""Review what is in here: for the training anchors answered by documents of one part of the map, the hard negatives that lie there too.

By meaning from the cached vectors of one model, nearest to the question first (to its nearest answer in there, where the question's vector is not
cached), else by words with the reason said; no torch. Never proposed: what is judged for the anchor, what answers a paraphrase of it, near-duplicates of
both, and what answers a held-out anchor or is a near-duplicate of such an answer (`core.curation.held_out`). Of a near-duplicate group an anchor gets one.
Tie rule: similarity descending, then order of arrival; anchors by id. A group that no training anchor is answered in is refused.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from core.curation.alike import describe_candidate, require_twins
from core.curation.fan_out import Twins
from core.curation.held_out import forbid_documents, part_anchors
from core.curation.shown import INSIDE
from core.curation.split import read_positives
from core.model import Anchor, Candidate, Judgement, Label, ModelKind, ModelRecord, PairsmithError
from core.retrieval.lexical import open_lexical
from core.retrieval.search import CorpusVectors, VectorsMissing, find_query_vector, open_corpus_vectors
from core.retrieval.vectors import Floats
from core.store import artefacts, candidates, corpus, judgements
from core.workspace import Workspace

PER_ANCHOR = 5
"""Documents proposed to an anchor at most."""
MOST = 50
"""Pairs proposed at a time: as many as a reviewer is handed at once."""
DEPTH = 500
"""Neighbours by words that are looked at."""


@dataclass(frozen=True)
class Inside:
    """The pairs proposed, in the order of the queue, how many of them are new there, and what was missing when only words could be compared."""

    pairs: Sequence[tuple[str, str]]
    queued: int
    anchors: int
    """Training anchors that are answered in there."""
    note: str = ""

    @property
    def told(self) -> str:
        """What came of it, in words."""
        of = f"of {self.anchors:,} {'question' if self.anchors == 1 else 'questions'} answered there"
        if self.queued:
            words = f"{self.queued:,} {'pair' if self.queued == 1 else 'pairs'} {of} {'comes' if self.queued == 1 else 'come'} next."
        elif self.pairs:
            words = f"The {len(self.pairs):,} pairs {of} are in the queue already."
        else:
            words = f"Nothing in there is left to judge {of}."
        return f"{words} {self.note}".strip()


def propose_inside(
    workspace: Workspace,
    project_id: str,
    author: str,
    document_ids: Collection[str],
    twins: Twins,
    *,
    lease_s: float,
    model_id: str | None = None,
    now: float | None = None,
) -> Inside:
    """Put what may be a hard negative among `document_ids` in the queue, before all others and leased to `author`.

    `model_id`: whose vectors say what is near; the project's base model where None. Raises `PairsmithError` where no training anchor is answered by any of
    the documents, and where near-duplicates are not known for the corpus as it is.
    """
    at = time.time() if now is None else now
    groups = require_twins(twins)
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id)
        labelled = read_positives(judgements.read_qrels(conn, project_id))
        training, held_out = part_anchors(anchors, labelled)
        here = [anchor for anchor in training if not set(labelled[anchor.id]).isdisjoint(document_ids)]
        if not here:
            raise PairsmithError(
                f"None of these {len(document_ids):,} documents answers a question in training, so there is nothing that they could be hard negatives of. "
                "Mark answers among them on the label page, or choose another part of the map."
            )
        state = judgements.read_state(conn, project_id, anchor_ids=[anchor.id for anchor in here])
        record = _find_model(conn, project_id, model_id)
    forbidden = forbid_documents(held_out, labelled, groups)
    closed = {anchor.id: _close(anchor, anchors, state, labelled, twins) | forbidden for anchor in here}
    space = _Space(workspace, project_id, record)
    found = {anchor.id: space.choose(anchor, document_ids, closed[anchor.id], labelled[anchor.id], twins) for anchor in here}
    texts = {anchor.id: anchor.text for anchor in here}
    chosen = [space.describe(anchor_id, texts[anchor_id], document_id, labelled[anchor_id]) for anchor_id, document_id in _take_turns(found)]
    with workspace.store.write() as conn:
        queued = candidates.put_first(conn, project_id, chosen, author=author, lease_s=lease_s, now=at)
    return Inside([(item.anchor_id, item.document_id) for item in chosen], queued, len(here), space.note)


class _Space:
    """What is near to what, under one model or by words alone; `note` says which where it is words."""

    def __init__(self, workspace: Workspace, project_id: str, record: ModelRecord | None) -> None:
        self.workspace, self.record, self.note = workspace, record, ""
        self.lexical = open_lexical(workspace, project_id)
        self.held: CorpusVectors | None = None
        try:
            self.held = None if record is None else open_corpus_vectors(workspace, project_id, record)
        except VectorsMissing as error:
            self.note = str(error)
        if record is None:
            self.note = "The documents are not embedded yet, so only words were compared."
        self.row_of = {document_id: row for row, document_id in enumerate(self.held.ids)} if self.held else {}

    def choose(self, anchor: Anchor, inside: Collection[str], closed: Collection[str], answers: Sequence[str], twins: Twins) -> list[str]:
        """Up to `PER_ANCHOR` documents for an anchor, best first."""
        chosen: list[str] = []
        for found in self._rank(anchor, inside, answers):
            if found in inside and found not in closed and set(chosen).isdisjoint(twins.of(found)):
                chosen.append(found)
            if len(chosen) == PER_ANCHOR:
                break
        return chosen

    def describe(self, anchor_id: str, text: str, document_id: str, answers: Sequence[str]) -> Candidate:
        """The pair as a candidate, with the figures that mining would give it."""
        return describe_candidate(anchor_id, document_id, INSIDE, answers, self._by_words(text), self.record, self.held, self._vector(text))

    def _rank(self, anchor: Anchor, inside: Collection[str], answers: Sequence[str]) -> list[str]:
        if self.held is None:
            return self._by_words(anchor.text)
        rows = np.array(sorted(self.row_of[item] for item in inside if item in self.row_of), np.int64)
        vector = self._vector(anchor.text)
        near = self.held.vectors[[self.row_of[item] for item in answers if item in inside]] if vector is None else vector[np.newaxis]
        scores = np.asarray(self.held.vectors[rows] @ near.T).max(axis=1)
        return [self.held.ids[row] for row in rows[np.argsort(-scores, kind="stable")].tolist()]

    def _by_words(self, text: str) -> list[str]:
        return [document_id for document_id, _ in self.lexical.search(text, DEPTH)]

    def _vector(self, text: str) -> Floats | None:
        return find_query_vector(self.workspace, self.record, text) if self.record is not None and self.held is not None else None


def _close(anchor: Anchor, anchors: Sequence[Anchor], state: Sequence[Judgement], answers: Mapping[str, Sequence[str]], twins: Twins) -> set[str]:
    """What is judged for an anchor or answers a paraphrase of it, and its near-duplicates."""
    said = {item.document_id for item in state if item.anchor_id == anchor.id and item.label != Label.UNJUDGED}
    said |= {document_id for other in anchors if other.question == anchor.question for document_id in answers.get(other.id, ())}
    return {twin for document_id in said for twin in twins.of(document_id)}


def _take_turns(found: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """At most `MOST` pairs, the best of each anchor before the second best of any; then an anchor's together, since its question is read once."""
    taken = [(anchor_id, items[place]) for place in range(PER_ANCHOR) for anchor_id, items in found.items() if place < len(items)][:MOST]
    place_of = {anchor_id: place for place, anchor_id in enumerate(found)}
    return sorted(taken, key=lambda pair: place_of[pair[0]])


def _find_model(conn: Connection, project_id: str, model_id: str | None) -> ModelRecord | None:
    """The model by its id, else the project's base model; None before anything was embedded."""
    if model_id is not None:
        return artefacts.get_model(conn, project_id, model_id)
    return next((model for model in artefacts.list_models(conn, project_id) if model.kind == ModelKind.BASE), None)
