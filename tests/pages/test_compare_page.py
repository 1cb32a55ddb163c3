from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.evaluation.significance import compare_scores, mean_interval
from core.evaluation.verdict import give_verdict
from core.model import Anchor, Evaluation, Judgement, Label, ModelKind, ModelRecord, Part, RunKind, RunStatus, Source
from core.retrieval.models import ensure_base_model
from core.store import artefacts, corpus, judgements, runs
from core.workspace import Workspace
from pages._ui.side_by_side import describe_move

OpenScreen = Callable[..., AppTest]
BASE, TUNED = "b" * 64, "c" * 64
HOSTILE = "What of :red[this] $x$ <script>alert(1)</script>?"


def add_model(workspace: Workspace, model_id: str, kind: ModelKind, name: str, created_at: float) -> None:
    base_id = BASE if kind == ModelKind.TUNED else None
    record = ModelRecord(model_id, name, kind, "/nowhere", 32, 64, base_id=base_id, created_at=created_at)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, "small", record)


def add_measurement(workspace: Workspace, base: dict[str, float], tuned: dict[str, float], *, kind: RunKind = RunKind.TUNE, now: float = 1000.0) -> None:
    """A finished run with evaluations and the result that the job would have left."""
    difference = compare_scores(base, tuned)
    guard = {"base": 0.75, "tuned": 0.745}
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", kind, {"systems": ["base", TUNED], "part": "test"} if kind == RunKind.EVALUATE else {}, now=now)
        last_seq = judgements.last_seq(conn, "small")
        test: dict[str, object] = {"guard": guard, "difference": asdict(difference), "verdict": asdict(give_verdict(difference, guard_loss=0.005))}
        for system, model_id, scores in (("base", BASE, base), ("tuned", TUNED, tuned)):
            evaluation_id, measures = (
                artefacts.new_id(),
                dict.fromkeys(("ndcg@5", "ndcg@10", "recall@5", "recall@50", "rr@10", "judged@5"), sum(scores.values()) / len(scores)),
            )
            evaluation = Evaluation(evaluation_id, system, model_id, "test", measures, len(scores), last_seq, run_id, now)
            artefacts.put_evaluation(conn, "small", evaluation, {anchor_id: {"ndcg@5": value} for anchor_id, value in scores.items()})
            test[system] = {**measures, "n": len(scores), "interval": list(mean_interval(scores)), "model_id": model_id, "evaluation_id": evaluation_id}
        run = runs.claim_run(conn, "worker", lease_s=60, now=now + 1)
        assert run is not None
        assert runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result={"model_id": TUNED, "test": test}, now=now + 2)


@pytest.fixture
def measured(workspace: Workspace, small_project: str) -> str:
    """The small project with a base, a tuned model that is clearly better on 12 anchors but worse on `a0`, and a verdict."""
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, small_project, [Anchor("a0", HOSTILE)])
    add_model(workspace, BASE, ModelKind.BASE, "tiny", 1.0)
    add_model(workspace, TUNED, ModelKind.TUNED, "tiny tuned", 2.0)
    base = {f"a{n}": 0.25 + n / 100 for n in range(12)} | {"a0": 0.5}
    add_measurement(workspace, base, {f"a{n}": 0.75 for n in range(12)} | {"a0": 0.375})
    return small_project


def test_without_a_model_the_page_offers_to_embed_the_documents(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    app = open_screen("compare")
    assert not app.exception
    assert "There is no tuned model yet" in app.info[0].value
    assert app.page_link[0].label == "Go to tune"
    next(button for button in app.button if button.label == "Embed the documents").click().run()
    with workspace.store.read() as conn:
        assert [run.kind for run in runs.list_runs(conn, small_project)] == [RunKind.EMBED]


def test_without_a_tuned_model_the_base_can_be_asked(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    add_model(workspace, BASE, ModelKind.BASE, "tiny", 1.0)
    app = open_screen("compare", q="late payment")
    assert not app.exception
    assert app.text_input(key="q").value == "late payment"
    assert "no tuned model yet" in app.info[0].value
    assert any("have no vector under this model" in item.value for item in app.info) or app.warning


def test_the_verdict_stands_first_in_words_with_its_reason_and_advice(open_screen: OpenScreen, measured: str) -> None:
    app = open_screen("compare")
    assert not app.exception
    assert app.success[0].value.startswith("## Better")
    assert "on 12 held-out anchors" in app.success[0].value
    assert "Look at the losses before you release" in app.success[0].value


def test_figures_come_with_intervals_and_with_words_for_each(open_screen: OpenScreen, measured: str) -> None:
    app = open_screen("compare")
    metrics = {metric.label: metric for metric in app.metric}
    assert (metrics["Base"].value, metrics["Tuned"].value, metrics["Difference"].value) == ("0.326", "0.719", "+0.393")
    assert metrics["Base"].delta.startswith("0.2")
    assert " to 0." in metrics["Base"].delta
    assert app.subheader[0].value == "NDCG@5 on 12 held-out anchors"
    assert "95 % interval" in app.subheader[0].help
    assert metrics["Better · same · worse"].value == "11 · 0 · 1"
    assert metrics["General knowledge"].value == "0.750 → 0.745"
    assert metrics["Held-out anchors"].value == "12 in 12 groups"
    assert all(metric.help for metric in app.metric[3:])
    assert list(app.dataframe[0].value.columns) == ["ndcg@5", "ndcg@10", "recall@5", "recall@50", "rr@10", "judged@5"]
    assert list(app.dataframe[0].value.index) == ["Base", "Tuned", "Difference"]


def test_anchors_stand_worst_first_with_their_text_letter_for_letter(open_screen: OpenScreen, measured: str) -> None:
    app = open_screen("compare")
    app.session_state["compare_view"] = "Anchor by anchor"
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table.iloc[0].tolist() == [HOSTILE, 0.5, 0.375, -0.125]
    assert table["Difference"].is_monotonic_increasing
    assert not [item for item in [*app.markdown, *app.caption] if "alert(1)" in item.value]
    app.segmented_control(key="compare_order").set_value("Best first").run()
    assert app.dataframe[0].value["Difference"].is_monotonic_decreasing


def test_a_fresh_verdict_is_not_called_stale_and_offers_no_second_look(open_screen: OpenScreen, measured: str) -> None:
    app = open_screen("compare")
    assert not app.warning
    assert not [button for button in app.button if button.label.startswith("Measure")]


def test_judgements_that_came_since_make_the_verdict_stale_and_measuring_again_is_queued(open_screen: OpenScreen, measured: str, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, measured, {"a1": Part.TEST})
        judgements.append_judgements(conn, measured, [Judgement("later", "a1", "d5", Label.HARD_NEGATIVE, source=Source.MINED)])
    app = open_screen("compare")
    assert "may no longer hold" in app.warning[0].value
    next(button for button in app.button if button.label == "Measure again").click().run()
    with workspace.store.read() as conn:
        queued = runs.list_runs(conn, measured, kind=RunKind.EVALUATE)
    assert [(run.status, run.config) for run in queued] == [(RunStatus.QUEUED, {"systems": ["base", TUNED], "part": "test"})]
    assert not app.exception


@pytest.mark.parametrize(
    "later",
    [
        [Judgement("later", "a2", "d5", Label.HARD_NEGATIVE)],
        [Judgement("later", "a1", "d5", Label.SKIPPED)],
        [Judgement("later", "a1", "d5", Label.HARD_NEGATIVE), Judgement("back", "a1", "d5", Label.UNJUDGED, undoes="later")],
    ],
    ids=["of a training anchor", "that only skips", "taken back again"],
)
def test_judgements_that_cannot_change_the_figures_leave_the_verdict_fresh(
    open_screen: OpenScreen, measured: str, workspace: Workspace, later: list[Judgement]
) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, measured, {"a1": Part.TEST, "a2": Part.TRAIN})
        judgements.append_judgements(conn, measured, later)
    app = open_screen("compare")
    assert not app.exception
    assert not app.warning
    assert not [button for button in app.button if button.label.startswith("Measure")]


def test_several_models_measured_on_the_same_anchors_are_said_to_flatter_the_best(open_screen: OpenScreen, measured: str, workspace: Workspace) -> None:
    assert not any("tuned models were measured" in caption.value for caption in open_screen("compare").caption)
    add_model(workspace, "d" * 64, ModelKind.TUNED, "another", 1.5)
    with workspace.store.write() as conn:
        artefacts.put_evaluation(conn, measured, Evaluation("other", "d" * 64, "d" * 64, "all", {}, 12, 0, None, 1.0), {})
    app = open_screen("compare")
    assert any("2 tuned models were measured on these held-out anchors, 2 looks in all" in caption.value for caption in app.caption)
    assert {metric.label: metric.value for metric in app.metric}["Looks at the test part"] == "2 by 2 models"


def test_while_documents_are_embedded_the_run_is_watched_once_for_both_models(
    open_screen: OpenScreen, small_project: str, workspace: Workspace, tiny_model: Path
) -> None:
    base = ensure_base_model(workspace, small_project, str(tiny_model))
    with workspace.store.write() as conn:
        artefacts.put_model(conn, small_project, replace(base, id=TUNED, name="tiny tuned", kind=ModelKind.TUNED, base_id=base.id, created_at=2.0))
        run_id = runs.add_run(conn, small_project, RunKind.EMBED, {})
    app = open_screen("compare", q="late payment")
    assert not app.exception
    assert [button.key for button in app.button if button.label == "Cancel"] == [f"cancel-{run_id}"]
    assert [item.value for item in app.caption].count("The documents are being embedded, see above.") == 2


def test_a_later_measurement_replaces_the_verdict_and_further_looks_are_said(open_screen: OpenScreen, measured: str, workspace: Workspace) -> None:
    worse = {f"a{n}": 0.25 for n in range(12)}
    add_measurement(workspace, {f"a{n}": 0.5 + n / 100 for n in range(12)}, worse, kind=RunKind.EVALUATE, now=2000.0)
    app = open_screen("compare")
    assert app.error[0].value.startswith("## Worse")
    assert any("opened 2 times" in caption.value for caption in app.caption)


def test_a_tuned_model_without_figures_offers_to_measure_it(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    add_model(workspace, BASE, ModelKind.BASE, "tiny", 1.0)
    add_model(workspace, TUNED, ModelKind.TUNED, "tiny tuned", 2.0)
    app = open_screen("compare")
    assert not app.exception
    assert [button.label for button in app.button if button.label == "Measure"] == ["Measure"]


def test_a_query_in_the_address_is_asked_at_once_and_a_missing_worker_is_said(open_screen: OpenScreen, measured: str) -> None:
    app = open_screen("compare", q="late payment")
    assert not app.exception
    assert app.text_input(key="q").value == "late payment"
    assert not app.metric


@pytest.mark.parametrize(
    ("rank", "other", "into", "words"),
    [
        (1, 1, True, "Same place"),
        (2, 4, True, "Up from 4"),
        (4, 2, True, "Down from 2"),
        (3, 9, True, "New in the top 5, was 9"),
        (3, None, True, "New in the top 5, was below 50"),
        (2, 4, False, "Falls to 4"),
        (4, 2, False, "Rises to 2"),
        (1, 30, False, "Leaves the top 5, then 30"),
        (1, None, False, "Leaves the top 5, then below 50"),
    ],
)
def test_movement_is_said_in_words_with_an_icon(rank: int, other: int | None, into: bool, words: str) -> None:
    found, icon, _ = describe_move(rank, other, into=into)
    assert found == words
    assert icon.startswith(":material/")
