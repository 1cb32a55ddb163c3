"""The clumping flag: base against tuned in the original space, by the bounds of intervals, with the documents that came together.

The cut-offs come from one encoder and one corpus of short texts; they separate healthy from collapsed models widely there and are not yet
validated elsewhere. A tight space as such is no alarm: what counts is what changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.geometry.measures import local_radius, mean_cosine, neighbour_distances, neighbour_overlap, participation_ratio, relative_contrast, total_spread
from core.retrieval.vectors import Floats

MIN_DOCUMENTS = 300
MAX_DOCUMENTS = 3_000
HALF_SAMPLES = 30
NEAR_DUPLICATE = 0.98
COLLAPSED = 1e-6
"""Mean distance of all pairs under which a space is one point: nothing else about it can be measured in float32."""
PR_RED, PR_AMBER = 0.5, 0.7
RC_RED, RC_AMBER, RC_HIGH = 0.75, 0.85, 1.5
OFFSET_NOTE = 0.15
HOTSPOT_LOG = math.log(0.6)
HOTSPOT_MIN, HOTSPOT_SHARE = 15, 0.005
_ORDER = ("green", "note", "amber", "red")


@dataclass(frozen=True)
class Ratio:
    """Tuned over base with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Hotspot:
    """Documents that came together: their rows, and the factor by which their neighbours came closer than the space as a whole."""

    rows: Sequence[int]
    closer: float


@dataclass(frozen=True)
class ClumpReport:
    """The flag (`green`, `note`, `amber`, `red`, or `none` where it cannot be given), why, and the figures behind it."""

    verdict: str
    reasons: Sequence[str]
    figures: Mapping[str, Any]
    hotspots: Sequence[Hotspot] = ()
    duplicates: Sequence[int] = field(default=())
    """Rows left out because the base already has them on top of another: a matter of data, not of tuning."""

    def to_json(self, ids: Sequence[str] | None = None) -> dict[str, Any]:
        """Plain values; hotspots by `ids` where given, else by row."""
        name = (lambda row: row) if ids is None else (lambda row: ids[row])
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "global": dict(self.figures),
            "hotspots": [{"ids": [name(row) for row in spot.rows], "closer": spot.closer} for spot in self.hotspots],
            "gap": {},
            "duplicates": [name(row) for row in self.duplicates],
        }


def find_clumps(base: Floats, tuned: Floats, *, reference_base: Floats | None = None, reference_tuned: Floats | None = None, seed: int = 0) -> ClumpReport:
    """Judge the tuned vectors against the base ones.

    `base` and `tuned`: (n, d) float32, the same documents in the same order, rows L2-normalised; dimensions may differ (then the participation ratio
    does not vote). `reference_*`: generic texts under both models. Under `MIN_DOCUMENTS` there are figures and no verdict.
    """
    kept = _drop_duplicates(base)
    duplicates = np.setdiff1d(np.arange(len(base)), kept)
    base, tuned = base[kept], tuned[kept]
    figures: dict[str, Any] = {"n": len(base), "documents": _compare(base, tuned, seed)}
    if reference_base is not None and reference_tuned is not None:
        figures["reference"] = _compare(reference_base, reference_tuned, seed)
    figures["neighbour_overlap"] = _overlap(base, tuned)
    if len(base) < MIN_DOCUMENTS:
        reason = f"{len(base)} documents are too few for a verdict ({MIN_DOCUMENTS} are needed); the figures are shown."
        return ClumpReport("none", [reason], figures, (), duplicates.tolist())
    hotspots = [Hotspot([int(kept[row]) for row in spot.rows], spot.closer) for spot in find_hotspots(base, tuned)]
    verdict, reasons = _apply_rule(figures, hotspots, same_dimension=base.shape[1] == tuned.shape[1])
    return ClumpReport(verdict, reasons, figures, hotspots, duplicates.tolist())


def describe_space(x: Floats) -> dict[str, float]:
    """One model's figures, without a verdict: there is nothing to compare with."""
    return {"n": len(x), "mean_cosine": mean_cosine(x), "participation_ratio": participation_ratio(x), "relative_contrast": relative_contrast(x)}


def find_hotspots(base: Floats, tuned: Floats) -> list[Hotspot]:
    """Groups of rows whose neighbours came closer than the whole space did.

    δ_i = log(r_i tuned / r_i base) − log(spread tuned / spread base) < log 0.6, joined along the tuned neighbour graph, of at least
    max(15, 0.5 % of n) rows. Largest first, ties by first row.
    """
    before, after = local_radius(base), local_radius(tuned)
    if np.isnan(before).any() or total_spread(tuned) < COLLAPSED:
        return []  # a space that is one point as a whole is the rule's matter
    delta = np.log(np.maximum(after, 1e-9) / np.maximum(before, 1e-9)) - math.log(total_spread(tuned) / total_spread(base))
    flagged = delta < HOTSPOT_LOG
    rows, _ = neighbour_distances(tuned)
    left = np.repeat(np.arange(len(rows)), rows.shape[1])
    right = rows.ravel()
    keep = flagged[left] & flagged[right]
    graph = coo_array((np.ones(int(keep.sum()), np.int8), (left[keep], right[keep])), shape=(len(rows), len(rows)))
    _, labels = connected_components(graph, directed=False)
    least = max(HOTSPOT_MIN, HOTSPOT_SHARE * len(rows))
    found: list[Hotspot] = []
    for label in np.unique(labels[flagged]):
        members = np.flatnonzero(flagged & (labels == label))
        if len(members) >= least:
            found.append(Hotspot(members.tolist(), float(np.exp(-np.median(delta[members])))))
    return sorted(found, key=lambda spot: (-len(spot.rows), spot.rows[0]))


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


def _compare(base: Floats, tuned: Floats, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    halves = [np.sort(rng.choice(len(base), len(base) // 2, replace=False)) for _ in range(HALF_SAMPLES)]
    return {
        "mean_cosine": {"base": mean_cosine(base), "tuned": mean_cosine(tuned)},
        "participation_ratio": asdict(_ratio(participation_ratio, base, tuned, halves)),
        "relative_contrast": asdict(_ratio(relative_contrast, base, tuned, halves)),
    }


def _ratio(measure: Callable[[Floats], float], base: Floats, tuned: Floats, halves: Sequence[NDArray[np.int64]]) -> Ratio:
    """The ratio of a measure with its interval: the spread over paired half-samples without replacement (delete-half jackknife)."""
    value = measure(tuned) / measure(base)
    ratios = [measure(tuned[half]) / measure(base[half]) for half in halves if len(half) > 20]
    logs = [math.log(ratio) if ratio > 0 else math.nan for ratio in ratios]
    error = 1.96 * float(np.std(logs, ddof=1)) if len(logs) > 1 else float("nan")
    return Ratio(value, value * math.exp(-error), value * math.exp(error))


def _overlap(base: Floats, tuned: Floats) -> float:
    if len(base) <= 10:
        return float("nan")
    return float(neighbour_overlap(neighbour_distances(base)[0], neighbour_distances(tuned)[0]).mean())


def _apply_rule(figures: Mapping[str, Any], hotspots: Sequence[Hotspot], *, same_dimension: bool) -> tuple[str, list[str]]:
    found: list[tuple[str, str]] = []
    for name, what in (("documents", "the documents"), ("reference", "general language")):
        if name in figures:
            found += _judge_space(figures[name], what, same_dimension=same_dimension)
    for spot in hotspots:
        found.append(("amber", f"{len(spot.rows)} documents came {spot.closer:.1f} times closer together than the rest of the space."))
    if not found:
        moved = abs(figures["documents"]["mean_cosine"]["tuned"] - figures["documents"]["mean_cosine"]["base"])
        if moved > OFFSET_NOTE:
            return "note", ["Scores shifted, ranking intact: absolute cut-offs used downstream need setting again."]
        return "green", ["The tuned model spreads the documents as well as the base does."]
    verdict = max((level for level, _ in found), key=_ORDER.index)
    return verdict, [reason for _, reason in sorted(found, key=lambda item: -_ORDER.index(item[0]))]


def _judge_space(space: Mapping[str, Any], what: str, *, same_dimension: bool) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    pr, rc = space["participation_ratio"], space["relative_contrast"]
    if 1 - space["mean_cosine"]["tuned"] < COLLAPSED:
        return [("red", f"All of {what} fell onto one point: the model gives every text the same vector.")]
    if same_dimension and pr["high"] < PR_AMBER:
        level = "red" if pr["high"] < PR_RED else "amber"
        found.append((level, f"The spread of {what} lies in {pr['value']:.0%} as many directions as before."))
    if rc["high"] < RC_AMBER:
        level = "red" if rc["high"] < RC_RED else "amber"
        found.append((level, f"Neighbours stand out less among {what}: contrast is {rc['value']:.0%} of the base's."))
    elif rc["low"] > RC_HIGH:
        found.append(("amber", f"{what.capitalize()} fell into tight groups: contrast is {rc['value']:.1f} times the base's."))
    return found
