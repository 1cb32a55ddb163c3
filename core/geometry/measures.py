"""The spread of a set of vectors, in the original space. `x` is always (n, d) float, rows L2-normalised.

Cost: n·d² for the covariance, n²·d for neighbours, in blocks. Fewer than two rows (neighbours: `K` + 1) give nan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.retrieval.ranking import top_rows
from core.retrieval.vectors import Floats

K = 10
"""Neighbours that local spread is measured over."""
_BLOCK = 1024


def mean_cosine(x: Floats) -> float:
    """Mean cosine of all pairs of different rows, exactly: (‖Σx‖² − n) / (n(n − 1)). In [-1, 1]."""
    n = len(x)
    if n < 2:
        return float("nan")
    total = x.sum(axis=0, dtype=np.float64)
    return float((total @ total - n) / (n * (n - 1)))


def participation_ratio(x: Floats) -> float:
    """(tr C)² / tr(C²) of the centred covariance C: how many directions carry the spread. In [1, min(n − 1, d)].

    Gao et al. 2017, "A theory of multineuronal dimensionality". It grows with n: compare sets of the same size only.
    """
    if len(x) < 2:
        return float("nan")
    centred = np.asarray(x, np.float64) - x.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / len(x)
    trace = float(np.trace(covariance))
    squared = float(np.sum(covariance * covariance))
    return trace * trace / squared if squared > 0 else float("nan")


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


def relative_contrast(x: Floats) -> float:
    """Mean distance (1 − cosine) of all pairs over mean distance to the `K` nearest: how much nearer a neighbour is than anything.

    After He, Kumar and Chang 2012, "On the difficulty of nearest neighbor search". At least 1 up to noise.
    """
    near = float(np.mean(local_radius(x))) if len(x) > K else float("nan")
    return (1 - mean_cosine(x)) / near if near > 1e-12 else float("nan")


def total_spread(x: Floats) -> float:
    """Mean distance (1 − cosine) over all pairs."""
    return 1 - mean_cosine(x)


def neighbour_overlap(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share (n,) of each row's neighbours that two models have in common; both (n, k) int64."""
    return np.array([len(np.intersect1d(a, b)) / len(a) for a, b in zip(first, second, strict=True)])
