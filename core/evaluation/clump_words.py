"""What is said of clumping, in the same words on every page, in reports and on the command line. Plain text: whoever shows it as HTML escapes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS = {
    "green": "No clumping",
    "note": "No clumping, but scores shifted",
    "amber": "Look closer: documents drew together or answers got lost",
    "red": "Clumped: the model tells documents apart less well",
    "none": "No verdict on clumping",
}
"""What each flag is called."""
TRUTH = "The verdict is computed in the original space; the map only shows where."
BY_CHANCE = 1.5
"""Times the noise floor up to which nothing is made of movement: two seeds differ by as much."""

APART = 0.75
"""Share of the movement of shuffled places from which two maps have no places in common."""


def say_search(change: Mapping[str, float | None] | None) -> str:
    """What tuning did to NDCG@5 over all held-out anchors."""
    if not change or change.get("gain") is None:
        return "What tuning did to search is not known yet: measure base and tuned on the held-out anchors, on the compare page."
    gain, low, high = change["gain"], change.get("low"), change.get("high")
    if low is None or high is None:
        return f"NDCG@5 on the held-out anchors changed by {gain:+.3f} with tuning; there are too few for an interval."
    said = "more answers are found" if low > 0 else "fewer answers are found" if high < 0 else "which may be chance"
    return f"NDCG@5 on the held-out anchors changed by {gain:+.3f} with tuning (95 % interval {low:+.3f} to {high:+.3f}): {said}."


def count_noise(figures: Mapping[str, Any]) -> float | None:
    """How many times the noise floor documents moved on the map; None where one of both was not measured, or the method moved nothing."""
    moved, noise = figures.get("displacement"), figures.get("noise_floor")
    return moved / noise if moved is not None and noise else None


def say_movement(figures: Mapping[str, Any]) -> str:
    """How far documents moved on a map beside what the method alone moves them, and what it does not mean; empty where that is not known."""
    times, shuffled = count_noise(figures), figures.get("shuffled")
    if times is None:
        return ""
    is_apart = bool(shuffled and figures["displacement"] > APART * shuffled)
    if times < BY_CHANCE and not is_apart:
        return "Documents lie about where they lay: they moved hardly farther on the map than when the base is drawn again with another random seed."
    far = f"Documents moved {times:.0f} times as far on the map as when the base is drawn again with another random seed"
    if is_apart:
        far += ", nearly as far as if they had changed places at random: compare their neighbours, not their places"
    return f"{far}. That says that tuning rearranged them, not whether for better or worse: it has no part in the flag."
