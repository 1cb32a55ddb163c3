"""More like this: the nearest neighbours of a document that was just marked as an answer, put at the head of the queue for who asks.

By meaning from the cached vectors of the mining model, else by words with the reason said; no torch. Never proposed: what is judged for the anchor,
what answers a held-out anchor or a paraphrase of one (nor its near-duplicates: the rule of mining, `core.curation.held_out`), and near-duplicates of the
document, which were judged with it.
Asking again for the same pair proposes the same documents: what was judged meanwhile is not put back. Tie rule: similarity descending, then order of arrival.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from core.curation.fan_out import Twins
from core.curation.held_out import forbid_documents, part_anchors
from core.curation.shown import ALIKE
from core.curation.split import read_positives
from core.model import Candidate, CandidateStatus, Label, ModelKind, ModelRecord, PairsmithError
from core.retrieval.lexical import open_lexical
from core.retrieval.ranking import search_dense
from core.retrieval.search import CorpusVectors, VectorsMissing, find_query_vector, open_corpus_vectors
from core.retrieval.vectors import Floats
from core.store import artefacts, candidates, corpus, judgements
from core.workspace import Workspace

COUNT = 5
"""Documents proposed at a time."""
DEPTH = 200
"""Neighbours looked at."""


@dataclass(frozen=True)
class Alike:
    """The documents proposed, nearest first, how many of them are new in the queue, and what was missing when only words could be compared."""

    document_ids: Sequence[str]
    queued: int
    note: str = ""


def propose_alike(
    workspace: Workspace,
    project_id: str,
    author: str,
    anchor_id: str,
    document_id: str,
    twins: Twins,
    *,
    lease_s: float,
    n: int = COUNT,
    now: float | None = None,
) -> Alike:
    """Put the `n` nearest neighbours of an answer in the queue, before all others and leased to `author`.

    Raises `PairsmithError` where the document is no answer of the anchor, where the anchor or a paraphrase of it is not in training, since labels of what is
    held out must not be hunted for, and where near-duplicates are not known for the corpus as it is.
    """
    at = time.time() if now is None else now
    with workspace.store.read() as conn:
        anchor = corpus.get_anchor(conn, project_id, anchor_id)
        standing = judgements.find_standing(conn, project_id, anchor_id, document_id)
        if standing is None or standing.label != Label.POSITIVE:
            raise PairsmithError(f"{document_id} is not marked as an answer of {anchor_id}, so there is nothing to look for more of. Mark it first.")
        anchors = corpus.read_anchors(conn, project_id)
        labelled = read_positives(judgements.read_qrels(conn, project_id))
        training, held_out = part_anchors(anchors, labelled)
        if anchor_id in held_out:
            raise PairsmithError(
                f"{anchor_id} or a paraphrase of it is held out for measuring, so nothing like its answers is put in the queue. Use an anchor in training."
            )
        if anchor_id not in {item.id for item in training}:
            raise PairsmithError(f"{anchor_id} is not in training yet, so nothing is put in the queue for it. Look for candidates once: that assigns its part.")
        state = judgements.read_state(conn, project_id, anchor_ids=[anchor_id])
        closed = {item.document_id for item in state if (item.seq or 0) <= (standing.seq or 0)} | set(twins.of(document_id))
        closed |= forbid_documents(held_out, labelled, require_twins(twins))
        record = _find_model(conn, project_id, anchor_id, document_id)
        text = corpus.get_documents(conn, project_id, [document_id])[document_id].content
    ranked, held, note = _rank(workspace, project_id, record, document_id, text)
    chosen: list[str] = []
    for found in ranked:
        if found not in closed and closed.isdisjoint(twins.of(found)) and not set(chosen) & set(twins.of(found)):
            chosen.append(found)
        if len(chosen) == n:
            break
    answers = [item.document_id for item in state if item.label == Label.POSITIVE and item.grade > 0]
    lexical = [found for found, _ in open_lexical(workspace, project_id).search(anchor.text, DEPTH)]
    vector = find_query_vector(workspace, record, anchor.text) if record is not None and held is not None else None
    items = [describe_candidate(anchor_id, found, ALIKE, answers, lexical, record, held, vector) for found in chosen]
    with workspace.store.write() as conn:
        queued = candidates.put_first(conn, project_id, items, author=author, lease_s=lease_s, now=at)
    return Alike(chosen, queued, note)


def require_twins(twins: Twins) -> Mapping[str, str]:
    """The near-duplicate groups. Raises `PairsmithError` where they are not known for the corpus as it is."""
    if twins.groups is None:
        raise PairsmithError(
            "Which documents are near-duplicates is not known for the corpus as it is, so a near-duplicate of an answer that is held out might be shown. "
            "Look for candidates once: that finds them."
        )
    return twins.groups


def _find_model(conn: Connection, project_id: str, anchor_id: str, document_id: str) -> ModelRecord | None:
    """The model that mined the pair, else the project's base model; None before anything was embedded."""
    models = artefacts.list_models(conn, project_id)
    candidate = candidates.find_candidate(conn, project_id, anchor_id, document_id)
    mined = next((model for model in models if candidate is not None and model.id == candidate.model_id), None)
    return mined or next((model for model in models if model.kind == ModelKind.BASE), None)


def _rank(workspace: Workspace, project_id: str, record: ModelRecord | None, document_id: str, text: str) -> tuple[list[str], CorpusVectors | None, str]:
    """Neighbours, nearest first, with the vectors they were found by."""
    note = "The documents are not embedded yet, so only words were compared."
    if record is not None:
        try:
            held = open_corpus_vectors(workspace, project_id, record)
            row = list(held.ids).index(document_id)
            rows, _ = search_dense(held.vectors[row : row + 1], held.vectors, DEPTH)
            return [held.ids[found] for found in rows[0].tolist()], held, ""
        except VectorsMissing as error:
            note = str(error)
    return [found for found, _ in open_lexical(workspace, project_id).search(text, DEPTH)], None, note


def describe_candidate(
    anchor_id: str,
    document_id: str,
    reason: str,
    answers: Sequence[str],
    lexical: Sequence[str],
    record: ModelRecord | None,
    held: CorpusVectors | None,
    vector: Floats | None,
) -> Candidate:
    """The candidate with the figures the miner would give it, as far as its vectors are there; a similarity of 0 where they are not."""
    similarity, ratio, dense_rank = 0.0, None, None
    if held is not None and vector is not None:
        scores = np.asarray(held.vectors @ vector)
        row_of = {found: row for row, found in enumerate(held.ids)}
        similarity = float(scores[row_of[document_id]])
        lowest = min(float(scores[row_of[answer]]) for answer in answers)
        ratio = similarity / lowest if lowest > 0 else None
        dense_rank = int((scores > similarity).sum()) + 1
    return Candidate(
        anchor_id,
        document_id,
        CandidateStatus.SUSPICIOUS,
        reason,
        0.0,
        similarity,
        ratio,
        dense_rank,
        lexical.index(document_id) + 1 if document_id in lexical else None,
        record.id if record is not None and held is not None else "",
    )
