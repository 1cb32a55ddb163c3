"""The rule of the clumping flag: from figures to a level and its reasons, by the bounds of intervals.

The cut-offs come from one encoder and one corpus of short texts; they separate healthy from collapsed models widely there and are not yet validated
elsewhere. A tight space as such is no alarm: what counts is what changed. Agreement with NDCG@5 on held-out anchors comes first: a model that finds fewer
answers is never green, and one that finds more is amber where the space alone says red.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.evaluation.significance import Difference, adjust_holm
from core.geometry.gap import Gap
from core.geometry.hotspots import COLLAPSED, Hotspot

PR_RED, PR_AMBER = 0.5, 0.7
RC_RED, RC_AMBER, RC_HIGH = 0.75, 0.85, 1.5
OFFSET_NOTE = 0.15
GAP_AMBER, GAP_RED = 0.02, 0.10
FEW_ANSWERED = 5
"""Unrelated anchors answered in a hotspot, below which nothing is said of what it does to search."""
LEVEL = 0.05
"""p below which the loss of a hotspot's anchors is taken for real, adjusted for their number."""
LEVELS = ("green", "note", "amber", "red")

Finding = tuple[str, str]
"""A level and its reason."""


@dataclass(frozen=True)
class Effect:
    """What tuning did to search: NDCG@5 tuned minus base over all held-out anchors, and over those answered in each hotspot (None where there are none)."""

    overall: Difference
    hotspots: Sequence[Difference | None] = ()


def apply_rule(
    figures: Mapping[str, Any], hotspots: Sequence[Hotspot], *, same_dimension: bool, gap: Gap | None = None, effect: Effect | None = None
) -> tuple[str, list[str]]:
    """The level (`green`, `note`, `amber` or `red`) and its reasons, the gravest first.

    `figures`: of `documents` and, where measured, `reference`, as `core.geometry.clumps` has them. The participation ratio votes among models of the same
    dimension only.
    """
    space: list[Finding] = []
    for name, what in (("documents", "the documents"), ("reference", "general language")):
        if name in figures:
            space += judge_space(figures[name], what, same_dimension=same_dimension)
    space += judge_gap(gap)
    found = _soften(space, effect) + judge_hotspots(hotspots, effect)
    if effect is not None and effect.overall.high < 0:
        lost = f"{effect.overall.gain:+.3f} NDCG@5, 95 % interval {effect.overall.low:+.3f} to {effect.overall.high:+.3f}"
        reason = f"It finds fewer of the known answers than the base ({lost})"
        # where the space is red as well, this is what that costs, and is read first
        is_red = any(level == "red" for level, _ in found)
        found.insert(0, ("red", f"{reason}.") if is_red else ("amber", f"{reason}, whatever the space looks like."))
    if not found:
        moved = abs(figures["documents"]["mean_cosine"]["tuned"] - figures["documents"]["mean_cosine"]["base"])
        if moved > OFFSET_NOTE:
            return "note", ["Scores shifted, ranking intact: absolute cut-offs used downstream need setting again."]
        return "green", ["The tuned model spreads the documents as well as the base does."]
    verdict = max((level for level, _ in found), key=LEVELS.index)
    return verdict, [reason for _, reason in sorted(found, key=lambda item: -LEVELS.index(item[0]))]


def judge_space(space: Mapping[str, Any], what: str, *, same_dimension: bool) -> list[Finding]:
    """What participation ratio and relative contrast of one set of texts say."""
    found: list[Finding] = []
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


def judge_gap(gap: Gap | None) -> list[Finding]:
    """Whether questions and documents lie apart so that answers are missed."""
    if gap is None or gap.gain < GAP_AMBER or gap.low <= 0:
        return []
    gained = f"{gap.ndcg:.3f} to {gap.centred:.3f}, 95 % interval of the gain {gap.low:+.3f} to {gap.high:+.3f}"
    reason = f"Questions and documents lie apart and answers are missed: subtracting the mean of each side raises NDCG@5 from {gained}."
    return [("red" if gap.gain >= GAP_RED else "amber", f"{reason} Give each side its prompt, or subtract the means before you index and search.")]


def judge_hotspots(hotspots: Sequence[Hotspot], effect: Effect | None) -> list[Finding]:
    """Each hotspot is amber; red where the anchors answered there surely lost, however many hotspots there are to find a loss in (Holm 1979)."""
    found: list[Finding] = []
    differences = list(effect.hotspots) if effect else [None] * len(hotspots)
    enough = [here for here in differences if here is not None and here.groups >= FEW_ANSWERED]
    sure = {id(here) for here, p in zip(enough, adjust_holm([here.p for here in enough]), strict=True) if here.high < 0 and p < LEVEL}
    for spot, here in zip(hotspots, differences, strict=True):
        reason = f"{len(spot.rows)} documents came {spot.closer:.1f} times closer together than the rest of the space"
        if here is not None and id(here) in sure:
            found.append(("red", f"{reason}, and the {here.n} anchors answered there lost {-here.gain:.3f} NDCG@5."))
        else:
            found.append(("amber", f"{reason}."))
    return found


def _soften(space: Sequence[Finding], effect: Effect | None) -> list[Finding]:
    """Red findings of the space alone as amber ones, where the model surely finds more answers."""
    if effect is None or effect.overall.low <= 0:
        return list(space)
    return [("amber", f"Better on your test questions, but: {reason[0].lower()}{reason[1:]}") if level == "red" else (level, reason) for level, reason in space]
