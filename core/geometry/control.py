"""The control of the clumping figures: what they are for random vectors, which tell nothing apart.

A figure near the control's says that the space holds no structure there: relative contrast near that of random vectors, neighbours shared as by chance.
Isotropy as such is no quality (Mickus, Grönroos and Attieh 2024, arXiv 2402.03191): random vectors have the highest participation ratio of all.
Cost: that of the measures at n. Fewer rows than a measure needs give its nan.
"""

from __future__ import annotations

import numpy as np

from core.geometry.contrast import relative_contrast
from core.geometry.neighbours import K, Neighbours
from core.geometry.offset import mean_cosine
from core.geometry.participation import participation_ratio
from core.retrieval.vectors import Floats


def make_random(n: int, d: int, *, seed: int = 0) -> Floats:
    """Random directions (n, d) float32, rows L2-normalised, the same for the same seed."""
    x = np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), np.float32)


def describe_space(x: Floats, near: Neighbours | None = None) -> dict[str, float]:
    """One set of vectors' figures, without a verdict: there is nothing to compare with. `near`: its neighbours where they are known."""
    return {
        "n": len(x),
        "mean_cosine": mean_cosine(x),
        "participation_ratio": participation_ratio(x),
        "relative_contrast": relative_contrast(x, near),
    }


def describe_random(n: int, d: int, *, seed: int = 0) -> dict[str, float]:
    """The figures of random vectors of as many rows and dimensions, and the share of neighbours that two spaces have in common by chance."""
    return describe_space(make_random(n, d, seed=seed)) | {"neighbour_overlap": min(K / (n - 1), 1.0) if n > K else float("nan")}
