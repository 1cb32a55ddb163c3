"""`map`: base and tuned maps against two plain umap-learn fits of the same points with the same settings; the clumping figures for 3,000 documents beside it.

Ours draws the tuned map from the base's and lays it onto it, so that both can be compared; theirs are two fits that know nothing of each other. How well each
keeps neighbours is trustworthiness (Venna and Kaski 2001) over the 15 nearest, on a sample of the points. The points are made: topics with a decaying
spectrum, the tuned ones turned and moved a little, so that no model has to be run.
"""

from __future__ import annotations

import time
import warnings

import numpy as np

from core.geometry.clumps import MAX_DOCUMENTS, ClumpReport, Search, find_clumps
from core.geometry.gap import Questions
from core.geometry.nearest import find_neighbours
from core.geometry.projection import NEIGHBOURS, draw_base, draw_tuned
from tests.bench.harness import Row, time_in_turn

POINTS, DIMENSION, TOPICS = 10_000, 384, 100
REFERENCES, ASKED = 1_000, 200
SAMPLE = 2_000
"""Points that trustworthiness is measured on: it takes the distances of all pairs."""


def run(points: int = POINTS, repeats: int = 1) -> Row:
    """Time both on `points` points a map."""
    import umap
    from sklearn.manifold import trustworthiness

    base, tuned = make_points(points)
    kept: dict[str, np.ndarray] = {}

    def ours(_: int) -> None:
        before, after = (find_neighbours(vectors, NEIGHBOURS - 1) for vectors in (base, tuned))
        kept["ours base"] = draw_base(base, near=before)
        kept["ours tuned"] = draw_tuned(tuned, kept["ours base"], near=after)

    def theirs(_: int) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
            for name, vectors in (("theirs base", base), ("theirs tuned", tuned)):
                kept[name] = umap.UMAP(n_neighbors=NEIGHBOURS, metric="cosine", random_state=0).fit_transform(vectors)

    ours_s, theirs_s = time_in_turn(ours, theirs, repeats)
    rows = np.random.default_rng(0).choice(points, min(SAMPLE, points), replace=False)
    trust = {
        name: float(trustworthiness((base if name.endswith("base") else tuned)[rows], layout[rows], n_neighbors=NEIGHBOURS, metric="cosine"))
        for name, layout in kept.items()
    }
    figures_s, report = time_figures()
    notes = (
        f"2 × {points:,} points of {DIMENSION}; trustworthiness ours {trust['ours base']:.3f} and {trust['ours tuned']:.3f}, theirs "
        f"{trust['theirs base']:.3f} and {trust['theirs tuned']:.3f} (target: within 0.01); the six figures of {report.figures['n']:,} documents, "
        f"{REFERENCES:,} reference texts and {ASKED} questions {figures_s:.1f} s ({report.verdict})"
    )
    return Row("map", ours_s, theirs_s, theirs_s / ours_s, "≥ 0.83", notes)


def time_figures() -> tuple[float, ClumpReport]:
    """Seconds of the six figures and their verdict for as many documents as are measured at most, and the report; whatever the size of the maps."""
    base, tuned = make_points(MAX_DOCUMENTS)
    before, after = make_points(REFERENCES, seed=1)
    answers = np.random.default_rng(2).choice(MAX_DOCUMENTS, ASKED, replace=False).tolist()
    noise = np.random.default_rng(3).normal(size=(ASKED, DIMENSION)) * 0.02
    questions = [Questions(_normalise(vectors[answers] + noise), [{row: 1} for row in answers]) for vectors in (base, tuned)]
    began = time.perf_counter()
    report = find_clumps(base, tuned, reference_base=before, reference_tuned=after, search=Search(questions[0], questions[1], base, tuned))
    return time.perf_counter() - began, report


def make_points(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Base and tuned points (n, `DIMENSION`) float32, rows L2-normalised."""
    rng = np.random.default_rng(seed)
    scale = (1 + np.arange(DIMENSION)) ** -0.35
    topic = rng.integers(TOPICS, size=n)
    base = (rng.normal(size=(TOPICS, DIMENSION)) * scale)[topic] * 0.9 + rng.normal(size=(n, DIMENSION)) * scale
    turned = (base + rng.normal(size=base.shape) * scale * 0.2) @ np.linalg.qr(rng.normal(size=(DIMENSION, DIMENSION)))[0]
    return _normalise(base), _normalise(turned)


def _normalise(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
