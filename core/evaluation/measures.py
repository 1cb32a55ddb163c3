"""Ranking measures, by ir-measures, per anchor.

NDCG@k = DCG@k / ideal DCG@k with DCG@k = Σ grade(rank) / log2(rank + 1) (Järvelin and Kekäläinen, 2002; linear gain as in trec_eval). An anchor
without an answer has no value and is left out; an answer nobody retrieved counts as 0. The condensed form is NDCG@5 of the ranking without the
documents that nobody judged (Sakai, 2007): it flatters a system whose unjudged hits are wrong as much as NDCG punishes one whose unjudged hits are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ir_measures
import numpy as np

PRIMARY = "ndcg@5"
MEASURES = {
    "ndcg@5": ir_measures.nDCG @ 5,
    "ndcg@10": ir_measures.nDCG @ 10,
    "recall@5": ir_measures.R @ 5,
    "recall@50": ir_measures.R @ 50,
    "rr@10": ir_measures.RR @ 10,
    "judged@5": ir_measures.Judged @ 5,
    "condensed_ndcg@5": ir_measures.nDCG(judged_only=True) @ 5,
}
DEPTH = 100

Qrels = Mapping[str, Mapping[str, int]]
Ranking = Mapping[str, Sequence[str]]
Scores = dict[str, dict[str, float]]


def score_ranking(qrels: Qrels, ranking: Ranking, measures: Sequence[str] = tuple(MEASURES)) -> Scores:
    """Each measure for each anchor that has an answer (grade above 0): `scores[anchor_id][measure]`, in [0, 1].

    `ranking`: document ids by anchor id, best first; the order given is the order scored, so ties were broken by who made it. An anchor
    missing from the ranking scores 0.
    """
    answered = {anchor_id: dict(grades) for anchor_id, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    run = {anchor_id: {document_id: float(-place) for place, document_id in enumerate(ranking.get(anchor_id, ())[:DEPTH])} for anchor_id in answered}
    scores: Scores = {anchor_id: dict.fromkeys(measures, 0.0) for anchor_id in answered}
    names = {MEASURES[name]: name for name in measures}
    filled = {anchor_id: documents for anchor_id, documents in run.items() if documents}
    for metric in ir_measures.iter_calc(list(names), answered, filled) if filled else ():
        scores[metric.query_id][names[metric.measure]] = float(metric.value)
    return scores


def average(scores: Scores) -> dict[str, float]:
    """The mean of each measure over anchors; no anchors give no measures."""
    names = next(iter(scores.values()), {})
    return {name: float(np.mean([values[name] for values in scores.values()])) for name in names}
