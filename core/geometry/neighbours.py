"""Nearest neighbours of a set of vectors, exact, in blocks: their rows, their distances, and how many of them two models share.

`x` is (n, d) float, rows L2-normalised. Cost: n²·d. `K` rows or fewer give a radius of nan. For many rows: `core.geometry.nearest`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.retrieval.ranking import top_rows
from core.retrieval.vectors import Floats

K = 10
"""Neighbours that local spread is measured over."""
_BLOCK = 1024


@dataclass(frozen=True)
class Neighbours:
    """The k nearest others of each row: `rows` (n, k) int64 and `distances` 1 − cosine (n, k) float32, nearest first."""

    rows: NDArray[np.int64]
    distances: Floats
    recall: float = 1.0
    """Share of the true nearest that are among them; 1 where they are exact."""

    @property
    def radius(self) -> NDArray[np.float64]:
        """r_i (n,): mean distance to the `K` nearest; nan where there are fewer."""
        if self.distances.shape[1] < K:
            return np.full(len(self.distances), np.nan)
        return np.asarray(self.distances[:, :K].mean(axis=1), dtype=np.float64)


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


def find_exact(x: Floats, k: int = K) -> Neighbours:
    """The k nearest others of each row, exactly; ties by row ascending."""
    return Neighbours(*neighbour_distances(x, k))


def local_radius(x: Floats) -> NDArray[np.float64]:
    """r_i (n,): mean of 1 − cosine to the `K` nearest others."""
    return find_exact(x, min(K, max(len(x) - 1, 0))).radius


def neighbour_overlap(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share (n,) of each row's neighbours that two models have in common; both (n, k) int64."""
    return np.asarray((first[:, :, None] == second[:, None, :]).any(axis=2).mean(axis=1), dtype=np.float64)
