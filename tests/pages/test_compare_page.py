from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from core.curation.review_queue import apply_events, next_records
from core.evaluation.options import EvaluateOptions
from core.evaluation.significance import compare_scores, mean_interval
from core.evaluation.verdict import give_verdict
from core.model import Anchor, Evaluation, Judgement, Label, ModelKind, Part, Projection, RunKind, RunStatus, Source
from core.retrieval.models import ensure_base_model
from core.settings import load_settings
from core.store import artefacts, candidates, corpus, judgements, runs
from core.store.tables import models
from core.store.tables import runs as run_table
from core.workspace import Workspace
from pages._ui.side_by_side import describe_move
from tests.compared import BASE, TUNED, add_columns, add_model

OpenScreen = Callable[..., AppTest]
HOSTILE = "What of :red[this] $x$ <script>alert(1)</script>?"


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
    add_model(workspace, "small", BASE, ModelKind.BASE, "tiny", 1.0)
    add_model(workspace, "small", TUNED, ModelKind.TUNED, "tiny tuned", 2.0)
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
    add_model(workspace, "small", BASE, ModelKind.BASE, "tiny", 1.0)
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
    table = app.dataframe[0].value
    assert list(table.columns) == ["Base", "Tuned"]
    assert list(table.index)[:6] == ["NDCG@5", "NDCG@10", "Recall@5", "Recall@50", "RR@10", "Judged@5"]
    assert table.loc["NDCG@5"].tolist()[:2] == ["0.326", "0.719"]
    assert table.loc["Verdict"].tolist()[:2] == ["—", "Better"]


def test_anchors_stand_worst_first_with_their_text_letter_for_letter(open_screen: OpenScreen, measured: str) -> None:
    app = open_screen("compare")
    app.session_state["compare_view"] = "Anchor by anchor"
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table.iloc[0].tolist()[:4] == [HOSTILE, 0.5, 0.375, -0.125]
    link = parse_qs(urlsplit(table.iloc[0]["Lists"]).query)
    assert (link["q"], link["project"], link["system"]) == ([HOSTILE], ["small"], ["tuned"])
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
    assert [(run.status, run.config) for run in queued] == [(RunStatus.QUEUED, EvaluateOptions(["base", TUNED]).to_json())]
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
    add_model(workspace, "small", "d" * 64, ModelKind.TUNED, "another", 1.5)
    with workspace.store.write() as conn:
        artefacts.put_evaluation(conn, measured, Evaluation("other", "d" * 64, "d" * 64, "all", {}, 12, 0, None, 1.0), {})
    app = open_screen("compare")
    assert any("2 tuned models were measured on these held-out anchors, in 2 looks" in caption.value for caption in app.caption)
    assert {metric.label: metric.value for metric in app.metric}["Looks at the held-out part"] == "2 by 2 models"


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
    add_model(workspace, "small", BASE, ModelKind.BASE, "tiny", 1.0)
    add_model(workspace, "small", TUNED, ModelKind.TUNED, "tiny tuned", 2.0)
    app = open_screen("compare")
    assert not app.exception
    assert [button.label for button in app.button if button.label == "Measure"] == ["Measure"]


@pytest.fixture
def columns(workspace: Workspace, small_project: str) -> str:
    """A run of four systems, as the worker leaves it; `a1` loses under the tuned model, `a2` gains. Returns the run's id."""
    return add_columns(workspace, small_project, text=HOSTILE)


def test_the_name_of_a_model_is_shown_letter_for_letter(open_screen: OpenScreen, columns: str, workspace: Workspace) -> None:
    """Systems are headed by the names of models, which are those of folders."""
    name, escaped = "odd :red[name] $x$", "odd \\:red\\[name\\] \\$x\\$"
    with workspace.store.write() as conn:
        result = runs.get_run(conn, columns).result
        assert result is not None
        for item in (result["test"]["base"], result["test"]["systems"][0]):
            item["title"] = name
        conn.execute(update(run_table).where(run_table.c.id == columns).values(result=result))
    app = open_screen("compare")
    assert app.metric[0].label == escaped
    assert app.selectbox(key=f"compare_system-{columns}").label == f"{escaped} against"
    app = open_screen("compare", q="What does the contract say on liability?", run=columns)
    assert not app.exception
    assert app.subheader[0].value == escaped


def open_tab(open_screen: OpenScreen, name: str, **query: str) -> AppTest:
    app = open_screen("compare", **query)
    app.session_state["compare_view"] = name
    app.run()
    assert not app.exception
    return app


def test_every_system_is_a_column_with_cost_verdict_and_notes(open_screen: OpenScreen, columns: str) -> None:
    app = open_screen("compare")
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table.columns) == ["Base", "Tuned", "BM25", "Base + rerank"]
    assert table.loc["Time a query"].tolist()[:4] == ["1.5 ms"] * 4
    assert table.loc["Added by reranking"].tolist()[:4] == ["—", "—", "—", "40.0 ms"]
    assert table.loc["Best by reranking"].tolist()[3] == "0.900"
    assert table.loc["Index a document"].tolist()[0] == "128 bytes"
    assert any("p\\-value" in item.value and "Adjusted for 3 comparisons" in item.value for item in app.markdown)
    assert "Base + rerank: Note of Base + rerank." in [item.value for item in app.text]
    assert "look number 2" in " ".join(item.value for item in app.caption)
    assert any("conditions of a better system are met" in item.label for item in app.expander)


def test_another_system_can_be_looked_at_and_the_address_keeps_it(open_screen: OpenScreen, columns: str) -> None:
    app = open_screen("compare")
    app.selectbox(key=f"compare_system-{columns}").set_value("bm25").run()
    assert not app.exception
    assert {metric.label for metric in app.metric} >= {"Base", "BM25"}
    assert app.query_params["system"] in ("bm25", ["bm25"])
    assert {metric.label for metric in open_screen("compare", system="base+rerank", run=columns).metric} >= {"Base \\+ rerank"}


def test_slices_are_listed_by_fields_of_questions_and_answers(open_screen: OpenScreen, columns: str) -> None:
    app = open_tab(open_screen, "Slices")
    assert app.selectbox(key="slice_field").options == ["kind (of the question)", "topic (of the answer)"]
    assert app.dataframe[0].value[["Value", "Anchors"]].to_numpy().tolist() == [["odd", 1]]
    app.selectbox(key="slice_field").set_value("document.topic").run()
    assert len(app.dataframe[0].value) == 10


def test_telling_queries_show_the_biggest_loss_as_well_as_the_biggest_gain_and_open_both_lists(open_screen: OpenScreen, columns: str) -> None:
    app = open_tab(open_screen, "Before and after")
    assert [item.value for item in app.markdown if item.value.startswith("**Biggest")] == ["**Biggest gains**", "**Biggest losses**"]
    assert HOSTILE in [item.value for item in app.text]
    app.button(key="tell-a1").click().run()
    assert not app.exception
    assert app.text_input(key="q").value == HOSTILE
    assert [item.value for item in app.subheader] == ["Base", "Tuned"]
    badges = [item.value for item in app.markdown if "badge" in item.value]
    assert any("Up from 6" in item for item in badges)
    assert any("New in the top 10" in item for item in badges)
    assert not [item for item in [*app.markdown, *app.caption] if "alert(1)" in item.value]


def test_a_measured_query_in_the_address_shows_the_lists_that_were_measured_without_a_worker(open_screen: OpenScreen, columns: str) -> None:
    app = open_screen("compare", q="What does the contract say on liability?", run=columns)
    assert not app.exception
    assert not app.warning
    app.multiselect(key=f"side-by-side-{columns}-{TUNED}").set_value(["base", TUNED, "base+rerank"]).run()
    assert [item.value for item in app.subheader] == ["Base", "Tuned", "Base \\+ rerank"]


def test_holes_go_into_the_review_queue_in_one_click_and_their_judgements_make_the_figures_stale(
    open_screen: OpenScreen, columns: str, workspace: Workspace
) -> None:
    app = open_screen("compare")
    said = next(item.value for item in app.markdown if "were judged by nobody" in item.value)
    app.button(key="judge-holes").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        waiting = candidates.count_queue(conn, "small", "local")["open"]
    assert said.startswith(f"**{waiting} of ")
    assert any(f"{waiting} wait in the review queue" in item.label for item in app.page_link)
    (record,) = next_records(workspace, "small", "local", n=1)
    event = {"client_id": "hole-event-1", "anchor_id": record.anchor_id, "document_id": record.document_id, "label": "positive", "grade": 3}
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "small", {f"a{n}": Part.TEST for n in range(12)})
    assert apply_events(workspace, "small", "local", [event]).stored == ["hole-event-1"]
    app = open_screen("compare")
    assert "1 judgement of the measured anchors changed since." in app.warning[0].value
    next(button for button in app.button if button.label == "Measure again").click().run()
    with workspace.store.read() as conn:
        queued = runs.list_runs(conn, "small", kind=RunKind.EVALUATE)[0]
    assert queued.config == EvaluateOptions(["base", TUNED, "bm25", "base+rerank"], reranker="folder", depth=20).to_json()


def test_where_the_figures_come_from_is_listed(open_screen: OpenScreen, columns: str) -> None:
    app = open_tab(open_screen, "Where from")
    rows = dict(app.dataframe[0].value.to_numpy().tolist())
    assert rows["Run"] == columns
    assert "snapshot ffffffffffff" in rows["Judgements"]
    assert rows["Setting: reranker"] == "folder"
    assert rows["Version of torch"] == "2"
    assert rows["Evaluation of BM25"].startswith("e2")


def test_more_systems_are_chosen_and_measured_and_an_endpoint_waits_for_a_word(
    open_screen: OpenScreen, measured: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAIRSMITH_EMBEDDINGS_URL", "http://127.0.0.1:9/v1")
    load_settings.cache_clear()
    app = open_screen("compare")
    app.multiselect(key=f"columns-{TUNED}").set_value([TUNED, "bm25"]).run()
    app.text_input(key="reranker").set_value("folder").run()
    app.text_input(key="endpoint_model").set_value("text-embedding-3-small").run()
    assert not app.exception
    plan = next(item.value for item in app.info if "Sent are the texts alone" in item.value)
    assert "24 documents" in plan
    assert app.button(key="measure-columns").disabled
    next(item for item in app.checkbox if item.label.startswith("Send these texts")).check().run()
    app.button(key="measure-columns").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        (run,) = runs.list_runs(conn, measured, kind=RunKind.EVALUATE)
    names = ["base", TUNED, "bm25", "endpoint:text-embedding-3-small"]
    assert run.config == EvaluateOptions([*names, *(f"{name}+rerank" for name in names)], "test", "base", "folder", 50, True).to_json()


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


def test_an_adapter_is_said_to_leave_the_documents_where_the_base_has_them(open_screen: OpenScreen, measured: str, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        conn.execute(update(models).where(models.c.id == TUNED).values(kind=ModelKind.ADAPTER.value))
    said = [item.value for item in open_screen("compare").caption]
    assert any("the documents lie where the base has them" in item for item in said)
    assert not any("its map was not drawn yet" in item for item in said)


def test_a_model_that_is_worse_has_no_green_word_on_clumping_beside_its_verdict(open_screen: OpenScreen, measured: str, workspace: Workspace) -> None:
    assert any("its map was not drawn yet" in item.value for item in open_screen("compare").caption)
    ratio = {"value": 1.0, "low": 0.95, "high": 1.05}
    space = {"mean_cosine": {"base": 0.2, "tuned": 0.25}, "participation_ratio": ratio, "relative_contrast": ratio}
    figures = {"verdict": "green", "reasons": ["As drawn."], "global": {"n": 24, "documents": space}, "hotspots": [], "gap": {}, "documents": 24}
    with workspace.store.write() as conn:
        artefacts.put_projection(conn, measured, Projection("one", BASE, TUNED, "/nowhere/one.npz", figures, 10.0))
    assert any("No clumping" in item.value for item in open_screen("compare").markdown)
    names = [f"a{n}" for n in range(12)]
    add_measurement(workspace, dict.fromkeys(names, 0.75), {name: 0.25 + n / 100 for n, name in enumerate(names)}, now=2000.0)
    for page in ("compare", "map"):
        app = open_screen(page)
        assert not app.exception
        said = [item.value for item in (*app.markdown, *app.warning)]
        assert any("Look closer: documents drew together or answers got lost" in text for text in said)
        assert any("It finds fewer of the known answers than the base" in item.value for item in (*app.caption, *app.warning))
        assert not any("No clumping" in text for text in said)
