"""The numbers of a comparison: measures by hand and by formula, intervals that cover, verdicts by rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation import significance
from core.evaluation.measures import MEASURES, average, score_ranking
from core.evaluation.significance import Difference, compare_scores, detectable_difference, mean_interval
from core.evaluation.verdict import FEW_ANCHORS, MAX_FORGETTING, MIN_GAIN, Outcome, give_verdict


def test_a_ranking_scored_by_hand():
    """q: grades 3 (a), 1 (b), 2 (c, not retrieved), 0 (n). Ranking n, a, x, b. Ideal: 3, 2, 1."""
    scores = score_ranking({"q": {"a": 3, "b": 1, "c": 2, "n": 0}}, {"q": ["n", "a", "x", "b"]})
    gained = 3 / math.log2(3) + 1 / math.log2(5)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert scores["q"] == pytest.approx(
        {
            "ndcg@5": gained / ideal,
            "ndcg@10": gained / ideal,
            "recall@5": 2 / 3,
            "recall@50": 2 / 3,
            "rr@10": 1 / 2,
            "judged@5": 3 / 4,
            "condensed_ndcg@5": (3 / math.log2(3) + 1 / math.log2(4)) / ideal,
        }
    )


def test_anchors_without_an_answer_are_left_out_and_those_without_a_ranking_score_nothing():
    scores = score_ranking({"q": {"a": 1}, "r": {"a": 0}, "s": {}}, {"r": ["a"], "t": ["a"]})
    assert scores == {"q": dict.fromkeys(MEASURES, 0.0)}
    assert score_ranking({}, {}) == {}
    assert average({}) == {}
    assert average({"a": {"m": 1.0}, "b": {"m": 0.5}}) == {"m": 0.75}


def test_the_order_given_is_the_order_scored_to_the_depth_of_a_hundred():
    ranking = [f"x{n:03}" for n in range(120)]
    assert score_ranking({"q": {"x009": 1}}, {"q": ranking}, ["rr@10"]) == {"q": {"rr@10": pytest.approx(0.1)}}
    assert score_ranking({"q": {"x049": 1}}, {"q": ranking}, ["recall@50"]) == {"q": {"recall@50": 1.0}}
    assert score_ranking({"q": {"x050": 1}}, {"q": ranking}, ["recall@50"]) == {"q": {"recall@50": 0.0}}


@given(grades=st.lists(st.integers(0, 4), min_size=1, max_size=14), order=st.permutations(range(14)), shown=st.integers(0, 14))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_every_measure_is_its_formula(grades: list[int], order: list[int], shown: int):
    qrels = {f"d{n}": grade for n, grade in enumerate(grades)}
    ranking = [f"d{n}" for n in order][:shown]
    scores = score_ranking({"q": qrels}, {"q": ranking})
    if not any(grades):
        assert scores == {}
        return
    found = [qrels.get(document, 0) for document in ranking]
    answers = sum(grade > 0 for grade in grades)

    def dcg(values: list[int], k: int) -> float:
        return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(values[:k], start=1))

    first = next((rank for rank, grade in enumerate(found[:10], start=1) if grade > 0), None)
    wanted = {f"ndcg@{k}": dcg(found, k) / dcg(sorted(grades, reverse=True), k) for k in (5, 10)}
    wanted |= {f"recall@{k}": sum(grade > 0 for grade in found[:k]) / answers for k in (5, 50)}
    wanted |= {"rr@10": 1 / first if first else 0.0}
    condensed = [qrels[document] for document in ranking if document in qrels]
    wanted |= {"condensed_ndcg@5": dcg(condensed, 5) / dcg(sorted(grades, reverse=True), 5)}
    wanted |= {"judged@5": sum(document in qrels for document in ranking[:5]) / min(5, len(ranking)) if ranking else 0.0}
    assert scores["q"] == pytest.approx(wanted)


def test_a_difference_counts_wins_ties_and_losses_over_shared_anchors():
    base = {"a": 0.5, "b": 0.5, "c": 0.5, "only": 1.0}
    tuned = {"a": 0.75, "b": 0.5, "c": 0.25, "other": 0.0}
    found = compare_scores(base, tuned)
    assert (found.gain, found.n, found.groups, found.wins, found.ties, found.losses, found.p) == (0.0, 3, 3, 1, 1, 1, 1.0)
    assert found.low < 0 < found.high


def test_no_anchor_in_common_says_nothing():
    assert compare_scores({"a": 1.0}, {"b": 1.0}) == Difference(0.0, 0.0, 0.0, 1.0, 0, 0, 0, 0, 0, math.inf)
    assert mean_interval({}) == (0.0, 0.0)


def test_equal_systems_differ_by_nothing_and_an_equal_gain_everywhere_is_sure():
    scores = {f"q{n}": n / 20 for n in range(20)}
    same = compare_scores(scores, scores)
    assert (same.gain, same.low, same.high, same.p, same.ties) == (0.0, 0.0, 0.0, 1.0, 20)
    better = compare_scores(scores, {key: value + 0.25 for key, value in scores.items()})
    assert (better.gain, better.low, better.high) == pytest.approx((0.25, 0.25, 0.25))
    assert better.p < 0.001


def test_the_p_value_is_that_of_all_sign_flips():
    rng = np.random.default_rng(5)
    d = rng.normal(0.2, 0.5, size=8)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T
    exact = np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-12)
    found = compare_scores({f"q{n}": 0.0 for n in range(8)}, {f"q{n}": float(value) for n, value in enumerate(d)})
    assert found.p == pytest.approx(exact, abs=0.015)


def test_the_same_seed_gives_the_same_interval_and_the_order_does_not_matter():
    rng = np.random.default_rng(6)
    tuned = {f"q{n}": float(value) for n, value in enumerate(rng.normal(0.1, 0.3, 40))}
    base = dict.fromkeys(tuned, 0.0)
    assert compare_scores(base, tuned) == compare_scores(dict(reversed(base.items())), dict(reversed(tuned.items())))
    assert compare_scores(base, tuned, seed=1).low != compare_scores(base, tuned).low


def test_anchors_that_rise_and_fall_together_widen_the_interval():
    values = {f"q{n}": (0.5 if (n // 10) % 2 else -0.3) for n in range(100)}
    base, groups = dict.fromkeys(values, 0.0), {f"q{n}": f"g{n // 10}" for n in range(100)}
    alone, together = compare_scores(base, values), compare_scores(base, values, groups)
    assert (alone.groups, together.groups) == (100, 10)
    assert alone.gain == together.gain
    assert together.high - together.low > 2.5 * (alone.high - alone.low)
    assert together.p > alone.p


def test_the_detectable_difference_is_found_about_four_times_in_five(monkeypatch):
    monkeypatch.setattr(significance, "RESAMPLES", 2_000)
    gain, n = detectable_difference(80, 0.3), 80
    assert gain == pytest.approx(2.8016 * 0.3 / math.sqrt(80), rel=1e-4)
    found = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(gain, 0.3, n)
        found += compare_scores({f"q{i}": 0.0 for i in range(n)}, {f"q{i}": float(v) for i, v in enumerate(values)}, seed=seed).p < 0.05
    assert 0.73 <= found / 200 <= 0.87
    assert detectable_difference(0) == math.inf


def test_one_group_however_large_is_one_observation():
    """Once 40 rephrasings of one question gave an interval without width, and a verdict."""
    found = compare_scores(dict.fromkeys(map(str, range(40)), 0.1), dict.fromkeys(map(str, range(40)), 0.9), dict.fromkeys(map(str, range(40)), "g"))
    assert (found.n, found.groups) == (40, 1)
    assert give_verdict(found).outcome == Outcome.UNCLEAR


@pytest.mark.parametrize("groups", [3, 5, 10, 20, 60, 1000])
def test_the_widening_for_few_groups_is_that_of_students_t(groups: int):
    from scipy.stats import norm, t

    wanted = norm.cdf(-t.ppf(0.975, groups - 1) * np.sqrt(groups / (groups - 1)))
    assert significance._tail_share(groups) == pytest.approx(wanted, rel=0.02, abs=3e-5)
    assert significance._tail_share(2) == significance._tail_share(1) == 0.0


def difference(gain: float, low: float, high: float, n: int = 50, groups: int | None = None) -> Difference:
    return Difference(gain, low, high, 0.01, n, n if groups is None else groups, n, 0, 0, 0.1)


VERDICTS = [
    (difference(0.05, 0.01, 0.09), 0.0, Outcome.BETTER),
    (difference(0.05, 0.01, 0.09), -0.2, Outcome.BETTER),
    (difference(MIN_GAIN, 0.001, 0.09), MAX_FORGETTING, Outcome.BETTER),
    (difference(0.05, 0.01, 0.09), None, Outcome.BETTER),
    (difference(0.05, 0.01, 0.09), MAX_FORGETTING + 0.001, Outcome.FORGOT),
    (difference(0.05, 0.0, 0.09), 0.0, Outcome.UNCLEAR),
    (difference(0.019, 0.01, 0.03), 0.0, Outcome.UNCLEAR),
    (difference(0.05, 0.01, 0.09, n=FEW_ANCHORS - 1), 0.0, Outcome.UNCLEAR),
    (difference(0.05, 0.01, 0.09, n=60, groups=FEW_ANCHORS - 1), 0.0, Outcome.UNCLEAR),
    (difference(-0.01, -0.05, 0.02), 0.0, Outcome.UNCLEAR),
    (difference(-0.05, -0.09, -0.01), 0.0, Outcome.WORSE),
    (difference(-0.05, -0.09, -0.01), -0.5, Outcome.WORSE),
    (compare_scores({}, {}), None, Outcome.UNCLEAR),
]


@pytest.mark.parametrize(("found", "loss", "outcome"), VERDICTS)
def test_each_verdict_follows_its_rule_and_says_why(found: Difference, loss: float | None, outcome: Outcome):
    verdict = give_verdict(found, guard_loss=loss)
    assert verdict.outcome == outcome
    assert f"{found.gain:+.3f} NDCG@5 on {found.n} held-out anchors" in verdict.reason
    assert ("not measured" in verdict.reason) == (loss is None)
    assert verdict.advice


def test_an_unclear_verdict_says_what_would_tell():
    assert "at least 40 more" in give_verdict(difference(0.05, 0.01, 0.09, n=5)).advice
    assert "60 held-out anchors in 3 unrelated groups are too few" in give_verdict(difference(0.05, 0.01, 0.09, n=60, groups=3)).advice
    assert "no gain to prove" in give_verdict(difference(-0.01, -0.05, 0.02)).advice
    assert "too small to notice" in give_verdict(difference(0.01, 0.005, 0.02)).advice
    assert "About 193 more" in give_verdict(difference(0.05, -0.01, 0.09)).advice
