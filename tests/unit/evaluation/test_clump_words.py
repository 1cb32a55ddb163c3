"""What is said of clumping: that movement is no verdict, and what is not known is not made up."""

from __future__ import annotations

import pytest

from core.evaluation.clump_words import count_noise, say_movement, say_search


def test_movement_is_counted_in_times_the_noise_floor_and_said_to_be_no_verdict() -> None:
    said = say_movement({"displacement": 0.5, "noise_floor": 0.125, "shuffled": 1.0})
    assert said.startswith("Documents moved 4 times as far on the map as when the base is drawn again with another random seed. That")
    assert said.endswith("it has no part in the flag.")


def test_maps_that_have_no_places_in_common_are_said_not_to_be_compared_place_by_place() -> None:
    said = say_movement({"displacement": 0.875, "noise_floor": 0.125, "shuffled": 1.0})
    assert "nearly as far as if they had changed places at random: compare their neighbours, not their places. That" in said


def test_movement_as_by_chance_is_made_nothing_of() -> None:
    assert say_movement({"displacement": 0.15, "noise_floor": 0.125}).startswith("Documents lie about where they lay")


def test_documents_are_not_said_to_lie_where_they_lay_where_the_method_itself_shuffles_them() -> None:
    assert "as if they had changed places at random" in say_movement({"displacement": 1.0, "noise_floor": 0.9, "shuffled": 1.1})


@pytest.mark.parametrize(("moved", "noise"), [(None, 0.125), (0.5, None), (0.5, 0.0)])
def test_movement_that_cannot_be_compared_is_not_spoken_of(moved: float | None, noise: float | None) -> None:
    figures = {"displacement": moved, "noise_floor": noise}
    assert count_noise(figures) is None
    assert say_movement(figures) == ""


@pytest.mark.parametrize(
    ("change", "end"),
    [
        ({"gain": 0.05, "low": 0.01, "high": 0.09}, "changed by +0.050 with tuning (95 % interval +0.010 to +0.090): more answers are found."),
        ({"gain": -0.05, "low": -0.09, "high": -0.01}, "changed by -0.050 with tuning (95 % interval -0.090 to -0.010): fewer answers are found."),
        ({"gain": 0.05, "low": -0.01, "high": 0.11}, "changed by +0.050 with tuning (95 % interval -0.010 to +0.110): which may be chance."),
        ({"gain": 0.05, "low": None, "high": None}, "changed by +0.050 with tuning; there are too few for an interval."),
        (None, "measure base and tuned on the held-out anchors, on the compare page."),
    ],
)
def test_what_tuning_did_to_search_is_said_with_its_interval(change: dict[str, float | None] | None, end: str) -> None:
    assert say_search(change).endswith(end)
