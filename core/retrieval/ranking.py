"""Ranking: exact dense search by blocks, and fusion of lists.

Tie rule everywhere: score descending, then row (or id) ascending; which of equal scores FAISS leaves out at the k-th place is its own. Empty input gives
an empty ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from core.retrieval.vectors import Floats

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009)."""
_BLOCK_BYTES = 64_000_000
_PIECES = 4
FAISS_FROM = 100_000
"""Documents from which FAISS searches, where it is installed (extra `large`): as exact, and it never holds a row of all scores."""


def top_rows(scores: Floats, k: int) -> NDArray[np.int64]:
    """Columns (n, min(k, m)) int64 of the k highest of `scores` (n, m) in each row, best first, ties by column ascending."""
    n, m = scores.shape
    k = min(k, m)
    if k == 0 or n == 0:
        return np.zeros((n, k), np.int64)
    if k == m:
        return np.argsort(-scores, axis=1, kind="stable").astype(np.int64)
    bounds = _find_bounds(scores, k)
    best = np.empty((n, k), np.int64)
    for i in range(n):
        rows = np.flatnonzero(scores[i] >= bounds[i])
        best[i] = rows[np.argsort(-scores[i][rows], kind="stable")[:k]]
    return best


def _find_bounds(scores: Floats, k: int) -> Floats:
    """For each row a score (n,) that at least k of its columns reach, and few others do: the k-th highest of the maxima of `_PIECES` times k pieces.

    One pass over the scores, where a partition of whole rows takes several; where a row is short the k-th highest itself.
    """
    n, m = scores.shape
    width = m // (_PIECES * k)
    if width < 2:
        return np.asarray(np.partition(scores, m - k, axis=1)[:, m - k])
    pieces = m // width
    highest = scores[:, : pieces * width].reshape(n, pieces, width).max(axis=2)
    return np.asarray(np.partition(highest, pieces - k, axis=1)[:, pieces - k])


def search_dense(queries: Floats, documents: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    """The k documents of highest dot product for each query, exactly, in bounded memory.

    `queries` (q, d) and `documents` (n, d) float32. Returns rows (q, min(k, n)) int64 and scores of the same shape, float32.
    """
    n = len(documents)
    k = min(k, n)
    if n >= FAISS_FROM and k and len(queries) > 1 and find_spec("faiss"):
        return _search_faiss(queries, documents, k)
    rows, scores = np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32)
    block = max(1, _BLOCK_BYTES // max(1, 4 * n))
    for start in range(0, len(queries), block):
        product = queries[start : start + block] @ documents.T
        best = top_rows(product, k)
        rows[start : start + block] = best
        scores[start : start + block] = np.take_along_axis(product, best, axis=1)
    return rows, scores


def _search_faiss(queries: Floats, documents: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    """The same by FAISS's brute force (no index is built), ties put in order."""
    import faiss

    found, rows = faiss.knn(np.ascontiguousarray(queries), np.ascontiguousarray(documents), k, metric=faiss.METRIC_INNER_PRODUCT)
    order = np.lexsort((rows, -found), axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(found, order, axis=1)


def fuse_rankings(rankings: Iterable[Sequence[str]], *, k: int = RRF_K) -> list[tuple[str, float]]:
    """Reciprocal rank fusion: score(d) = sum over lists of 1 / (k + rank), rank from 1. Returns (id, score), best first."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, document_id in enumerate(ranking, start=1):
            scores[document_id] = scores.get(document_id, 0.0) + 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
