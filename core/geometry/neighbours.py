"""Nearest neighbours of a set of vectors, exact, in blocks: their rows, their distances, and how many of them two models share.

`x` is (n, d) float, rows L2-normalised. Cost: n²·d. `K` rows or fewer give a radius of nan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.retrieval.ranking import top_rows
from core.retrieval.vectors import Floats

K = 10
"""Neighbours that local spread is measured over."""
_BLOCK = 1024


def neighbour_distances(x: Floats, k: int = K) -> tuple[NDArray[np.int64], Floats]:
    """Rows (n, k) int64 and distances 1 − cosine (n, k) float32 of each row's k nearest others; ties by row ascending."""
    n = len(x)
    rows, distances = np.zeros((n, k), np.int64), np.zeros((n, k), np.float32)
    for start in range(0, n, _BLOCK):
        cosines = x[start : start + _BLOCK] @ x.T
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -np.inf
        rows[start : start + _BLOCK] = top_rows(cosines, k)
        distances[start : start + _BLOCK] = 1 - np.take_along_axis(cosines, rows[start : start + _BLOCK], axis=1)
    return rows, np.maximum(distances, 0)


def local_radius(x: Floats) -> NDArray[np.float64]:
    """r_i (n,): mean of 1 − cosine to the `K` nearest others."""
    if len(x) <= K:
        return np.full(len(x), np.nan)
    return np.asarray(neighbour_distances(x)[1].mean(axis=1), dtype=np.float64)


def neighbour_overlap(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share (n,) of each row's neighbours that two models have in common; both (n, k) int64."""
    return np.array([len(np.intersect1d(a, b)) / len(a) for a, b in zip(first, second, strict=True)])
