"""The clumping report: base against tuned in the original space, with intervals, the documents that came together, and what it did to search.

The figures are each in a file of its own (`offset`, `participation`, `contrast`, `neighbours`, `hotspots`, `gap`), the rule in `rule`. Near-duplicates are left
out first and listed: a clump that is already in the base is a matter of data, not of tuning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.significance import Difference, compare_scores
from core.geometry.contrast import relative_contrast
from core.geometry.control import describe_random, describe_space
from core.geometry.gap import Questions, measure_gap
from core.geometry.hotspots import Hotspot, find_hotspots
from core.geometry.nearest import find_neighbours
from core.geometry.neighbours import K, Neighbours, neighbour_overlap
from core.geometry.offset import mean_cosine
from core.geometry.participation import participation_ratio
from core.geometry.rule import Effect, apply_rule
from core.retrieval.vectors import Floats

MIN_DOCUMENTS = 300
MAX_DOCUMENTS = 3_000
HALF_SAMPLES = 30
NEAR_DUPLICATE = 0.98


@dataclass(frozen=True)
class Ratio:
    """Tuned over base with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Search:
    """The same questions in the same order under both models, and all documents that they search."""

    base: Questions
    tuned: Questions
    base_documents: Floats
    tuned_documents: Floats

    def score(self) -> SearchScores:
        """Both models' scores, where the documents searched are those that are measured."""
        answers = {str(place): frozenset(row for row, grade in self.base.grades[place].items() if grade > 0) for place in self.base.answered()}
        scores = self.base.score(self.base_documents), self.tuned.score(self.tuned_documents)
        return SearchScores(*scores, answers, self.base.name_groups())


@dataclass(frozen=True)
class SearchScores:
    """NDCG@5 of held-out anchors under both models, by their ids; for each the rows of the measured documents that answer it; and groups."""

    base: Mapping[str, float]
    tuned: Mapping[str, float]
    answers: Mapping[str, frozenset[int]]
    groups: Mapping[str, str] | None = None


@dataclass(frozen=True)
class ClumpReport:
    """The flag (`green`, `note`, `amber`, `red`, or `none` where it cannot be given), why, and the figures behind it."""

    verdict: str
    reasons: Sequence[str]
    figures: Mapping[str, Any]
    hotspots: Sequence[Hotspot] = ()
    duplicates: Sequence[int] = ()
    """Rows left out because the base already has them on top of another."""
    gap: Mapping[str, Any] = field(default_factory=dict)
    """`base` and `tuned`, each as `core.geometry.gap.Gap`; empty without questions."""
    answered: Sequence[Mapping[str, Any]] = ()
    """For each hotspot: how many anchors are answered there, and what they gained in NDCG@5, with its interval; empty without questions."""

    def to_json(self, ids: Sequence[str] | None = None, terms: Sequence[Sequence[str]] = ()) -> dict[str, Any]:
        """Plain values; hotspots by `ids` where given, else by row, each with its `terms` where the texts are known (empty for bare arrays)."""
        name = (lambda row: row) if ids is None else (lambda row: ids[row])
        named = terms or [()] * len(self.hotspots)
        more = [{"terms": list(words), **extra} for words, extra in zip(named, self.answered or [{}] * len(self.hotspots), strict=True)]
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "global": dict(self.figures),
            "hotspots": [{"ids": [name(row) for row in spot.rows], "closer": spot.closer, **extra} for spot, extra in zip(self.hotspots, more, strict=True)],
            "gap": dict(self.gap),
            "duplicates": [name(row) for row in self.duplicates],
        }


def find_clumps(
    base: Floats,
    tuned: Floats,
    *,
    reference_base: Floats | None = None,
    reference_tuned: Floats | None = None,
    search: Search | None = None,
    scores: SearchScores | None = None,
    seed: int = 0,
) -> ClumpReport:
    """Judge the tuned vectors against the base ones.

    `base` and `tuned`: (n, d) float32, the same documents in the same order, rows L2-normalised; dimensions may differ (then the participation ratio
    does not vote). `reference_*`: generic texts under both models. `search`: anchors with answers, for the gap. `scores`: what tuning did to held-out
    anchors; those of `search` where None. Under `MIN_DOCUMENTS` there are figures and no verdict.
    """
    kept = _drop_duplicates(base)
    duplicates = np.setdiff1d(np.arange(len(base)), kept).tolist()
    base, tuned = base[kept], tuned[kept]
    near = find_neighbours(base, seed=seed), find_neighbours(tuned, seed=seed)
    figures: dict[str, Any] = {"n": len(base), "documents": _compare(base, tuned, seed, near)}
    if reference_base is not None and reference_tuned is not None:
        figures["reference"] = _compare(reference_base, reference_tuned, seed)
    figures["neighbour_overlap"] = figures["documents"]["neighbour_overlap"]
    figures["neighbour_recall"] = {"base": near[0].recall, "tuned": near[1].recall}
    spaces = {"base": describe_space(base, near[0]), "tuned": describe_space(tuned, near[1]), "random": describe_random(len(base), base.shape[1], seed=seed)}
    figures["absolute"] = spaces
    gaps = {} if search is None else {"base": measure_gap(search.base, search.base_documents), "tuned": measure_gap(search.tuned, search.tuned_documents)}
    shown = {name: gap.to_json() for name, gap in gaps.items() if gap is not None}
    if len(base) < MIN_DOCUMENTS:
        reason = f"{len(base)} documents are too few for a verdict ({MIN_DOCUMENTS} are needed); the figures are shown."
        return ClumpReport("none", [reason], figures, (), duplicates, shown)
    hotspots = [Hotspot([int(kept[row]) for row in spot.rows], spot.closer) for spot in find_hotspots(base, tuned, near)]
    if scores is None and search is not None:
        scores = search.score()
    effect = measure_effect(scores, hotspots) if scores and scores.base.keys() & scores.tuned.keys() else None
    verdict, reasons = apply_rule(figures, hotspots, same_dimension=base.shape[1] == tuned.shape[1], gap=gaps.get("tuned"), effect=effect)
    if effect is not None:
        figures["ndcg@5"] = tell_difference(effect.overall)
    return ClumpReport(verdict, reasons, figures, hotspots, duplicates, shown, tell_answered(effect))


def measure_effect(scores: SearchScores, hotspots: Sequence[Hotspot]) -> Effect:
    """What tuning did to NDCG@5 over all anchors, and over those with an answer in each hotspot."""
    here: list[Difference | None] = []
    for spot in hotspots:
        rows = set(spot.rows)
        places = {anchor for anchor, answers in scores.answers.items() if not rows.isdisjoint(answers)} & scores.base.keys() & scores.tuned.keys()
        chosen = [{place: side[place] for place in places} for side in (scores.base, scores.tuned)]
        here.append(compare_scores(chosen[0], chosen[1], scores.groups) if places else None)
    return Effect(compare_scores(scores.base, scores.tuned, scores.groups), here)


def tell_difference(difference: Difference) -> dict[str, float]:
    """A change with its interval as plain values."""
    return {"gain": difference.gain, "low": difference.low, "high": difference.high}


def tell_answered(effect: Effect | None) -> list[dict[str, Any]]:
    """For each hotspot how many anchors are answered there and what they gained; empty where nothing is known of search."""
    return [{"anchors": here.n, "ndcg@5": tell_difference(here)} if here else {"anchors": 0} for here in effect.hotspots] if effect else []


def _drop_duplicates(base: Floats) -> NDArray[np.int64]:
    """Rows of which no earlier one is a near-duplicate in the base."""
    keep = np.ones(len(base), bool)
    for start in range(0, len(base), 1024):
        cosines = base[start : start + 1024] @ base.T
        for offset in range(len(cosines)):
            row = start + offset
            earlier = np.flatnonzero(cosines[offset, :row] > NEAR_DUPLICATE)
            keep[row] = not keep[earlier].any()
    return np.flatnonzero(keep)


def _compare(base: Floats, tuned: Floats, seed: int, near: tuple[Neighbours, Neighbours] | None = None) -> dict[str, Any]:
    """Ratios with their intervals. Half-samples are those of at most `MAX_DOCUMENTS` rows: of more rows the intervals are wider than they need be."""
    rng = np.random.default_rng(seed)
    halves = [np.sort(rng.choice(len(base), min(len(base), MAX_DOCUMENTS) // 2, replace=False)) for _ in range(HALF_SAMPLES)]
    before, after = near or (find_neighbours(base, seed=seed), find_neighbours(tuned, seed=seed))
    contrast = relative_contrast(tuned, after) / relative_contrast(base, before)
    return {
        "mean_cosine": {"base": mean_cosine(base), "tuned": mean_cosine(tuned)},
        "participation_ratio": asdict(_ratio(participation_ratio(tuned) / participation_ratio(base), participation_ratio, base, tuned, halves)),
        "relative_contrast": asdict(_ratio(contrast, relative_contrast, base, tuned, halves)),
        "neighbour_overlap": float(neighbour_overlap(before.rows, after.rows).mean()) if len(base) > K else math.nan,
    }


def _ratio(value: float, measure: Callable[[Floats], float], base: Floats, tuned: Floats, halves: Sequence[NDArray[np.int64]]) -> Ratio:
    """The ratio of a measure with its interval: the spread over paired half-samples without replacement (delete-half jackknife)."""
    ratios = [measure(tuned[half]) / measure(base[half]) for half in halves if len(half) > 20]
    logs = [math.log(ratio) if ratio > 0 else math.nan for ratio in ratios]
    error = 1.96 * float(np.std(logs, ddof=1)) if len(logs) > 1 else float("nan")
    return Ratio(value, value * math.exp(-error), value * math.exp(error))
