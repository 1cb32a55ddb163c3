"""When to stop, as drawn on the review page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core.curation.options import read_options
from core.model import Added, Judgement, Label, Part, RunKind, RunStatus, Source, ValuePoint
from core.store import corpus, judgements, projects, runs, value_points
from core.workspace import Workspace

Open = Callable[..., AppTest]
POINT = ValuePoint(0, 0, 0.45, 0.46, -0.01, 0.03, 10, 1.0, 0.0)


def put_points(workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "small", {f"a{n}": Part.DEV for n in range(10)})
        last = judgements.last_seq(conn, "small")
        for judged, value, added in ((0, 0.46, None), (60, 0.48, None), (120, 0.5, Added(120, 0.04, 0.01, 0.07))):
            value_points.put_point(conn, "small", replace(POINT, last_seq=last + judged, judged=judged, value=value, added=added))


def metrics(app: AppTest) -> dict[str, str]:
    return {item.label: item.value for item in app.metric}


@pytest.mark.usefixtures("small_project")
def test_an_empty_meter_says_what_is_missing_and_draws_no_curve(open_screen: Open) -> None:
    app = open_screen("negatives")
    assert not app.exception
    assert metrics(app) == {"Anchors at the target": "0 of 0", "Time left": "Not known yet", "Answers overlooked": "Not known yet"}
    assert any("Too few anchors to measure on: 0 with answers" in item.value for item in app.markdown)
    assert not app.get("plotly_chart")


@pytest.mark.usefixtures("small_project")
def test_the_curve_has_its_sentence_and_says_its_takeaway_without_being_seen(open_screen: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.curation.stopping.FEWEST_DEVELOPMENT", 10)
    put_points(workspace)
    app = open_screen("negatives")
    assert not app.exception
    assert any(item.value.endswith("The last 120 judgements added +0.040 (+0.010 to +0.070): go on.") for item in app.markdown)
    (chart,) = app.get("plotly_chart")
    assert "NDCG@5 0.500 after 120 judgements, 0.450 with the base model. The last 120" in str(chart.proto)
    assert '"x":[0.0,60.0,120.0]' in chart.proto.spec.replace(" ", "") or '"bdata"' in chart.proto.spec


@pytest.mark.usefixtures("small_project")
def test_time_left_follows_the_target_that_can_be_changed(open_screen: Open, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "small", {f"a{n}": Part.TRAIN for n in range(10)})
        judgements.append_judgements(conn, "small", [Judgement("n", "a0", "d5", Label.HARD_NEGATIVE, 0, Source.MINED, "local", active_ms=12_000)])
    app = open_screen("negatives")
    assert metrics(app) == {"Anchors at the target": "0 of 10", "Time left": "6 min", "Answers overlooked": "Not known yet"}
    app.number_input[0].set_value(1).run()
    assert not app.exception
    assert metrics(app)["Anchors at the target"] == "1 of 10"
    assert metrics(app)["Time left"] == "2 min"
    with workspace.store.read() as conn:
        assert read_options(projects.get_project(conn, "small")).negatives_target == 1


@pytest.mark.usefixtures("small_project")
def test_measure_now_queues_one_run_and_not_a_second(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("negatives")
    app.button(key="measure-value").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        (run,) = runs.list_runs(conn, "small", kind=RunKind.METER)
    assert run.status == RunStatus.QUEUED
    assert not [button for button in app.button if button.key == "measure-value"]
