"""What the benchmark of the clumping flag counts as a false alarm and as a miss."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.clump_evidence import print_table


def made(verdict: str, high: float) -> dict[str, Any]:
    """What a cell leaves, with a change in NDCG@5 whose interval ends at `high`."""
    ratio = {"value": 1.0, "low": 0.9, "high": 1.1}
    space = {"participation_ratio": ratio, "relative_contrast": ratio}
    figures = {"documents": space, "reference": space, "ndcg@5": {"gain": high - 0.05, "low": high - 0.1, "high": high}}
    return {"cpu_s": 60.0, "report": {"verdict": verdict, "reasons": ["Made."], "hotspots": [], "global": figures}}


def test_a_healthy_training_that_lost_answers_is_no_false_alarm_and_a_collapsed_green_one_is_a_miss(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        [
            (("sample", "ours", 0), made("green", 0.1)),
            (("sample", "ours", 1), made("red", 0.1)),
            (("sample", "article", 0), made("amber", 0.1)),
            (("sample", "article", 1), made("red", -0.01)),  # it did lose answers
            (("sample", "alike", 0), made("red", -0.3)),
            (("sample", "same-class", 0), made("note", -0.3)),
            (("sample", "one-point", 0), made("amber", 0.0)),
        ]
    )
    printed = capsys.readouterr().out
    assert "| sample | ours, seed 1 | red | 1.00 | 1.00 | 1.00 | 1.00 | 0 | +0.050 (+0.000 to +0.100) | 1.0 | Made. |" in printed
    assert "Healthy trainings: 4, of which 3 did not surely lose answers; false alarms among these: 1 red, 1 amber." in printed
    assert "Collapsed trainings: 3, of which 2 surely lost answers; flagged 1 red and 1 amber; misses (green or a note): 1." in printed
