"""Relative contrast: how much nearer a neighbour is than anything. Noise lowers it, collapse by class raises it.

`x` is (n, d) float, rows L2-normalised. Cost: n²·d. `K` rows or fewer, or neighbours that all lie on one point, give nan.
"""

from __future__ import annotations

from core.geometry.neighbours import Neighbours, local_radius
from core.geometry.offset import mean_cosine
from core.retrieval.vectors import Floats


def relative_contrast(x: Floats, near: Neighbours | None = None) -> float:
    """Mean distance (1 − cosine) of all pairs over mean distance to the `K` nearest: how much nearer a neighbour is than anything.

    After He, Kumar and Chang 2012, "On the difficulty of nearest neighbor search". At least 1 up to noise.
    `near`: the neighbours of `x`, where they are known already.
    """
    radius = local_radius(x) if near is None else near.radius
    mean = float(radius.mean()) if len(radius) else float("nan")
    return (1 - mean_cosine(x)) / mean if mean > 1e-12 else float("nan")
