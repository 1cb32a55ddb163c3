"""Mining hard negatives: the union of dense and lexical neighbours of an anchor, each kept with the reason it is proposed or set aside.

Only anchors with an answer are mined, among documents that answer no development or test anchor, so nothing held out leaks into training. What may be
an answer (a near-duplicate of one, from the same parent, as near as one, or as good to a reranker) is not thrown away: it is shown first. Start value
of the ratio 0.95: NV-Retriever, arXiv 2407.15831; about 70 % of unlabelled top hits were relevant in RocketQA, arXiv 2010.08191.
The place of the queue's records is settled in `core.curation.queue_order`. No torch here: the vectors come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from core.curation.candidate_pool import Known, MiningInput, Pool, gather_pool, read_known
from core.curation.queue_order import Ordered, order_queue
from core.model import Candidate, CandidateStatus, PairsmithError
from core.retrieval.ranking import RRF_K
from core.retrieval.vectors import Floats
from core.store.candidates import FURTHER_REASON

__all__ = ["Mining", "MiningInput", "mine_candidates"]

Ints = NDArray[np.int64]
START_RATIO = 0.95
"""The suspicious ratio until a project's own clicks tell a better one."""
SAME_PARENT = ("suspicious", "aside", "ignore")
TWIN_REASON = "near-duplicate of an answer"
PARENT_REASON = "from the same document as an answer, so likely a part of it"
ABOVE_REASON = "nearer to the question than its known answers"
NEAR_REASON = "as near to the question as its known answers"
RERANKER_REASON = "the reranker finds it as good as a known answer"
BELOW_REASON = "near the question, below its answers"
PLAIN_REASON = "near the question"
_REASONS = (TWIN_REASON, PARENT_REASON, ABOVE_REASON, NEAR_REASON, RERANKER_REASON, BELOW_REASON, PLAIN_REASON)
_BELOW, _PLAIN = 5, 6
AUDIT_REASON = "drawn at random from what looks safe"
LIKELY_FURTHER_REASON = "may be an answer, but further down than the queue reaches"
JUDGED_TWIN_REASON = "near-duplicate of {}, which is judged already"
QUEUED_TWIN_REASON = "near-duplicate of {}, which is in the queue"
OTHER_TWIN_REASON = "near-duplicate of {}, which is a nearer candidate"


@dataclass(frozen=True)
class Mining:
    """How candidates are chosen. Raises `PairsmithError` for what makes no sense."""

    depth: int = 50
    """Neighbours taken from each of the two rankings."""
    per_anchor: int = 8
    """Candidates shown for an anchor; the rest is kept as set aside."""
    suspicious_ratio: float | None = None
    """Similarity over the anchor's lowest positive from which a candidate may well be an answer; None for the project's calibrated one."""
    ceiling_ratio: float = 1.15
    """Above this the candidate beats the anchor's own answers by far, and the reason says so."""
    same_parent: str = "suspicious"
    """What becomes of a passage of the same parent as an answer: `suspicious`, set `aside`, or `ignore`."""
    reranker: str = ""
    """A folder or hub id of a cross-encoder that scores the nearest candidates; empty for none."""
    rerank_depth: int = 20
    """Candidates of an anchor that the reranker scores, the nearest first."""

    def __post_init__(self) -> None:
        if self.same_parent not in SAME_PARENT:
            raise PairsmithError(f"{self.same_parent!r} is no rule for passages of the same parent. Give one of {', '.join(SAME_PARENT)}.")
        for name in ("depth", "per_anchor", "rerank_depth"):
            if getattr(self, name) < 1:
                raise PairsmithError(f"{name} is {getattr(self, name)}, which leaves nothing to mine. Give 1 or more.")
        if self.suspicious_ratio is not None and not 0 < self.suspicious_ratio < 10:
            raise PairsmithError(f"A suspicious ratio of {self.suspicious_ratio} makes no sense: 1 is as near as the lowest answer. Give 0.8 to 1.05.")


def mine_candidates(data: MiningInput, options: Mining = Mining()) -> list[Candidate]:
    """Candidates of every anchor that has an answer, highest priority first; none for an empty corpus.

    Ties: similarity descending, then document id; the order does not depend on the order of the input, but where equal scores are cut off at `depth`.
    """
    row_of = {document_id: row for row, document_id in enumerate(data.document_ids)}
    known = read_known(data, row_of)
    mined = [i for i, anchor_id in enumerate(data.anchor_ids) if known.own[anchor_id]]
    if not row_of or not mined:
        return []
    pool = gather_pool(data, row_of, known, mined, options.depth)
    if not len(pool.anchor):
        return []
    codes, twin_rows, is_kin = _find_kin(data, known, pool, mined)
    ids = [data.document_ids[row] for row in pool.document.tolist()]
    names = [data.anchor_ids[mined[place]] for place in pool.anchor.tolist()]
    scores, floor = _rerank(data, known, pool, mined, options)
    why, likely, aside = _judge(pool, codes.answer_twin, is_kin, scores, floor, options)
    ordered = order_queue(
        anchors=pool.anchor,
        anchor_ids=[data.anchor_ids[i] for i in mined],
        document_ids=ids,
        similarity=pool.similarity,
        weight=np.where(likely, _fuse_ranks(pool), np.where(np.isnan(pool.ratio), pool.similarity, pool.ratio)),
        likely=likely,
        aside=aside | (codes.judged_twin >= 0),
        twins=codes.group,
        per_anchor=options.per_anchor,
        salt=data.salt,
    )
    reasons = _word_reasons(data, ordered, why, aside, codes.judged_twin, ids)
    statuses = np.where(ordered.queued, np.where(likely, 0, 1), 2).tolist()
    kinds = (CandidateStatus.SUSPICIOUS, CandidateStatus.PROPOSED, CandidateStatus.SET_ASIDE)
    columns: list[Iterable[object]] = [
        names,
        ids,
        [kinds[status] for status in statuses],
        reasons,
        ordered.priority.tolist(),
        pool.similarity.tolist(),
        _or_none(pool.ratio),
        [rank or None for rank in pool.dense_rank.tolist()],
        [rank or None for rank in pool.lexical_rank.tolist()],
        [data.model_id] * len(ids),
        _or_none(scores),
        [None if row < 0 else data.document_ids[row] for row in twin_rows.tolist()],
        is_kin.tolist(),
        ordered.audit.tolist(),
    ]
    made = list(map(Candidate, *columns))
    return [made[place] for place in ordered.order.tolist()]


@dataclass(frozen=True)
class _Codes:
    """For each pair (p,): its near-duplicate group (-1 for none), whether an answer is in it, and the row of a judged non-answer in it (-1 for none)."""

    group: Ints
    answer_twin: NDArray[np.bool_]
    judged_twin: Ints


def _find_kin(data: MiningInput, known: Known, pool: Pool, mined: Sequence[int]) -> tuple[_Codes, Ints, NDArray[np.bool_]]:
    """Near-duplicates and passages of the same parent: codes, the row of the answer each is a near-duplicate of (-1 for none), and who shares a parent."""
    twins = _number(data.twins or {}, data.document_ids)
    parents = _number(data.parents, data.document_ids)
    twin_rows, judged_rows = np.full(len(pool.anchor), -1, np.int64), np.full(len(pool.anchor), -1, np.int64)
    is_kin = np.zeros(len(pool.anchor), np.bool_)
    starts = np.searchsorted(pool.anchor, np.arange(len(mined) + 1))
    if np.any(twins >= 0) or np.any(parents >= 0):
        for place, i in enumerate(mined):
            part = slice(starts[place], starts[place + 1])
            rows = pool.document[part]
            answers = known.answers[data.anchor_ids[i]]
            kin = parents[list(answers)]
            is_kin[part] = np.isin(parents[rows], kin[kin >= 0])
            others = sorted(known.judged[data.anchor_ids[i]] - set(answers), key=lambda row: data.document_ids[row])
            for into, said in ((twin_rows, answers), (judged_rows, others)):
                first = {int(twins[row]): row for row in reversed(said) if twins[row] >= 0}
                if first:
                    into[part] = [first.get(code, -1) for code in twins[rows].tolist()]
    judged_rows[twin_rows >= 0] = -1  # who resembles an answer and a judged negative alike is looked at
    return _Codes(twins[pool.document], twin_rows >= 0, judged_rows), twin_rows, is_kin


def _number(groups: Mapping[str, str], ids: Sequence[str]) -> Ints:
    """A number for each document's group, -1 for none."""
    numbers: dict[str, int] = {}
    return np.fromiter((numbers.setdefault(groups[item], len(numbers)) if item in groups else -1 for item in ids), np.int64, len(ids))


def _rerank(data: MiningInput, known: Known, pool: Pool, mined: Sequence[int], options: Mining) -> tuple[Floats, Floats]:
    """Reranker scores (p,) of each anchor's nearest candidates and, for each pair, the lowest score of the anchor's answers; NaN where there is none."""
    scores, lowest = np.full(len(pool.anchor), np.nan, np.float32), np.full(len(pool.anchor), np.nan, np.float32)
    if data.rerank is None:
        return scores, lowest
    order = np.lexsort((pool.document, -pool.similarity, pool.anchor))
    starts = np.searchsorted(pool.anchor, np.arange(len(mined)))
    chosen = order[np.arange(len(order)) - starts[pool.anchor[order]] < options.rerank_depth]
    anchor_ids = [data.anchor_ids[i] for i in mined]
    answers = [(place, row) for place, anchor_id in enumerate(anchor_ids) for row in known.own[anchor_id]]
    pairs = [(anchor_ids[pool.anchor[at]], data.document_ids[pool.document[at]]) for at in chosen]
    found = np.asarray(data.rerank(pairs + [(anchor_ids[place], data.document_ids[row]) for place, row in answers]), np.float32)
    scores[chosen] = found[: len(chosen)]
    floor = np.full(len(mined), np.inf, np.float32)
    np.minimum.at(floor, [place for place, _ in answers], found[len(chosen) :])
    return scores, floor[pool.anchor]


def _judge(
    pool: Pool, is_twin: NDArray[np.bool_], is_kin: NDArray[np.bool_], scores: Floats, floor: Floats, options: Mining
) -> tuple[Ints, NDArray[np.bool_], NDArray[np.bool_]]:
    """For each pair the number of its reason in `_REASONS`, whether it may well be an answer, and whether it is set aside for its parent."""
    threshold = START_RATIO if options.suspicious_ratio is None else options.suspicious_ratio
    ceiling = max(options.ceiling_ratio, threshold)
    kin = is_kin & (options.same_parent != "ignore") & ~is_twin
    with np.errstate(invalid="ignore"):
        conditions = [is_twin, kin, pool.ratio >= ceiling, pool.ratio >= threshold, scores >= floor, ~np.isnan(pool.ratio)]
    why = np.select(conditions, [0, 1, 2, 3, 4, _BELOW], _PLAIN).astype(np.int64)
    aside = kin & (options.same_parent == "aside")
    return why, (why < _BELOW) & ~aside, aside


def _fuse_ranks(pool: Pool) -> NDArray[np.float64]:
    """Reciprocal rank sum (p,) of each pair over both rankings, as `core.retrieval.ranking.fuse_rankings` has it.

    What may be an answer is ordered by it, since an answer tends to be near by words and by meaning: of answers hidden in the sample it put far more
    among the first fifty than the ratio, which an anchor with a distant lowest answer inflates (`python -m tests.bench suspicious`).
    """
    ranks = (pool.dense_rank, pool.lexical_rank)
    return np.asarray(np.sum([np.where(rank > 0, 1.0 / (RRF_K + rank), 0.0) for rank in ranks], axis=0), dtype=np.float64)


def _word_reasons(data: MiningInput, ordered: Ordered, why: Ints, aside: NDArray[np.bool_], judged_twin: Ints, ids: Sequence[str]) -> list[str]:
    """A reason in plain words for each pair."""
    reasons = [_REASONS[number] for number in why.tolist()]
    for at in np.flatnonzero(~ordered.queued).tolist():
        if aside[at]:
            continue
        if judged_twin[at] >= 0:
            reasons[at] = JUDGED_TWIN_REASON.format(data.document_ids[judged_twin[at]])
        elif ordered.stands_for[at] >= 0:
            first = int(ordered.stands_for[at])
            reasons[at] = (QUEUED_TWIN_REASON if ordered.queued[first] else OTHER_TWIN_REASON).format(ids[first])
        else:
            reasons[at] = LIKELY_FURTHER_REASON if why[at] < _BELOW else FURTHER_REASON
    for at in np.flatnonzero(ordered.audit).tolist():
        reasons[at] = AUDIT_REASON
    return reasons


def _or_none(values: Floats) -> list[float | None]:
    return [None if isnan(value) else value for value in values.tolist()]
