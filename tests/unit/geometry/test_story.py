"""The flag of a map as it is told after search was measured, and the report's part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.evaluation.report_clumping import draw_places, render_clumping
from core.geometry.clumps import SearchScores
from core.geometry.story import add_to_report, find_map, judge_again, tell_story
from core.model import Evaluation, ModelKind, ModelRecord, Projection
from core.store import artefacts
from core.workspace import Workspace

BASE, TUNED = "b" * 64, "c" * 64
HOSTILE = "<script>alert(1)</script>"
GAP = {"distance": 0.4, "ndcg": 0.5, "centred": 0.5, "gain": 0.0, "low": -0.1, "high": 0.1, "orphans": 0.2, "n": 9}


def figures(verdict: str, participation: float, **more: Any) -> dict[str, Any]:
    """Figures as a map stores them, with what was not measured as None."""
    ratio = {"value": participation, "low": participation - 0.05, "high": participation + 0.05}
    contrast = {"value": 1.0, "low": 0.95, "high": None}
    space = {"mean_cosine": {"base": 0.2, "tuned": 0.25}, "participation_ratio": ratio, "relative_contrast": contrast}
    return {
        "verdict": verdict,
        "reasons": ["As drawn."],
        "global": {"n": 24, "documents": space},
        "hotspots": [],
        "gap": {"base": GAP, "tuned": GAP},
        "documents": 24,
    } | more


def scores(change: float) -> SearchScores:
    """Forty anchors that all changed alike, nearly."""
    base = {f"a{n}": 0.5 for n in range(40)}
    return SearchScores(base, {name: 0.5 + change + 0.001 * n for n, name in enumerate(base)}, {"a1": frozenset({0})})


@pytest.mark.parametrize(
    ("drawn", "participation", "change", "verdict", "words"),
    [
        ("green", 1.0, -0.2, "amber", "It finds fewer of the known answers than the base"),
        ("red", 0.3, 0.2, "amber", "Better on your test questions, but: the spread of the documents lies in 30% as many directions"),
        ("red", 0.3, -0.2, "red", "The spread of the documents"),
        ("green", 1.0, 0.2, "green", "The tuned model spreads the documents as well as the base does."),
    ],
)
def test_what_search_says_comes_first_also_where_it_is_measured_later(drawn: str, participation: float, change: float, verdict: str, words: str) -> None:
    told = judge_again(figures(drawn, participation), scores(change), {}, same_dimension=True)
    assert told["verdict"] == verdict
    assert any(reason.startswith(words) for reason in told["reasons"])
    assert told["global"]["ndcg@5"]["gain"] == pytest.approx(change + 0.0195)


def test_what_a_red_space_costs_in_search_is_read_first() -> None:
    reasons = judge_again(figures("red", 0.3), scores(-0.2), {}, same_dimension=True)["reasons"]
    assert reasons[0].startswith("It finds fewer of the known answers than the base (-0.181 NDCG@5, 95 % interval ")
    assert reasons[1:] == ["The spread of the documents lies in 30% as many directions as before."]


def test_a_map_that_knew_the_measurement_is_told_as_it_was_drawn() -> None:
    once = judge_again(figures("green", 1.0), scores(-0.2), {}, same_dimension=True)
    again = judge_again(once | {"reasons": ["As drawn."]}, scores(-0.2), {}, same_dimension=True)
    assert again["reasons"] == ["As drawn."]


def test_a_group_says_what_the_new_measurement_did_to_it() -> None:
    spot = {"ids": ["d0", "d1"], "terms": ["rent"], "closer": 2.0, "anchors": 0}
    told = judge_again(figures("amber", 1.0, hotspots=[spot]), scores(-0.2), {"d0": 0, "d1": 1}, same_dimension=True)
    assert (told["hotspots"][0]["anchors"], told["hotspots"][0]["terms"]) == (1, ["rent"])
    assert told["hotspots"][0]["ndcg@5"]["gain"] == pytest.approx(-0.199)


@pytest.fixture
def mapped(workspace: Workspace, small_project: str) -> Projection:
    """A green map, and a measurement after it in which every anchor lost."""
    path = workspace.folder("maps") / "one.npz"
    places = np.random.default_rng(0).normal(size=(24, 2)).astype(np.float32)
    np.savez(path, ids=np.array([f"d{n}" for n in range(24)]), base=places, tuned=places[::-1])
    spot = {"ids": ["d1", "d2"], "terms": [HOSTILE], "closer": 2.0}
    projection = Projection("one", BASE, TUNED, str(path), figures("green", 1.0, hotspots=[spot], displacement=0.25, noise_floor=0.125), 10.0)
    with workspace.store.write() as conn:
        for model_id, kind in ((BASE, ModelKind.BASE), (TUNED, ModelKind.TUNED)):
            artefacts.put_model(conn, small_project, ModelRecord(model_id, kind.value, kind, "/nowhere", 32, 64, created_at=1.0))
        artefacts.put_projection(conn, small_project, projection)
        for name, model_id, value in (("x", BASE, 0.75), ("y", TUNED, 0.25)):
            evaluation = Evaluation(name, name, model_id, "test", {"ndcg@5": value}, 10, 1, "run", 20.0)
            artefacts.put_evaluation(conn, small_project, evaluation, {f"a{n}": {"ndcg@5": value} for n in range(10)})
    return projection


def test_a_model_measured_as_worse_after_its_map_was_drawn_is_not_green(workspace: Workspace, small_project: str, mapped: Projection) -> None:
    told = tell_story(workspace, small_project, mapped)
    assert told["verdict"] == "amber"
    assert any("fewer of the known answers" in reason for reason in told["reasons"])
    alone = replace(mapped, tuned_id=None)
    assert tell_story(workspace, small_project, alone) == mapped.figures
    assert find_map(workspace, small_project, "d" * 64) is None


def test_a_map_without_a_verdict_still_says_what_tuning_did_to_search(workspace: Workspace, small_project: str, mapped: Projection) -> None:
    told = tell_story(workspace, small_project, replace(mapped, figures={**mapped.figures, "verdict": "none", "reasons": ["Too few."], "hotspots": []}))
    assert (told["verdict"], told["reasons"]) == ("none", ["Too few."])
    assert told["global"]["ndcg@5"]["gain"] == pytest.approx(-0.5)


def test_a_report_carries_the_map_and_its_figures_with_text_escaped(workspace: Workspace, small_project: str, mapped: Projection) -> None:
    bare = {"systems": [{"system": "tuned", "model_id": TUNED}], "system": "tuned"}
    report = add_to_report(workspace, small_project, bare)
    assert report["clumping"]["verdict"] == "amber"
    assert report["clumping"]["map"]["in_hotspot"].count(True) == 2
    page = "".join(render_clumping(report["clumping"], ("Base", "Tuned")))
    assert "Look closer: documents drew together or answers got lost" in page
    assert "Showing 24 of 24 documents. Documents moved 2 times as far on the map as when the base is drawn again with another random seed." in page
    still = "".join(render_clumping(report["clumping"] | {"displacement": None, "noise_floor": 0.0}, ("Base", "Tuned")))
    assert "Showing 24 of 24 documents. The verdict" in still
    assert "&lt;script&gt;" in page
    assert HOSTILE not in page
    assert add_to_report(workspace, small_project, bare | {"system": "bm25"}) == bare | {"system": "bm25"}
    assert render_clumping(None, ("Base", "Tuned")) == []


def test_a_map_of_one_place_is_drawn_all_the_same() -> None:
    drawn = draw_places({"base": [[0.0, 0.0]], "tuned": [[0.0, 0.0]], "in_hotspot": [False]}, ("Base", "Tuned"))
    assert drawn.count("<circle") == 2
    assert "nan" not in drawn
