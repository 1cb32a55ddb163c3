"""Nearest neighbours of many vectors: exact up to `EXACT_UP_TO` rows, by NN-descent above, with the recall measured.

Dong, Moses and Li 2011, "Efficient k-nearest neighbor graph construction for generic similarity measures", as pynndescent has it, on one thread, so that a
seed gives the same graph on every machine. Recall: the share of the true nearest that were found, on a sample of rows against exact search.
`x` is (n, d) float32, rows L2-normalised. Cost: n²·d exact, about n·log n·d else. No more rows than neighbours asked for give as many as there are.
"""

from __future__ import annotations

import numpy as np

from core.geometry.neighbours import K, Neighbours, find_exact
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats

EXACT_UP_TO = 10_000
"""Rows up to which neighbours are exact."""
CHECKED = 500
"""Rows that recall is measured on."""


def find_neighbours(x: Floats, k: int = K, *, seed: int = 0) -> Neighbours:
    """The k nearest others of each row, nearest first."""
    return find_exact(x, min(k, max(len(x) - 1, 0))) if len(x) <= EXACT_UP_TO else find_approximate(x, k, seed=seed)


def find_approximate(x: Floats, k: int = K, *, seed: int = 0) -> Neighbours:
    """The k nearest others of each row as NN-descent finds them, with the recall it had."""
    from pynndescent import NNDescent

    n = len(x)
    trees, rounds = min(64, 5 + round(n**0.5 / 20)), max(5, round(np.log2(n)))  # as umap-learn has them
    index = NNDescent(x, metric="cosine", n_neighbors=k + 1, n_trees=trees, n_iters=rounds, max_candidates=60, random_state=seed, n_jobs=1, compressed=False)
    rows, distances = (np.asarray(side) for side in index.neighbor_graph)  # (n, k + 1), itself among them as a rule
    rows, distances = rows.copy(), distances.copy()
    if (short := (rows < 0).any(axis=1)).any():  # fewer were found than asked for
        rows[short], scores = search_dense(np.asarray(x[short]), x, k + 1)
        distances[short] = 1 - scores
    own = rows == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True  # crowded out by copies of it: the farthest goes
    rows, distances = rows[~own].reshape(n, k).astype(np.int64), np.maximum(distances[~own].reshape(n, k), 0).astype(np.float32)
    return Neighbours(rows, distances, measure_recall(x, rows, seed=seed))


def measure_recall(x: Floats, rows: np.ndarray, *, seed: int = 0) -> float:
    """Share of the true nearest neighbours that `rows` (n, k) has, on a seeded sample of rows; neighbours as near as the k-th true one count."""
    k = rows.shape[1]
    sample = np.random.default_rng(seed).choice(len(x), min(CHECKED, len(x)), replace=False)
    _, scores = search_dense(np.asarray(x[sample]), x, k + 1)  # the row itself is the first
    found = np.einsum("sd,skd->sk", x[sample], x[rows[sample]])
    return float((found >= scores[:, -1:] - 1e-6).mean())
