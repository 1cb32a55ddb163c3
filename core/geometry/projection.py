"""Two maps that can be compared: UMAP of the base, UMAP of the tuned model begun from it, aligned, with the noise floor of the method.

The map locates and explains; it proves nothing. Neighbours are measured in the original space, never on the map; displacement is one layout's against another's
and says nothing of a model.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from core.geometry.neighbours import Neighbours
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats

MAX_POINTS = 100_000
"""Documents that are given a place; how many of them a page draws is the page's matter."""
NEIGHBOURS = 15
"""Documents that a place is found by, the document itself among them."""
MIN_POINTS = 20
NEAREST = 3
"""Documents between which a question is placed."""


def draw_base(vectors: Floats, *, seed: int = 0, init: Floats | None = None, density: bool = False, near: Neighbours | None = None) -> Floats:
    """A UMAP layout (n, 2) float32 of `vectors` (n, d), cosine, seeded; begun from `init` (n, 2) where given.

    McInnes, Healy and Melville 2018. `density`: densMAP (Narayan, Berger and Cho 2021), on which crowded documents lie crowded, at twice the time.
    `near`: at least `NEIGHBOURS` − 1 nearest others of each row, where they are known already; else umap-learn finds its own.
    Under `MIN_POINTS` rows the first two principal components are drawn instead.
    """
    if len(vectors) < MIN_POINTS:
        return _principal(vectors)
    import umap

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_jobs value|precomputed_knn", category=UserWarning)
        start = "spectral" if init is None else _scale_init(init)
        reducer = umap.UMAP(
            n_neighbors=NEIGHBOURS, metric="cosine", random_state=seed, init=start, densmap=density, precomputed_knn=_with_itself(near) if near else (None,) * 3
        )
        return np.asarray(reducer.fit_transform(vectors), dtype=np.float32)


def draw_tuned(vectors: Floats, base_layout: Floats, *, seed: int = 0, density: bool = False, near: Neighbours | None = None) -> Floats:
    """The layout (n, 2) of the tuned model, begun from the base's and moved onto it by the best similarity transform."""
    return align_layout(draw_base(vectors, seed=seed, init=base_layout, density=density, near=near), base_layout)


def measure_noise(vectors: Floats, base_layout: Floats, *, seed: int = 1, near: Neighbours | None = None) -> float:
    """The displacement that the method alone makes: the same vectors drawn again with another seed."""
    return displacement(draw_tuned(vectors, base_layout, seed=seed, near=near), base_layout)


def measure_shuffled(layout: Floats, *, seed: int = 0) -> float:
    """The displacement of a map on which every document stands in another's place by chance: two maps that differ by as much have no places in common."""
    return displacement(layout[np.random.default_rng(seed).permutation(len(layout))], layout)


def align_layout(layout: Floats, target: Floats) -> Floats:
    """`layout` (n, 2) turned, mirrored and shifted onto `target` (n, 2), least squares (orthogonal Procrustes, Schönemann 1966), and of its size.

    The size is matched by the root mean square radius. The least-squares scale would shrink a layout that has little in common with the target, and
    a model that only rearranged its documents would look clumped.
    """
    mean, goal = layout.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((layout - mean).T @ (target - goal))
    scale = np.sqrt(float(((target - goal) ** 2).sum()) / max(float(((layout - mean) ** 2).sum()), 1e-12))
    return np.asarray((layout - mean) @ (u @ vt) * scale + goal, dtype=np.float32)


def displacement(layout: Floats, target: Floats) -> float:
    """Median distance of a point from its place in `target`, over the root mean square radius of `target`."""
    radius = float(np.sqrt(((target - target.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return float(np.median(np.linalg.norm(layout - target, axis=1)) / radius) if radius > 0 else 0.0


def place_between(queries: Floats, documents: Floats, layout: Floats) -> Floats:
    """A place (q, 2) float32 for each of `queries` (q, d) on the map of `documents` (n, d): the mean place of its `NEAREST` documents.

    A question is not part of the layout. Where it lies says which documents the model brings it to, no more.
    """
    if not len(queries) or not len(documents):
        return np.zeros((len(queries), 2), np.float32)
    rows, _ = search_dense(queries, documents, min(NEAREST, len(documents)))
    return np.asarray(layout[rows].mean(axis=1), np.float32)


def sample_rows(n: int, most: int, *, seed: int = 0) -> NDArray[np.int64]:
    """At most `most` of n rows, in order; all of them where they fit."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _with_itself(near: Neighbours) -> tuple[NDArray[np.int32], Floats]:
    """Neighbours as umap-learn wants them: each row its own nearest, at distance 0."""
    own = np.arange(len(near.rows), dtype=np.int32)[:, None]
    rows = np.hstack([own, near.rows[:, : NEIGHBOURS - 1].astype(np.int32)])
    return rows, np.hstack([np.zeros_like(own, dtype=np.float32), near.distances[:, : NEIGHBOURS - 1]])


def _scale_init(layout: Floats) -> Floats:
    """UMAP expects a start of about ten units in size."""
    spread = float(np.abs(layout - layout.mean(axis=0)).max()) or 1.0
    return np.asarray((layout - layout.mean(axis=0)) / spread * 10, dtype=np.float32)


def _principal(vectors: Floats) -> Floats:
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2), np.float32)
    centred = vectors - vectors.mean(axis=0)
    u, singular, _ = np.linalg.svd(centred, full_matrices=False)
    layout = np.zeros((len(vectors), 2), np.float32)
    width = min(2, len(singular))
    layout[:, :width] = u[:, :width] * singular[:width]
    return layout
