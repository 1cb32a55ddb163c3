"""Which interval and which rule: the figures of docs/adr/0012-a-verdict-that-can-be-defended.md, on seeded worlds whose truth is known.

`python -m tests.bench.intervals` prints both tables; half a minute of one core. Nothing here is part of the product, which keeps one method
(`core.evaluation.significance`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

import numpy as np
from scipy.stats import norm, t

from core.evaluation.significance import _tail_share
from tests.unit.evaluation.test_coverage_and_error import ANCHORS, SHAPES, alone

WORLDS = 1_000
FALSE_WORLDS = 4_000
GAIN = 0.1
VALUES = np.array([0, 0.39, 0.43, 0.5, 0.63, 1.0])
Bounds = tuple[float, float]


def make_differences(kind: str, n: int, rng: np.random.Generator, *, group_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums and sizes of groups in a world whose true mean difference is `GAIN`."""
    groups = np.arange(n) // group_size
    shared = rng.normal(0, 0.25, groups.max() + 1)[groups] if group_size > 1 else 0
    if kind == "long tail":
        noise = np.where(rng.random(n) < 0.4, 0, rng.exponential(0.3, n) - 0.3)
    else:
        first, second = rng.choice(VALUES, n), rng.choice(VALUES, n)
        noise = np.where(rng.random(n) < 0.6, 0, first - second)
    return np.bincount(groups, weights=GAIN + shared + noise), np.bincount(groups).astype(float)


def find_intervals(sums: np.ndarray, sizes: np.ndarray, rng: np.random.Generator, resamples: int = 2_000) -> Mapping[str, Bounds]:
    """95 % intervals of the mean by four methods, all on the same resamples."""
    g, mean = len(sums), sums.sum() / sizes.sum()
    picks = rng.integers(0, g, (resamples, g))
    totals = sizes[picks].sum(1)
    means = sums[picks].sum(1) / totals
    tail = norm.cdf(-t.ppf(0.975, g - 1) * math.sqrt(g / (g - 1)))
    error = math.sqrt(g / (g - 1) * ((sums - mean * sizes) ** 2).sum()) / sizes.sum()
    errors = np.sqrt(g / (g - 1) * ((sums[picks] - means[:, None] * sizes[picks]) ** 2).sum(1)) / totals
    studentised = np.where(errors > 1e-12, (means - mean) / np.where(errors > 1e-12, errors, 1), 0)
    low, high = np.quantile(studentised, [0.025, 0.975])
    bias = norm.ppf(np.clip((means < mean).mean() + 0.5 * (means == mean).mean(), 1e-4, 1 - 1e-4))
    jackknife = (sums.sum() - sums) / (sizes.sum() - sizes)
    off = jackknife.mean() - jackknife
    skew = (off**3).sum() / (6 * (off**2).sum() ** 1.5 + 1e-30)
    corrected = [norm.cdf(bias + (bias + z) / (1 - skew * (bias + z))) for z in (norm.ppf(tail), -norm.ppf(tail))]
    reach = t.ppf(0.975, g - 1) * error
    return {
        "percentile, widened (kept)": tuple(np.quantile(means, [tail, 1 - tail])),
        "Student's t, cluster-robust": (mean - reach, mean + reach),
        "studentised bootstrap": (mean - high * error, mean - low * error),
        "BCa, widened": tuple(np.quantile(means, corrected)),
    }


def print_coverage() -> None:
    """How often each method covers the truth, in %."""
    for kind, n, group_size in (("long tail", 60, 1), ("long tail", 60, 3), ("NDCG's values", 30, 1), ("long tail", 30, 1)):
        covered: dict[str, int] = {}
        for seed in range(WORLDS):
            rng = np.random.default_rng(seed)
            sums, sizes = make_differences(kind, n, rng, group_size=group_size)
            for method, (low, high) in find_intervals(sums, sizes, rng).items():
                covered[method] = covered.get(method, 0) + bool(low <= GAIN <= high)
        print(f"{kind}, n = {n}, groups of {group_size}: " + "; ".join(f"{method} {100 * count / WORLDS:.1f}" for method, count in covered.items()))


def print_false_verdicts(resamples: int = 1_000) -> None:
    """How often a rule finds a difference where there is none, in %."""
    for draw, group in SHAPES:
        found = []
        for seed in range(FALSE_WORLDS):
            rng = np.random.default_rng(10_000 + seed)
            groups = group(rng)
            shared = rng.normal(0, 0.25, ANCHORS)[groups] if group is not alone else 0
            sums, sizes = np.bincount(groups, weights=shared + draw(rng)), np.bincount(groups).astype(float)
            sums, sizes = sums[sizes > 0], sizes[sizes > 0]
            picks = rng.integers(0, len(sums), (resamples, len(sums)))
            tail = _tail_share(len(sums))
            low, high = np.quantile(sums[picks].sum(1) / sizes[picks].sum(1), [tail, 1 - tail])
            flipped = np.abs((rng.integers(0, 2, (resamples, len(sums))) * 2 - 1) @ sums)
            found.append((sums.sum() / sizes.sum(), low, high, ((flipped >= abs(sums.sum()) - 1e-12).sum() + 1) / (resamples + 1)))
        mean, low, high, p = np.array(found).T
        told = ((low > 0) & (mean >= 0.02)) | (high < 0)
        rates = {"interval alone": told, "and p < 0.05": told & (p < 0.05), "and p < 0.025": told & (p < 0.025)}
        print(f"{draw.__name__}, {group.__name__}: " + "; ".join(f"{name} {100 * np.mean(value):.1f}" for name, value in rates.items()))


if __name__ == "__main__":
    print_coverage()
    print_false_verdicts()
    sys.exit(0)
