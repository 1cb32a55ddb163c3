"""Mining hard negatives: the union of dense and lexical neighbours of an anchor, each kept with the reason it is proposed or set aside.

Only anchors in training are mined, among documents that answer no development or test anchor, so nothing held out leaks into training. What looks
as good as an answer (ratio to the lowest positive at or above `Mining.suspicious_ratio`) is not thrown away: it is shown first.
Start value 0.95: NV-Retriever, arXiv 2407.15831. No torch here: the vectors come in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.model import Candidate, CandidateStatus
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats


@dataclass(frozen=True)
class Mining:
    """How candidates are chosen."""

    depth: int = 50
    """Neighbours taken from each of the two rankings."""
    per_anchor: int = 8
    """Candidates shown for an anchor; the rest is kept as set aside."""
    suspicious_ratio: float = 0.95
    """Similarity over the anchor's lowest positive from which a candidate may well be an answer."""
    ceiling_ratio: float = 1.15
    """Above this the candidate beats the anchor's own answers by so much that it is shown before all others."""


@dataclass(frozen=True)
class MiningInput:
    """What the miner looks at. `documents` (n, d) and `anchors` (m, d) float32, rows L2-normalised, in the order of their ids."""

    document_ids: Sequence[str]
    documents: Floats
    anchor_ids: Sequence[str]
    anchors: Floats
    lexical: Mapping[str, Sequence[str]]
    """Document ids by anchor id, best first."""
    grades: Mapping[str, Mapping[str, int]]
    """Judged pairs: grade by anchor id and document id, 0 for a hard negative."""
    closed: frozenset[tuple[str, str]] = frozenset()
    """Pairs judged otherwise (ambiguous, skipped …): never proposed again."""
    forbidden: frozenset[str] = frozenset()
    """Documents that may not be seen in training."""
    twins: Mapping[str, str] | None = None
    """Near-duplicate group by document id."""
    model_id: str = ""


def mine_candidates(data: MiningInput, options: Mining = Mining()) -> list[Candidate]:
    """Candidates of every anchor that has an answer, highest priority first; none for an empty corpus."""
    row_of = {document_id: row for row, document_id in enumerate(data.document_ids)}
    if not row_of or not len(data.anchor_ids):
        return []
    ranks, _ = search_dense(data.anchors, data.documents, options.depth)
    found: list[Candidate] = []
    for i, anchor_id in enumerate(data.anchor_ids):
        dense = {data.document_ids[row]: rank for rank, row in enumerate(ranks[i].tolist(), start=1)}
        lexical = {document_id: rank for rank, document_id in enumerate(data.lexical.get(anchor_id, ())[: options.depth], start=1)}
        found += _mine_anchor(anchor_id, data.anchors[i], dense, lexical, row_of, data, options)
    return _order(found)


def _mine_anchor(
    anchor_id: str,
    vector: Floats,
    dense: Mapping[str, int],
    lexical: Mapping[str, int],
    row_of: Mapping[str, int],
    data: MiningInput,
    options: Mining,
) -> list[Candidate]:
    grades = data.grades.get(anchor_id, {})
    answers = [document_id for document_id, grade in grades.items() if grade > 0 and document_id in row_of]
    if not answers:
        return []
    twins = data.twins or {}
    answer_groups = {twins[document_id] for document_id in answers if document_id in twins}
    lowest = float(np.min(data.documents[[row_of[document_id] for document_id in answers]] @ vector))
    pool = sorted(
        document_id
        for document_id in dense.keys() | lexical.keys()
        if document_id not in grades and document_id not in data.forbidden and (anchor_id, document_id) not in data.closed and document_id in row_of
    )
    scored: list[Candidate] = []
    for document_id in pool:
        similarity = float(data.documents[row_of[document_id]] @ vector)
        ratio = similarity / lowest if lowest > 0 else None
        status, reason = _judge(document_id, ratio, twins.get(document_id) in answer_groups, options)
        ranks = (dense.get(document_id), lexical.get(document_id))
        scored.append(Candidate(anchor_id, document_id, status, reason, 0.0, similarity, ratio, *ranks, model_id=data.model_id))
    scored.sort(key=lambda item: (item.status != CandidateStatus.SUSPICIOUS, -item.similarity, item.document_id))
    shown = [item for item in scored if item.status != CandidateStatus.SET_ASIDE]
    return shown[: options.per_anchor] + [_set_aside(item, "further down than the queue reaches") for item in shown[options.per_anchor :]]


def _judge(document_id: str, ratio: float | None, is_twin: bool, options: Mining) -> tuple[CandidateStatus, str]:
    if is_twin:
        return CandidateStatus.SUSPICIOUS, "near-duplicate of an answer"
    if ratio is None:
        return CandidateStatus.PROPOSED, "near the question"
    if ratio >= options.ceiling_ratio:
        return CandidateStatus.SUSPICIOUS, "nearer to the question than its known answers"
    if ratio >= options.suspicious_ratio:
        return CandidateStatus.SUSPICIOUS, "as near to the question as its known answers"
    return CandidateStatus.PROPOSED, "near the question, below its answers"


def _set_aside(item: Candidate, reason: str) -> Candidate:
    return Candidate(**vars(item) | {"status": CandidateStatus.SET_ASIDE, "reason": reason})


def _order(found: Sequence[Candidate]) -> list[Candidate]:
    """Priorities: all suspicious before all proposed, and inside each the candidates of one anchor together, so it is read once."""
    best: dict[tuple[str, CandidateStatus], float] = {}
    for item in found:
        key = (item.anchor_id, item.status)
        best[key] = max(best.get(key, -2.0), item.ratio if item.ratio is not None else item.similarity)
    order = {CandidateStatus.SUSPICIOUS: 0, CandidateStatus.PROPOSED: 1, CandidateStatus.SET_ASIDE: 2}
    ranked = sorted(found, key=lambda item: (order[item.status], -best[item.anchor_id, item.status], item.anchor_id, -item.similarity, item.document_id))
    return [Candidate(**vars(item) | {"priority": float(len(ranked) - place)}) for place, item in enumerate(ranked)]
