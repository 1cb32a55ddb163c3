"""The gap between queries and documents: whether the two lie apart, and whether that costs answers.

    distance = ‖mean q − mean d‖ (the modality gap of Liang et al. 2022, arXiv 2203.02053, of queries and documents)

A gap that costs nothing is harmless; so NDCG@5 is measured again after each side's mean was subtracted from it. Where that finds more answers, the gap
hides them, and prompts or subtracting the means are the remedy. Cost: q·n·d. No query with an answer gives None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.evaluation.significance import compare_scores
from core.evaluation.vector_ndcg import score_vectors
from core.geometry.neighbours import K
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats


@dataclass(frozen=True)
class Questions:
    """Anchors with known answers, for what a space does to search.

    `queries` (q, d) float32, rows L2-normalised; `grades`, for each query the grade of document rows; `groups`, for each query what it rises and falls with.
    """

    queries: Floats
    grades: Sequence[Mapping[int, int]]
    groups: Sequence[str] = ()

    def answered(self) -> list[int]:
        """The queries that have an answer."""
        return [place for place, known in enumerate(self.grades) if any(grade > 0 for grade in known.values())]

    def score(self, documents: Floats, queries: Floats | None = None) -> dict[str, float]:
        """NDCG@5 of each answered query, named by its place."""
        found = score_vectors(self.queries if queries is None else queries, documents, self.grades)
        return {str(place): float(found[place]) for place in self.answered()}

    def name_groups(self) -> dict[str, str] | None:
        """The group of each query by its place, as `compare_scores` takes it."""
        return {str(place): group for place, group in enumerate(self.groups)} if self.groups else None


@dataclass(frozen=True)
class Gap:
    """The gap under one model."""

    distance: float
    """‖mean q − mean d‖, in [0, 2]."""
    ndcg: float
    """NDCG@5 as it is."""
    centred: float
    """NDCG@5 after each side's mean was subtracted."""
    gain: float
    """`centred` minus `ndcg`, with its 95 % interval."""
    low: float
    high: float
    orphans: float
    """Share of documents that are among the `K` nearest of no query."""
    n: int
    """Queries with an answer."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def measure_gap(questions: Questions, documents: Floats) -> Gap | None:
    """The gap between the questions and `documents` (n, d) float32, rows L2-normalised; None where no query has an answer."""
    if not questions.answered() or len(documents) < 2:
        return None
    means = questions.queries.mean(axis=0), documents.mean(axis=0)
    plain = questions.score(documents)
    moved = questions.score(_normalise(documents - means[1]), _normalise(questions.queries - means[0]))
    difference = compare_scores(plain, moved, questions.name_groups())
    found, _ = search_dense(questions.queries, documents, K)
    return Gap(
        distance=float(np.linalg.norm(means[0] - means[1])),
        ndcg=float(np.mean(list(plain.values()))),
        centred=float(np.mean(list(moved.values()))),
        gain=difference.gain,
        low=difference.low,
        high=difference.high,
        orphans=1.0 - len(np.unique(found)) / len(documents),
        n=len(plain),
    )


def _normalise(x: Floats) -> Floats:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), np.float32)
