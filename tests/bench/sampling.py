"""`python -m tests.bench.sampling`: the clumping figures of 3,000 of 50,000 documents, drawn at random and drawn by groups of the base's space.

Whether drawing by groups helps: the spread of the figures over many seeds, and how often documents that came together are found where they are 0.5 to 1 % of
all. The world is real vectors (reference set and sample under the embedded default) and many made from each, between it and a neighbour, with noise. What came
together are the nearest of one document, at a quarter of their distance. Both draws see the same seeds and the same groups.
See docs/adr/0018-drawn-at-random.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import sample_data
from core.geometry.clumps import MAX_DOCUMENTS
from core.geometry.contrast import relative_contrast
from core.geometry.hotspots import find_hotspots
from core.geometry.neighbours import find_exact
from core.geometry.participation import participation_ratio
from core.geometry.projection import sample_rows
from core.geometry.references import read_references
from core.ingest.beir import read_beir
from core.retrieval.encoder import Encoder
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.retrieval.vectors import Floats

GROUPS, FITTED = 200, 10_000
"""Groups that are drawn from, and documents that they are found on."""
SHARES = (0.005, 0.0075, 0.01)
CONTRACTED = 0.25
"""Distances of what came together, over those before."""


def main() -> int:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sampling", description=__doc__)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--seeds", type=int, default=40)
    chosen = parser.parse_args()
    base, tuned = make_world(chosen.documents)
    began = time.perf_counter()
    groups = group_rows(base)
    print(f"groups of {len(base):,} documents: {time.perf_counter() - began:.1f} s", file=sys.stderr)
    draws = {
        "random": lambda seed: sample_rows(len(base), MAX_DOCUMENTS, seed=seed),
        "by groups": lambda seed: draw_by_groups(groups, MAX_DOCUMENTS, seed=seed),
    }
    print("| drawn | PR tuned / base (sd over seeds) | RC tuned / base (sd over seeds) |\n|---|---|---|")
    for name, draw in draws.items():
        print(f"| {name} | {' | '.join(tell_spread(base, tuned, [draw(seed) for seed in range(chosen.seeds)]))} |", flush=True)
    print("\n| came together | drawn | of them drawn (sd) | found | only so |\n|---|---|---|---|---|")
    for share in SHARES:
        found: dict[str, list[bool]] = {name: [] for name in draws}
        inside: dict[str, list[int]] = {name: [] for name in draws}
        for seed in range(chosen.seeds):
            planted, moved = bring_together(base, tuned, share, seed=seed)
            for name, draw in draws.items():
                rows = draw(seed)
                inside[name].append(int(planted[rows].sum()))
                found[name].append(is_found(planted[rows], [spot.rows for spot in find_hotspots(base[rows], moved[rows])]))
        for name, other in (("random", "by groups"), ("by groups", "random")):
            alone = sum(one and not two for one, two in zip(found[name], found[other], strict=True))
            counts = f"{np.mean(inside[name]):.1f} ({np.std(inside[name], ddof=1):.1f})"
            print(f"| {share:.2%} | {name} | {counts} | {sum(found[name])} of {chosen.seeds} | {alone} |", flush=True)
    return 0


def make_world(n: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Base and tuned vectors (n, d) float32, rows L2-normalised; the tuned ones moved a little."""
    texts = [*read_references(), *(document.content for document in read_beir(sample_data.CONTRACTS).documents)]
    real = Encoder(describe_model(EMBEDDED_DEFAULT)).encode(texts, "")
    near, rng = find_exact(real).rows, np.random.default_rng(seed)
    first = rng.integers(len(real), size=n)
    second, share = near[first, rng.integers(near.shape[1], size=n)], rng.random((n, 1)) / 2
    width = 1 / np.sqrt(real.shape[1])
    base = _normalise(real[first] * (1 - share) + real[second] * share + rng.normal(size=(n, real.shape[1])) * width * 0.5)
    return base, _normalise(base + rng.normal(size=base.shape) * width * 0.2)


def group_rows(base: Floats, *, seed: int = 0) -> NDArray[np.int64]:
    """The group (n,) of each row: k-means of `FITTED` of them, on one thread, so that a seed gives the same groups on every machine."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        means = KMeans(GROUPS, init="random", n_init=1, max_iter=10, random_state=seed).fit(base[sample_rows(len(base), FITTED, seed=seed)])
        return np.asarray(means.predict(base), np.int64)


def draw_by_groups(groups: NDArray[np.int64], most: int, *, seed: int) -> NDArray[np.int64]:
    """`most` rows, every n / most-th of them in order of their group from a start by chance: each as likely as any other, each group by its share."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(groups)), groups))
    places = np.floor((rng.random() + np.arange(most)) * len(groups) / most).astype(np.int64)
    return np.sort(order[places])


def tell_spread(base: Floats, tuned: Floats, draws: list[NDArray[np.int64]]) -> list[str]:
    """Mean and standard deviation over draws of both ratios."""
    ratios = [[measure(tuned[rows]) / measure(base[rows]) for rows in draws] for measure in (participation_ratio, relative_contrast)]
    return [f"{np.mean(side):.3f} ({np.std(side, ddof=1):.4f})" for side in ratios]


def bring_together(base: Floats, tuned: Floats, share: float, *, seed: int) -> tuple[NDArray[np.bool_], Floats]:
    """Which rows (n,) are the nearest of one document by chance, and the tuned vectors with these drawn toward their mean."""
    centre = int(np.random.default_rng(seed).integers(len(base)))
    rows = np.argsort(-(base @ base[centre]), kind="stable")[: round(share * len(base))]
    planted, moved = np.zeros(len(base), bool), tuned.copy()
    planted[rows] = True
    mean = tuned[rows].mean(axis=0)
    moved[rows] = _normalise(mean + (tuned[rows] - mean) * np.sqrt(CONTRACTED))
    return planted, moved


def is_found(planted: NDArray[np.bool_], spots: Sequence[Sequence[int]]) -> bool:
    """Whether a hotspot consists of them for the most part."""
    return any(planted[list(spot)].mean() > 0.5 for spot in spots)


def _normalise(x: Floats) -> Floats:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


if __name__ == "__main__":
    sys.exit(main())
