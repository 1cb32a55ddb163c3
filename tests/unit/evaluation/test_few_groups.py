"""What few, or related, held-out anchors allow to be said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.evaluation.significance import compare_scores
from core.evaluation.verdict import Outcome, give_verdict


@pytest.mark.parametrize("change", [-0.3, 0.3])
def test_a_single_anchor_gives_no_verdict_in_either_direction(change: float) -> None:
    difference = compare_scores({"a": 0.5}, {"a": 0.5 + change})
    assert give_verdict(difference).outcome == Outcome.UNCLEAR
    assert math.isinf(difference.detectable)


def test_related_anchors_detect_no_more_than_their_groups_do() -> None:
    rng = np.random.default_rng(0)
    groups = {f"a{n}": f"g{n // 10}" for n in range(120)}
    shift = {f"g{n}": value for n, value in enumerate(rng.normal(0, 0.3, 12))}
    base = dict.fromkeys(groups, 0.5)
    tuned = {anchor_id: 0.5 + shift[group] for anchor_id, group in groups.items()}
    related, unrelated = compare_scores(base, tuned, groups), compare_scores(base, tuned)
    assert related.detectable > 2.5 * unrelated.detectable
    assert related.detectable == pytest.approx(2.8 * np.std(list(shift.values())) / math.sqrt(12), rel=0.1)


def test_a_warning_about_the_split_stands_in_the_reason() -> None:
    base = {f"a{n}": 0.2 for n in range(50)}
    tuned = {f"a{n}": 0.3 + 0.001 * n for n in range(50)}
    verdict = give_verdict(compare_scores(base, tuned), guard_loss=0.0, warning="An answer may stand on both sides.")
    assert verdict.outcome == Outcome.BETTER
    assert verdict.reason.endswith("An answer may stand on both sides.")
