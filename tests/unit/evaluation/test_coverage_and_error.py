"""What intervals and verdicts promise, held against a thousand seeded worlds whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.evaluation import significance
from core.evaluation.significance import Difference, adjust_holm, compare_scores
from core.evaluation.verdict import Evidence, Outcome, give_verdict

WORLDS = 1_000
ANCHORS = 60
NDCG_VALUES = np.array([0.0, 0.387, 0.431, 0.5, 0.631, 1.0])
"""NDCG@5 of one full answer at places beyond 5, and 5 to 1."""
Draw = Callable[[np.random.Generator], np.ndarray]


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 resamples in place of 10,000: the same method, a little noisier."""
    monkeypatch.setattr(significance, "RESAMPLES", 2_000)


def draw_skewed(rng: np.random.Generator) -> np.ndarray:
    """Differences of mean 0: four in ten are ties, the others an exponential with its long tail to the right."""
    return np.where(rng.random(ANCHORS) < 0.4, 0.0, rng.exponential(0.3, ANCHORS) - 0.3)


def draw_ndcg(rng: np.random.Generator) -> np.ndarray:
    """Differences of two systems that are equally good: both draw from the values that NDCG@5 takes, six in ten agree."""
    first, second = rng.choice(NDCG_VALUES, ANCHORS), rng.choice(NDCG_VALUES, ANCHORS)
    return np.where(rng.random(ANCHORS) < 0.6, 0.0, first - second)


def alone(rng: np.random.Generator) -> np.ndarray:
    return np.arange(ANCHORS)


def threes(rng: np.random.Generator) -> np.ndarray:
    return np.arange(ANCHORS) // 3


def uneven(rng: np.random.Generator) -> np.ndarray:
    """Groups of one to ten anchors, small ones more often."""
    sizes = np.minimum(rng.geometric(0.4, ANCHORS), 10)
    return np.repeat(np.arange(ANCHORS), sizes)[:ANCHORS]


def make_world(seed: int, gain: float, draw: Draw, group: Draw) -> Difference:
    """One comparison whose true mean difference is `gain`; anchors of a group share a part of theirs."""
    rng = np.random.default_rng(seed)
    groups = group(rng)
    shared = rng.normal(0, 0.25, ANCHORS)[groups] if group is not alone else 0.0
    values = gain + shared + draw(rng)
    base = {f"q{place}": 0.0 for place in range(ANCHORS)}
    names = {f"q{place}": f"g{groups[place]}" for place in range(ANCHORS)}
    return compare_scores(base, {f"q{place}": float(value) for place, value in enumerate(values)}, names, seed=seed)


SHAPES = [(draw_skewed, alone), (draw_skewed, threes), (draw_skewed, uneven), (draw_ndcg, alone), (draw_ndcg, uneven)]
SHAPE_NAMES = [f"{draw.__name__}, {group.__name__}" for draw, group in SHAPES]


@pytest.mark.parametrize(("draw", "group"), SHAPES, ids=SHAPE_NAMES)
def test_the_interval_covers_the_truth_about_950_times_in_a_thousand(draw: Draw, group: Draw) -> None:
    found = [make_world(seed, 0.1, draw, group) for seed in range(WORLDS)]
    assert 0.935 <= np.mean([item.low <= 0.1 <= item.high for item in found]) <= 0.965


@pytest.mark.parametrize(("draw", "group"), SHAPES, ids=SHAPE_NAMES)
def test_where_nothing_differs_at_most_50_verdicts_in_a_thousand_say_otherwise(draw: Draw, group: Draw) -> None:
    outcomes = [give_verdict(make_world(seed, 0.0, draw, group)).outcome for seed in range(WORLDS)]
    assert np.mean([outcome != Outcome.UNCLEAR for outcome in outcomes]) <= 0.05


def test_p_values_of_no_difference_are_small_about_50_times_in_a_thousand() -> None:
    found = [make_world(seed, 0.0, draw_ndcg, alone) for seed in range(WORLDS)]
    assert 0.035 <= np.mean([item.p < 0.05 for item in found]) <= 0.065


def test_of_four_systems_that_are_no_better_the_family_holds_a_false_verdict_at_most_50_times_in_a_thousand() -> None:
    """Without Holm's adjustment it would be more."""
    adjusted, alone_ = 0, 0
    for seed in range(WORLDS):
        found = [make_world(4 * seed + system, 0.0, draw_ndcg, alone) for system in range(4)]
        p_values = adjust_holm([item.p for item in found])
        adjusted += any(
            give_verdict(item, evidence=Evidence(adjusted_p=p, comparisons=4)).outcome != Outcome.UNCLEAR for item, p in zip(found, p_values, strict=True)
        )
        alone_ += any(give_verdict(item).outcome != Outcome.UNCLEAR for item in found)
    assert adjusted / WORLDS <= 0.05
    assert alone_ / WORLDS > 0.05


def test_a_gain_of_the_detectable_size_is_found_about_four_times_in_five() -> None:
    gain = 0.1
    found = [make_world(seed, gain, draw_ndcg, alone) for seed in range(300)]
    typical = float(np.median([item.detectable for item in found]))
    reached = [make_world(seed, typical, draw_ndcg, alone).p < 0.05 for seed in range(300)]
    assert 0.72 <= np.mean(reached) <= 0.88
