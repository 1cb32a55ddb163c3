"""Offset: how far all vectors point the same way. Information, never an alarm by itself: many good models live at 0.6 and more.

`x` is (n, d) float, rows L2-normalised. Cost: n·d. Fewer than two rows give nan.
"""

from __future__ import annotations

import numpy as np

from core.retrieval.vectors import Floats


def mean_cosine(x: Floats) -> float:
    """Mean cosine of all pairs of different rows, exactly: (‖Σx‖² − n) / (n(n − 1)). In [-1, 1]."""
    n = len(x)
    if n < 2:
        return float("nan")
    total = x.sum(axis=0, dtype=np.float64)
    return float((total @ total - n) / (n * (n - 1)))


def total_spread(x: Floats) -> float:
    """Mean distance (1 − cosine) over all pairs."""
    return 1 - mean_cosine(x)
