"""Families of comparisons, the conditions of a verdict one by one, and figures against other ways of computing them."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation.measures import average, score_ranking
from core.evaluation.significance import Difference, _tail_share, adjust_holm, compare_all, compare_scores, mean_interval, mean_intervals
from core.evaluation.verdict import LEVEL, Evidence, Outcome, count_missing, find_doubts, give_verdict

GOOD = Difference(0.06, 0.02, 0.1, 0.004, 100, 100, 60, 20, 20, 0.055)


def test_holm_by_hand():
    """Sorted 0.01, 0.02, 0.03, 0.9 times 4, 3, 2, 1 are 0.04, 0.06, 0.06, 0.9."""
    assert adjust_holm([0.03, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert adjust_holm([0.5, 0.6]) == [1.0, 1.0]
    assert adjust_holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_adjusted_values_keep_the_order_and_are_never_smaller(p_values: list[float]):
    adjusted = adjust_holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    assert [adjusted[row] for row in np.argsort(p_values, kind="stable")] == sorted(adjusted)


def test_an_interval_is_that_of_all_resamples():
    """Five anchors have 3,125 resamples: the bounds are quantiles of all of them, at the tail that five groups ask for."""
    values = [0.0, 0.1, 0.4, 0.5, 1.0]
    means = np.mean(list(itertools.product(values, repeat=5)), axis=1)
    tail = _tail_share(5)
    low, high = mean_interval({f"q{n}": value for n, value in enumerate(values)})
    assert (low, high) == pytest.approx((np.quantile(means, tail), np.quantile(means, 1 - tail)), abs=0.03)


def test_groups_of_different_size_are_averaged_over_anchors():
    """Groups {1, 1, 1} and {0}: the mean is 3/4, and a resample of both, one or the other gives 3/4, 1 or 0."""
    tuned = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 0.0}
    found = compare_scores(dict.fromkeys(tuned, 0.0), tuned, {"a": "g", "b": "g", "c": "g", "d": "h"})
    assert (found.gain, found.low, found.high, found.groups) == (0.75, 0.0, 1.0, 2)


def test_a_system_s_own_interval_is_that_of_its_difference_from_nothing():
    scores = {f"q{n}": n / 30 for n in range(30)}
    found = compare_scores(dict.fromkeys(scores, 0.0), scores)
    assert mean_interval(scores) == (found.low, found.high)


@pytest.mark.parametrize("groups", [None, {f"q{n}": f"g{n // 3 if n < 24 else n}" for n in range(40)}], ids=["alone", "in groups of uneven size"])
def test_several_systems_at_once_are_what_each_is_alone(groups: dict[str, str] | None):
    rng = np.random.default_rng(8)
    base, *others = ({f"q{n}": float(value) for n, value in enumerate(rng.random(40))} for _ in range(4))
    for together, alone in zip(compare_all(base, others, groups), (compare_scores(base, other, groups) for other in others), strict=True):
        assert asdict(together) == pytest.approx(asdict(alone))
    assert np.array(mean_intervals([base, *others], groups)) == pytest.approx(np.array([mean_interval(item, groups) for item in (base, *others)]))
    assert (compare_all(base, []), mean_intervals([])) == ([], [])


def test_measures_are_those_of_ir_measures_whatever_the_order_of_the_names():
    rng = np.random.default_rng(3)
    qrels = {f"q{n}": {f"d{row}": int(rng.integers(0, 4)) for row in rng.choice(80, 12, replace=False)} | {"sure": 2} for n in range(20)}
    ranking = {anchor_id: [f"d{row}" for row in rng.permutation(80)[:60]] for anchor_id in qrels}
    ours = average(score_ranking(qrels, ranking))
    run = [ir_measures.ScoredDoc(q, d, 1 / (place + 1)) for q, listed in ranking.items() for place, d in enumerate(listed)]
    judged = [ir_measures.Qrel(q, d, grade) for q, grades in qrels.items() for d, grade in grades.items()]
    names = {"nDCG@5": "ndcg@5", "nDCG@10": "ndcg@10", "R@5": "recall@5", "R@50": "recall@50", "RR@10": "rr@10", "Judged@5": "judged@5"}
    names["nDCG(judged_only=True)@5"] = "condensed_ndcg@5"
    theirs = ir_measures.calc_aggregate([ir_measures.parse_measure(name) for name in names], judged[::-1], run[::-1])
    assert {names[str(measure)]: value for measure, value in theirs.items()} == pytest.approx(ours)


@pytest.mark.parametrize(
    ("change", "evidence", "unmet"),
    [
        ({}, Evidence(0.0), []),
        ({"groups": 9}, Evidence(0.0), ["unrelated"]),
        ({"low": -0.001}, Evidence(0.0), ["interval"]),
        ({"p": LEVEL}, Evidence(0.0), ["p-value"]),
        ({}, Evidence(0.0, adjusted_p=0.03, comparisons=3), ["p-value"]),
        ({"gain": 0.019}, Evidence(0.0), ["gain is at least"]),
        ({}, Evidence(0.0, seed_spread=0.03), ["spread"]),
        ({}, Evidence(0.02), ["general"]),
        ({}, Evidence(None, has_guard=False), []),
    ],
)
def test_each_condition_is_listed_with_what_was_found_and_better_needs_them_all(change: dict[str, float], evidence: Evidence, unmet: list[str]):
    verdict = give_verdict(replace(GOOD, **change), evidence=evidence)
    failed = [check.asked for check in verdict.checks if not check.met]
    assert len(failed) == len(unmet)
    assert all(word in asked for word, asked in zip(unmet, failed, strict=True))
    assert (verdict.outcome == Outcome.BETTER) == (not unmet)
    assert all(check.found for check in verdict.checks)


def test_the_best_of_several_comparisons_is_told_as_such():
    verdict = give_verdict(GOOD, evidence=Evidence(0.0, adjusted_p=0.03, comparisons=8))
    assert "Alone it would pass (p 0.004), but the best of 8 comparisons is partly luck (adjusted p 0.030)" in verdict.advice
    assert "adjusted for 8 comparisons (Holm)" in verdict.checks[2].asked


def test_a_gain_that_few_anchors_carry_says_so():
    verdict = give_verdict(replace(GOOD, p=0.04), guard_loss=0.0)
    assert verdict.outcome == Outcome.UNCLEAR
    assert "few anchors carry the gain (p 0.040" in verdict.advice


def test_better_says_what_would_undo_it():
    assert "about 2 of the 100 anchors falling" in give_verdict(GOOD, guard_loss=0.0).advice
    assert "about one anchor falling" in give_verdict(replace(GOOD, low=0.001), guard_loss=0.0).advice


def test_more_anchors_are_asked_for_until_the_missing_ones_are_few():
    assert count_missing(replace(GOOD, detectable=0.01)) == 10
    assert count_missing(replace(GOOD, gain=0.0)) == 40
    wide, narrow = count_missing(replace(GOOD, detectable=0.2)), count_missing(replace(GOOD, detectable=0.1))
    assert wide + 100 == pytest.approx(4 * (narrow + 100), abs=4)


def test_doubts_are_said_whatever_the_outcome():
    assert find_doubts(GOOD, [0.9, 0.9], 1) == []
    few, unlike, look, small = find_doubts(replace(GOOD, detectable=0.07), [0.6, 0.4], 3)
    assert "Only 40% of the first five" in few
    assert "Judged@5 0.60 against 0.40" in unlike
    assert "look number 3" in look
    assert "smaller than what so many anchors reliably show (0.070)" in small
