"""Participation ratio: how many directions carry the spread of a set of vectors.

`x` is (n, d) float. Cost: n·d². Fewer than two rows, or rows that are all the same, give nan.
"""

from __future__ import annotations

import numpy as np

from core.retrieval.vectors import Floats


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
