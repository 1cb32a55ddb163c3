"""Ranking measures, per anchor, on arrays of grades; ir-measures gives the same values in a test.

NDCG@k = DCG@k / ideal DCG@k with DCG@k = Σ grade(rank) / log2(rank + 1) (Järvelin and Kekäläinen, 2002; linear gain as in trec_eval). An anchor
without an answer has no value and is left out; an answer nobody retrieved counts as 0. The condensed form is NDCG@5 of the ranking without the
documents that nobody judged (Sakai, 2007): it flatters a system whose unjudged hits are wrong as much as NDCG punishes one whose unjudged hits are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

PRIMARY = "ndcg@5"
DEPTH = 100
_UNJUDGED, _END = -1, -2
"""Stand for a grade: of a document that nobody judged, and of a place after the end of a list."""

Qrels = Mapping[str, Mapping[str, int]]
Ranking = Mapping[str, Sequence[str]]
Scores = dict[str, dict[str, float]]
Grades = NDArray[np.int64]
Values = NDArray[np.float64]


def score_ranking(qrels: Qrels, ranking: Ranking, measures: Sequence[str] | None = None) -> Scores:
    """Each measure (all of `MEASURES` without a choice) for each anchor that has an answer (grade above 0): `scores[anchor_id][measure]`, in [0, 1].

    `ranking`: document ids by anchor id, best first; the order given is the order scored, so ties were broken by who made it. An anchor
    missing from the ranking scores 0.
    """
    answered = [anchor_id for anchor_id, grades in qrels.items() if any(grade > 0 for grade in grades.values())]
    names = tuple(MEASURES) if measures is None else measures
    if not answered:
        return {}
    found, wanted = _read_grades(answered, qrels, ranking), _read_ideals(answered, qrels)
    values = np.stack([MEASURES[name](found, wanted) for name in names], axis=1).tolist()
    return {anchor_id: dict(zip(names, row, strict=True)) for anchor_id, row in zip(answered, values, strict=True)}


def _read_grades(anchor_ids: Sequence[str], qrels: Qrels, ranking: Ranking) -> Grades:
    """The grades (q, `DEPTH`) int64 along each list."""
    found = np.full((len(anchor_ids), DEPTH), _END, np.int64)
    for row, anchor_id in enumerate(anchor_ids):
        grades, listed = qrels[anchor_id], ranking.get(anchor_id, ())[:DEPTH]
        found[row, : len(listed)] = [grades.get(item, _UNJUDGED) for item in listed]
    return found


def _read_ideals(anchor_ids: Sequence[str], qrels: Qrels) -> Grades:
    """The grades (q, m) int64 of each anchor's answers, highest first, 0 after the last of them."""
    answers = [sorted((grade for grade in qrels[anchor_id].values() if grade > 0), reverse=True) for anchor_id in anchor_ids]
    wanted = np.zeros((len(answers), max(map(len, answers))), np.int64)
    for row, grades in enumerate(answers):
        wanted[row, : len(grades)] = grades
    return wanted


def _ndcg(found: Grades, wanted: Grades, *, k: int) -> Values:
    return _dcg(found, k) / _dcg(wanted, k)


def _dcg(grades: Grades, k: int) -> Values:
    head = np.maximum(grades[:, :k], 0)
    return np.asarray(head @ (1.0 / np.log2(np.arange(2, head.shape[1] + 2))))


def _condensed_ndcg(found: Grades, wanted: Grades, *, k: int) -> Values:
    order = np.argsort(found < 0, axis=1, kind="stable")[:, :k]  # judged documents first, in their order
    return _ndcg(np.take_along_axis(found, order, axis=1), wanted, k=k)


def _recall(found: Grades, wanted: Grades, *, k: int) -> Values:
    return np.asarray((found[:, :k] > 0).sum(axis=1) / (wanted > 0).sum(axis=1))


def _reciprocal_rank(found: Grades, wanted: Grades, *, k: int) -> Values:
    hits = found[:, :k] > 0
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0)


def _judged(found: Grades, wanted: Grades, *, k: int) -> Values:
    head = found[:, :k]
    return np.asarray((head > _UNJUDGED).sum(axis=1) / np.maximum((head > _END).sum(axis=1), 1))


MEASURES = {
    "ndcg@5": partial(_ndcg, k=5),
    "ndcg@10": partial(_ndcg, k=10),
    "recall@5": partial(_recall, k=5),
    "recall@50": partial(_recall, k=50),
    "rr@10": partial(_reciprocal_rank, k=10),
    "judged@5": partial(_judged, k=5),
    "condensed_ndcg@5": partial(_condensed_ndcg, k=5),
}


def average(scores: Scores) -> dict[str, float]:
    """The mean of each measure over anchors; no anchors give no measures."""
    names = next(iter(scores.values()), {})
    return {name: float(np.mean([values[name] for values in scores.values()])) for name in names}
