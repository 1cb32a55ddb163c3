"""How sure the difference of two systems is: paired by anchor, resampled by group.

Groups (anchors that share an answer) are the unit: anchors of one group rise and fall together, and counting them as independent would
make the interval too narrow.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 10_000
ASSUMED_SPREAD = 0.30
"""Standard deviation of per-anchor differences in NDCG@5, until it is measured."""
_POWER_FACTOR = 1.959964 + 0.841621
"""Normal quantiles for a two-sided test at 5 % and 80 % power."""


@dataclass(frozen=True)
class Difference:
    """The mean per-anchor difference (tuned minus base) with what is known of it."""

    gain: float
    low: float
    """Lower bound of the 95 % interval."""
    high: float
    p: float
    """Two-sided, by sign flips of whole groups."""
    n: int
    groups: int
    wins: int
    ties: int
    losses: int
    detectable: float
    """The smallest true difference that such anchors, in such groups, would show four times out of five: 2.80 standard errors."""


def compare_scores(base: Mapping[str, float], tuned: Mapping[str, float], groups: Mapping[str, str] | None = None, *, seed: int = 0) -> Difference:
    """Compare two systems on the anchors that both have a score for.

    `base` and `tuned`: a measure by anchor id. `groups`: the group of an anchor; without it each is its own. Paired bootstrap over groups (Efron and
    Tibshirani 1993; percentile interval, widened for few groups as Hesterberg 2015 does) and a sign-flip permutation test. No anchor in common
    gives zeros, p = 1 and an infinite detectable difference.
    """
    return compare_all(base, [tuned], groups, seed=seed)[0]


def compare_all(
    base: Mapping[str, float], others: Sequence[Mapping[str, float]], groups: Mapping[str, str] | None = None, *, seed: int = 0
) -> list[Difference]:
    """The same for several systems on the anchors that all have a score for: each as if it were alone, from one set of resamples and sign flips."""
    shared = sorted(set(base).intersection(*others))
    if not shared or not others:
        return [Difference(0.0, 0.0, 0.0, 1.0, 0, 0, 0, 0, 0, math.inf)] * len(others)
    differences = np.array([[other[anchor_id] - base[anchor_id] for other in others] for anchor_id in shared])
    sums, sizes = _sum_groups(shared, differences, groups)
    rng = np.random.default_rng(seed)
    bounds = _bootstrap(sums, sizes, rng)
    return [
        Difference(
            gain=float(column.mean()),
            low=low,
            high=high,
            p=p,
            n=len(shared),
            groups=len(sums),
            wins=int((column > 1e-9).sum()),
            ties=int((np.abs(column) <= 1e-9).sum()),
            losses=int((column < -1e-9).sum()),
            detectable=_POWER_FACTOR * error if len(sums) > 1 else math.inf,
        )
        for column, (low, high, error), p in zip(np.ascontiguousarray(differences.T), bounds, _sign_flips(sums, rng), strict=True)
    ]


def detectable_difference(n: int, spread: float = ASSUMED_SPREAD) -> float:
    """The smallest mean difference that `n` unrelated anchors show with 80 % power at the 5 % level: 2.80 · spread / √n."""
    return _POWER_FACTOR * spread / math.sqrt(n) if n > 0 else math.inf


def mean_interval(scores: Mapping[str, float], groups: Mapping[str, str] | None = None, *, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of one system's mean, groups resampled. No anchors give (0, 0)."""
    return mean_intervals([scores], groups, seed=seed)[0]


def mean_intervals(scores: Sequence[Mapping[str, float]], groups: Mapping[str, str] | None = None, *, seed: int = 0) -> list[tuple[float, float]]:
    """The same for several systems that have a score for the same anchors, from one set of resamples."""
    anchor_ids = sorted(scores[0]) if scores else []
    if not anchor_ids:
        return [(0.0, 0.0)] * len(scores)
    sums, sizes = _sum_groups(anchor_ids, np.array([[item[anchor_id] for item in scores] for anchor_id in anchor_ids]), groups)
    return [(low, high) for low, high, _ in _bootstrap(sums, sizes, np.random.default_rng(seed))]


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of comparisons, adjusted so that the chance of any false one stays below the level (Holm 1979); in the order given.

    The smallest is multiplied by their number, the next by one less and so on, never falling below the one before, at most 1.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, row in enumerate(sorted(range(len(p_values)), key=lambda row: (p_values[row], row))):
        highest = max(highest, min(1.0, p_values[row] * (len(p_values) - place)))
        adjusted[row] = highest
    return adjusted


def _sum_groups(anchor_ids: Sequence[str], values: Floats, groups: Mapping[str, str] | None) -> tuple[Floats, Floats]:
    """Sums (g, k) and sizes (g,) float64 of the groups of `values` (n, k); an anchor that `groups` does not name is its own."""
    _, group_of = np.unique([(groups or {}).get(anchor_id, "\0" + anchor_id) for anchor_id in anchor_ids], return_inverse=True)
    sums = [np.bincount(group_of, weights=column) for column in values.T]
    return np.stack(sums, axis=1), np.bincount(group_of).astype(np.float64)


def _bootstrap(sums: Floats, sizes: Floats, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """The interval of the mean and its standard error, of each column of `sums` (g, k)."""
    groups = len(sums)
    means, is_uneven = np.empty((RESAMPLES, sums.shape[1])), bool((sizes != sizes[0]).any())
    for start, stop in _list_blocks(groups):
        picks = rng.integers(0, groups, size=(stop - start, groups))
        drawn = np.bincount((picks + groups * np.arange(stop - start)[:, None]).ravel(), minlength=picks.size).reshape(picks.shape).astype(np.float64)
        totals = (drawn @ sizes)[:, None] if is_uneven else groups * sizes[0]
        means[start:stop] = drawn @ sums / totals
    tail = _tail_share(groups)
    low, high = np.percentile(means, [100 * tail, 100 * (1 - tail)], axis=0)
    return list(zip(low.tolist(), high.tolist(), means.std(axis=0).tolist(), strict=True))


def _list_blocks(groups: int) -> list[tuple[int, int]]:
    """Beginnings and ends of the resamples that are drawn at a time, so that memory stays bounded."""
    step = max(1, 4_000_000 // groups)
    return [(start, min(start + step, RESAMPLES)) for start in range(0, RESAMPLES, step)]


def _tail_share(groups: int) -> float:
    """The share of bootstrap means outside each end of the 95 % interval: 2.5 %, less where groups are few.

    Hesterberg 2015, "What Teachers Should Know About the Bootstrap", the expanded percentile interval: Φ(−t √(g / (g − 1))) with t the 97.5 % quantile
    of Student's t on g − 1 degrees of freedom, here by Cornish and Fisher's series. Without it 20 groups cover the truth 91 times in 100.
    """
    if groups < 3:
        return 0.0
    z, v = statistics.NormalDist().inv_cdf(0.975), groups - 1
    t = z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2) + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    return statistics.NormalDist().cdf(-t * math.sqrt(groups / v))


def _sign_flips(sums: Floats, rng: np.random.Generator) -> list[float]:
    """The two-sided p-value of each column of `sums` (g, k)."""
    observed = np.abs(sums.sum(axis=0)) - 1e-12
    extreme = np.zeros(sums.shape[1], np.int64)
    for start, stop in _list_blocks(len(sums)):
        signs = rng.integers(0, 2, size=(stop - start, len(sums)), dtype=np.int8) * 2.0 - 1.0
        extreme += (np.abs(signs @ sums) >= observed).sum(axis=0)
    return [(int(count) + 1) / (RESAMPLES + 1) for count in extreme]
