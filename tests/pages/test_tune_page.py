"""Tune: what a run has, what stops it, starting one, finding it again, and its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from core.model import Anchor, Document, Judgement, Label, Progress, Projection, Run, RunKind, RunStatus
from core.store import artefacts, corpus, judgements, runs, tables
from core.tuning.config import TuneConfig
from core.workspace import Workspace
from pages._ui.text import escape_label
from pages._ui.tune_form import KNOBS

OpenScreen = Callable[..., AppTest]
VERDICT = {"outcome": "better", "title": "Better", "reason": "+0.080 NDCG@5 on 40 held-out anchors.", "advice": "Look at the losses before you release."}
RESULT: dict[str, Any] = {
    "model_id": "m" * 64,
    "model_name": "tiny tuned",
    "base_id": "b" * 64,
    "snapshot_id": "s" * 64,
    "dev": {"base": 0.5, "tuned": 0.6},
    "train": {"rows": 20, "generic": 2, "steps": 3, "seconds": 2.0, "texts_per_s": 90.0},
    "test": {
        "base": {"ndcg@5": 0.512, "n": 40, "interval": [0.4, 0.6], "evaluation_id": "e1"},
        "tuned": {"ndcg@5": 0.592, "n": 40, "interval": [0.5, 0.7], "evaluation_id": "e2"},
        "difference": {"gain": 0.08, "low": 0.031, "high": 0.129, "p": 0.001, "n": 40, "groups": 38, "wins": 20, "ties": 15, "losses": 5, "detectable": 0.06},
        "guard": {"base": 0.7, "tuned": 0.7},
        "verdict": VERDICT,
    },
}


@pytest.fixture
def labelled_project(workspace: Workspace, small_project: str) -> str:
    """The small project with 100 more anchors, each answered by a document of its own, and a hard negative for every one of them."""
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, [Document(f"e{n}", f"Clause {n} speaks of matter {n}.") for n in range(101)])
        corpus.put_anchors(conn, small_project, [Anchor(f"b{n}", f"What of matter {n}?") for n in range(100)])
        events = [Judgement(f"answer-{n}", f"b{n}", f"e{n}", Label.POSITIVE, 3) for n in range(100)]
        events += [Judgement(f"negative-{n}", f"b{n}", "e100", Label.HARD_NEGATIVE) for n in range(100)]
        judgements.append_judgements(conn, small_project, events)
    return small_project


def add_run(workspace: Workspace, status: RunStatus, *, result: dict[str, Any] | None = None, error: str | None = None) -> Run:
    """A tuning run of the small project in the state given."""
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.TUNE, TuneConfig(epochs=2).to_json())
        if status != RunStatus.QUEUED:
            run = runs.claim_run(conn, "a-worker", lease_s=60)
            assert run is not None
            figures = {"loss": [[1, 2.5], [2, 2.0]], "dev_ndcg@5": [[0, 0.50], [2, 0.61]]}
            runs.beat_run(conn, run_id, run.attempt, lease_s=60, progress=Progress(2, 6, "Training", 90.0, figures))
            if status.is_over:
                runs.finish_run(conn, run_id, run.attempt, status, result=result, error=error)
        return runs.get_run(conn, run_id)


def list_tune_runs(workspace: Workspace) -> list[Run]:
    with workspace.store.read() as conn:
        return runs.list_runs(conn, "small", kind=RunKind.TUNE)


def test_a_project_without_enough_answers_is_told_why_and_cannot_start(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        for n in range(1, 10):
            for document in (n, n + 12):
                judgements.append_judgements(conn, "small", [Judgement(f"off-{n}-{document}", f"a{n}", f"d{document}", Label.AMBIGUOUS)])
    app = open_screen("tune")
    assert not app.exception
    assert "is left for development and test" in app.error[0].value
    assert app.button(key="start_tuning").disabled


def test_the_page_says_what_a_run_has_and_how_small_a_difference_it_can_tell(open_screen: OpenScreen, labelled_project: str) -> None:
    app = open_screen("tune")
    assert not app.exception
    values = {metric.label: int(metric.value) for metric in app.metric}
    assert sum(values[name] for name in ("Training anchors", "Development anchors", "Held-out anchors")) == 110
    assert values["Hard negatives"] > 40
    assert any("a true difference of about 0.1" in item.value for item in app.caption)
    assert any("as no run was measured here yet" in item.value for item in app.caption)
    assert not app.warning


def test_looking_at_the_page_assigns_no_part(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    open_screen("tune")
    with workspace.store.read() as conn:
        assert {anchor.part for anchor in corpus.read_anchors(conn, labelled_project)} == {None}


def test_starting_queues_a_run_with_the_settings_shown(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    app = open_screen("tune")
    app.number_input(key="knob_epochs").set_value(7)
    app.toggle(key="knob_merge").set_value(False)
    app.slider(key="knob_generic").set_value(0.3)
    app.button(key="start_tuning").click().run()  # in one rerun, as a browser sends a number that was typed and left by the click
    assert not app.exception
    wanted = TuneConfig(epochs=7, merge=False, generic_share=0.3)
    assert [(run.status, TuneConfig.from_json(run.config)) for run in list_tune_runs(workspace)] == [(RunStatus.QUEUED, wanted)]
    assert app.subheader[0].value == "Run in progress"
    assert [button.key for button in app.button if button.key == "start_tuning"] == []


def test_a_second_start_from_another_tab_is_refused_with_words(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    app = open_screen("tune")
    first = add_run(workspace, RunStatus.QUEUED)
    app.button(key="start_tuning").click().run()
    assert [run.id for run in list_tune_runs(workspace)] == [first.id]
    assert first.id in app.warning[0].value


def test_every_setting_of_a_run_has_a_knob_that_is_drawn(open_screen: OpenScreen, labelled_project: str) -> None:
    app = open_screen("tune")
    assert sorted(KNOBS.values()) == sorted(TuneConfig().to_json())
    drawn = [*app.number_input, *app.slider, *app.toggle, *app.selectbox, *app.multiselect, *app.text_input]
    assert set(KNOBS) == {item.key for item in drawn if str(item.key).startswith("knob_")}


def test_the_page_hands_out_no_record_and_only_has_a_left_outbox_sent(open_screen: OpenScreen, labelled_project: str) -> None:
    (panel,) = open_screen("tune").get("bidi_component")
    data = json.loads(panel.proto.json)
    assert (data["records"], data["drain"], data["user"]) == ([], True, "local")


def test_a_cancelled_run_says_what_became_of_it(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    add_run(workspace, RunStatus.CANCELLED)
    assert open_screen("tune").info[0].value == "The run was cancelled before it was done. Your judgements are as they were."


def test_a_run_that_goes_on_is_found_again_with_its_series_and_can_be_cancelled(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    run = add_run(workspace, RunStatus.RUNNING)
    app = open_screen("tune")
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 2
    app.button(key=f"cancel-{run.id}").click().run()
    assert list_tune_runs(workspace)[0].cancel_requested


def test_a_finished_run_shows_its_verdict_and_the_ways_on(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    add_run(workspace, RunStatus.SUCCEEDED, result=RESULT)
    app = open_screen("tune")
    assert not app.exception
    assert app.success[0].value.startswith("**Better**")
    assert {metric.label: metric.value for metric in app.metric}["Difference, 95 % interval"] == "+0.031 to +0.129"
    assert any("at the speed of the newest run here" in item.value for item in app.caption)
    assert app.dataframe[-1].value[["Verdict", "Base", "Tuned"]].to_numpy().tolist() == [["Better", 0.512, 0.592]]


def test_the_way_to_the_map_has_it_drawn_once(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    add_run(workspace, RunStatus.SUCCEEDED, result=RESULT)
    for _ in range(2):
        open_screen("tune").button(key="to_map").click().run()
    with workspace.store.read() as conn:
        assert [run.config for run in runs.list_runs(conn, "small", kind=RunKind.MAP)] == [{"system": "m" * 64}]


def test_the_way_to_a_map_that_is_there_draws_none(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    add_run(workspace, RunStatus.SUCCEEDED, result=RESULT)
    with workspace.store.write() as conn:
        artefacts.put_projection(conn, "small", Projection("p1", "b" * 64, "m" * 64, str(workspace.home / "maps" / "p1.npz"), {}, 1.0))
    open_screen("tune").button(key="to_map").click()
    with workspace.store.read() as conn:
        assert runs.list_runs(conn, "small", kind=RunKind.MAP) == []


def test_a_failed_run_says_why_and_another_can_start(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    add_run(workspace, RunStatus.FAILED, error="The disk is full.")
    app = open_screen("tune")
    assert not app.exception
    assert app.error[0].value == escape_label("The disk is full.")
    app.button(key="start_tuning").click().run()
    assert [run.status for run in list_tune_runs(workspace)] == [RunStatus.QUEUED, RunStatus.FAILED]


def test_the_memory_that_is_free_is_asked_for_each_time(open_screen: OpenScreen, labelled_project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.tuning.checks.read_free_gb", lambda: 0.25)
    app = open_screen("tune")
    assert any(escape_label("and 0.2 GB are free") in item.value for item in app.warning)
    monkeypatch.setattr("core.tuning.checks.read_free_gb", lambda: 64.0)
    app.run()
    assert not [item for item in app.warning if "are free" in item.value]


def test_a_base_model_that_is_still_to_be_fetched_is_said_and_stops_nothing(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    """Once the page itself fetched it."""
    with workspace.store.write() as conn:
        conn.execute(update(tables.projects).values(base_model="nobody/no-such-model"))
    app = open_screen("tune")
    assert not app.exception
    assert any("'nobody/no-such-model' is not on this machine yet. It is fetched when the run starts" in item.value for item in app.text)
    assert [item.value for item in app.error] == []
    assert not app.button(key="start_tuning").disabled
    assert any("pairs to learn from" in item.value and "GB" not in item.value for item in app.caption)


def test_the_projects_size_chooses_the_recipe_and_too_few_anchors_are_told_what_is_missing(open_screen: OpenScreen, small_project: str) -> None:
    app = open_screen("tune")
    assert not app.exception
    assert "fewer than the 50 that tuning needs" in app.warning[0].value
    assert app.button(key="start_tuning").label == "Tune all the same"


def test_the_recipe_in_force_is_named_with_its_reason(open_screen: OpenScreen, labelled_project: str) -> None:
    assert open_screen("tune").info[0].value.startswith("**Few questions**")


def test_every_setting_that_was_turned_reaches_the_run(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    app = open_screen("tune")
    app.selectbox(key="knob_loss").set_value("gist")
    app.multiselect(key="knob_matryoshka").set_value([64, 128])
    app.number_input(key="knob_scale").set_value(50.0)
    app.toggle(key="knob_unreviewed").set_value(True)
    app.button(key="start_tuning").click().run()
    assert not app.exception
    wanted = TuneConfig(loss="gist", matryoshka=(64, 128), scale=50.0, unreviewed_negatives=True)
    assert [TuneConfig.from_json(run.config) for run in list_tune_runs(workspace)] == [wanted]


def test_a_file_of_everyday_pairs_that_is_not_there_stops_the_start(open_screen: OpenScreen, labelled_project: str) -> None:
    app = open_screen("tune")
    app.text_input(key="knob_generic_path").set_value("/nowhere/pairs.jsonl").run()
    assert "There is no file of everyday pairs" in app.error[0].value
    assert app.button(key="start_tuning").disabled


def test_a_cancelled_run_names_the_model_it_kept(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    kept = {"step": 40, "model_id": "k" * 64, "model_name": "tiny *tuned*", "dev": {"base": 0.5, "tuned": 0.61}}
    add_run(workspace, RunStatus.CANCELLED, result={"cancelled": kept})
    app = open_screen("tune")
    assert not app.exception
    assert "until step 40 was kept as tiny" in app.success[0].value
    assert "*tuned*" not in app.success[0].value.replace("\\*", "")


def test_a_finished_run_shows_its_blending_its_seeds_and_what_was_forgotten(open_screen: OpenScreen, workspace: Workspace, labelled_project: str) -> None:
    points = [{"weight": weight, "dev": 0.5, "guard": 0.7} for weight in (0.4, 1.0)]
    more = {
        "merge": {"weight": 0.4, "dev": 0.5, "guard": 0.7, "base_guard": 0.71, "points": points},
        "forgetting": {"guard": {"base": 0.71, "tuned": 0.7}, "neighbours_kept": 0.83},
        "seeds": {"first": 0, "values": [0.5, 0.52], "spread": 0.0141},
    }
    add_run(workspace, RunStatus.SUCCEEDED, result=RESULT | more)
    app = open_screen("tune")
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 3
    words = " ".join(item.value for item in app.caption)
    assert "40% of the tuned weights" in words
    assert "keep 83% of their ten nearest neighbours" in words
    assert "0.500, 0.520: a spread (standard deviation) of 0.014" in words
