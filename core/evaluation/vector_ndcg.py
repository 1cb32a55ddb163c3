"""NDCG@k straight from vectors, for a curve of many measurements: the same values as ranking by cosine and scoring with `core.evaluation.measures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats


def score_vectors(queries: Floats, documents: Floats, grades: Sequence[Mapping[int, int]], k: int = 5) -> NDArray[np.float64]:
    """NDCG@k (q,) float64 in [0, 1] of each query's exact ranking of all documents, ties by row ascending.

    `queries` (q, d) and `documents` (n, d) float32, rows L2-normalised. `grades`: for each query the grade of document rows; a row that is left out
    counts as 0. Linear gain, log2(rank + 1) discount, ideal over all graded rows (Järvelin and Kekäläinen, 2002), as `measures.score_ranking`. A
    query without a grade above 0 scores 0.
    """
    found, _ = search_dense(queries, documents, k)
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    scores = np.zeros(len(queries))
    for query, (rows, known) in enumerate(zip(found.tolist(), grades, strict=True)):
        ideal = sorted((grade for grade in known.values() if grade > 0), reverse=True)[:k]
        if ideal:
            gain = sum(discounts[place] * known.get(row, 0) for place, row in enumerate(rows))
            scores[query] = gain / float(np.dot(discounts[: len(ideal)], ideal))
    return scores
