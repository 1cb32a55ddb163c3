"""Models: what there is, what ran, and taking it away."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.ingest.export import render_pairs
from core.model import Judgement, Label, ModelKind, ModelRecord, NotFound, Progress, RunKind, RunStatus, Snapshot
from core.release.model_zip import name_folder, zip_model
from core.store import artefacts, judgements, runs
from core.tuning.reranker_config import RerankerConfig
from core.workspace import Workspace
from pages._ui.text import escape_label
from tests.tiny_model import make_tiny_cross_encoder

OpenScreen = Callable[..., AppTest]


@pytest.fixture
def tuned_model(workspace: Workspace, small_project: str, tiny_model: Path) -> ModelRecord:
    """A tuned model of the small project, its base, its snapshot, and a failed run with a log."""
    base = ModelRecord("b" * 64, "tiny", ModelKind.BASE, str(tiny_model), 32, 64, created_at=1.0)
    tuned = ModelRecord("c" * 64, "tiny tuned 2025-01-01 10:00", ModelKind.TUNED, str(tiny_model), 32, 64, "", "", base.id, "5" * 64, "run1", 2.0)
    with workspace.store.write() as conn:
        for record in (base, tuned):
            artefacts.put_model(conn, small_project, record)
        artefacts.put_snapshot(conn, small_project, Snapshot("5" * 64, 1.5, 20, {"anchors": 10, "positives": 20, "hard_negatives": 0}))
        run_id = runs.add_run(conn, small_project, RunKind.TUNE, {"epochs": 1})
        run = runs.claim_run(conn, "a-worker", lease_s=30)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.FAILED, error="The disk is full.")
    (workspace.run_folder(run_id) / "log.txt").write_text("step 1\n**no markdown** <b>x</b>\n", encoding="utf-8")
    return tuned


def test_models_runs_and_snapshots_stand_in_tables(open_screen: OpenScreen, tuned_model: ModelRecord) -> None:
    app = open_screen("models")
    assert not app.exception
    models, past, snapshots = (frame.value for frame in app.dataframe[:3])
    assert models[["Name", "Kind", "Fingerprint", "Tuned from"]].to_numpy().tolist() == [
        ["tiny tuned 2025-01-01 10:00", "Tuned", "c" * 12, "tiny"],
        ["tiny", "Base", "b" * 12, "—"],
    ]
    assert past[["Kind", "State", "Error"]].to_numpy().tolist() == [["Tune", "Failed", "The disk is full."]]
    assert snapshots[["Snapshot", "Anchors", "Answers", "Hard negatives"]].to_numpy().tolist() == [["5" * 12, 10, 20, 0]]


def test_the_log_of_a_run_is_shown_letter_for_letter(open_screen: OpenScreen, tuned_model: ModelRecord) -> None:
    app = open_screen("models")
    assert app.code[0].value == "step 1\n**no markdown** <b>x</b>"


def test_a_model_and_the_judgements_can_be_taken(open_screen: OpenScreen, tuned_model: ModelRecord) -> None:
    app = open_screen("models")
    assert [(button.label, button.disabled) for button in app.get("download_button")] == [("Download model", False), ("Download judgements", False)]


def test_the_8_bit_form_is_offered_only_where_its_extra_is_and_queued_once(
    open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages._ui.model_downloads.find_spec", lambda name: None)
    assert not [button for button in open_screen("models").button if button.key == "quantise"]
    monkeypatch.setattr("pages._ui.model_downloads.find_spec", lambda name: name)
    app = open_screen("models")
    app.button(key="quantise").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        queued = runs.list_runs(conn, "small", kind=RunKind.QUANTISE)
    assert [(run.status, run.config) for run in queued] == [(RunStatus.QUEUED, {"system": tuned_model.id, "form": "onnx"})]
    assert not [button for button in app.button if button.key == "quantise"]


def test_a_failed_8_bit_form_is_told_under_its_own_model_only(
    open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages._ui.model_downloads.find_spec", lambda name: name)
    other = replace(tuned_model, id="f" * 64, name="another", created_at=1.5)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, "small", other)
        run_id = runs.add_run(conn, "small", RunKind.QUANTISE, {"system": other.id, "form": "onnx"})
        run = runs.claim_run(conn, "a-worker", lease_s=30)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.FAILED, error="It loses too much.")
    app = open_screen("models")
    shown = []
    for model in (tuned_model, other):
        app.selectbox(key="model_to_take").select(model.id).run()
        assert not app.exception
        assert app.button(key="quantise")
        shown.append([item.value for item in app.error if "loses too much" in item.value])
    assert shown == [[], [escape_label("It loses too much.")]]


def test_an_8_bit_model_can_be_taken_and_says_what_it_costs(open_screen: OpenScreen, workspace: Workspace, small_project: str, tmp_path: Path) -> None:
    (tmp_path / "pairsmith.json").write_text(json.dumps({"int8": {"before": 0.5, "after": 0.498, "anchors": 31}}), encoding="utf-8")
    with workspace.store.write() as conn:
        artefacts.put_model(conn, small_project, ModelRecord("e" * 64, "small form", ModelKind.INT8, str(tmp_path), 32, 64, created_at=3.0))
    assert "In 8 bits NDCG@5 on 31 development anchors is 0.4980, in float32 0.5000 (-0.0020)." in [item.value for item in open_screen("models").caption]


def test_a_model_whose_files_are_gone_cannot_be_taken_and_the_page_says_so(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        artefacts.put_model(conn, small_project, ModelRecord("c" * 64, "gone", ModelKind.TUNED, "/no/such/folder", 32, 64, created_at=2.0))
    app = open_screen("models")
    assert app.get("download_button")[0].disabled
    assert any("Its files are gone" in item.value for item in app.caption)


def test_the_zip_holds_the_files_of_the_folder_and_loads_as_a_model(tuned_model: ModelRecord, tiny_model: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    with zipfile.ZipFile(io.BytesIO(zip_model(tuned_model))) as archive:
        assert archive.testzip() is None
        names = {name.split("/", 1)[1] for name in archive.namelist()}
        archive.extractall(tmp_path / "out")
    assert names == {path.relative_to(tiny_model).as_posix() for path in tiny_model.rglob("*") if path.is_file()}
    model = SentenceTransformer(str(tmp_path / "out" / name_folder(tuned_model)))
    assert model.encode(["termination"]).shape == (1, 32)


def test_the_zip_of_a_model_holds_no_text_of_the_corpus(workspace: Workspace, tuned_model: ModelRecord) -> None:
    with zipfile.ZipFile(io.BytesIO(zip_model(tuned_model))) as archive:
        assert not any(b"as clause" in archive.read(name) for name in archive.namelist())


def test_hidden_files_and_links_stay_out_of_the_zip(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / ".secret").write_text("x", encoding="utf-8")
    (tmp_path / "outside.txt").write_text("x", encoding="utf-8")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    record = ModelRecord("d" * 64, "a/b model", ModelKind.TUNED, str(folder), 2, 2)
    with zipfile.ZipFile(io.BytesIO(zip_model(record))) as archive:
        assert archive.namelist() == ["a-b-model-dddddddd/config.json"]


def test_a_model_without_files_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotFound, match="tune again"):
        zip_model(ModelRecord("d" * 64, "gone", ModelKind.TUNED, "/no/such/folder", 2, 2))


def test_the_judgements_are_one_line_an_anchor_with_an_answer(workspace: Workspace, small_project: str) -> None:
    rows = [json.loads(line) for line in render_pairs(workspace, small_project).decode().splitlines()]
    assert len(rows) == 10
    assert rows[3]["anchor"] == "What does the contract say on insurance?"
    assert [text.split(" as ")[1][:9] for text in rows[3]["positive"]] == ["clause 3 ", "clause 15"]


OUTCOME = {
    "model_id": "e" * 64,
    "model_name": "tiny cross-encoder tuned",
    "test": {"base": 0.41, "reranked": 0.487, "difference": {"gain": 0.077, "low": 0.01, "high": 0.14, "n": 77}},
    "train": {"answers": 310, "negatives": 718, "steps": 120},
}


def review(workspace: Workspace) -> None:
    """Say of a document that answers nothing that it is no answer to any of ten questions."""
    events = [Judgement(f"said-{n}", f"a{n}", "d22", Label.HARD_NEGATIVE, 0) for n in range(10)]
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", events)


def test_a_cross_encoder_is_trained_from_here_and_one_at_a_time(open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord) -> None:
    review(workspace)
    app = open_screen("models")
    assert any("reviewed negatives to learn from" in item.value and "GB of memory" in item.value for item in app.caption)
    app.button(key="reranker_train").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        (run,) = runs.list_runs(conn, "small", kind=RunKind.RERANKER)
    assert (run.status, run.config) == (RunStatus.QUEUED, RerankerConfig().to_json())
    assert app.button(key="reranker_train").disabled


def test_a_training_that_would_mean_nothing_is_stopped_with_what_to_do(open_screen: OpenScreen, tuned_model: ModelRecord) -> None:
    app = open_screen("models")
    assert not app.exception
    assert any(escape_label("from answers alone a cross-encoder learns to say yes to all") in item.value for item in app.error)
    assert app.button(key="reranker_train").disabled
    assert any(link.label == "Review negatives" for link in app.get("page_link"))


def test_the_memory_that_is_free_is_asked_for_each_time(
    open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was kept with the rest of what a training would find."""
    review(workspace)
    monkeypatch.setattr("core.tuning.checks.read_free_gb", lambda: 0.25)
    app = open_screen("models")
    assert any(escape_label("and 0.2 GB are free") in item.value for item in app.warning)
    monkeypatch.setattr("core.tuning.checks.read_free_gb", lambda: 64.0)
    app.run()
    assert not [item for item in app.warning if "are free" in item.value]


def test_a_finished_training_says_what_the_cross_encoder_adds(open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord) -> None:
    review(workspace)
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.RERANKER, {})
        run = runs.claim_run(conn, "a-worker", lease_s=30)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result=OUTCOME)
    app = open_screen("models")
    assert not app.exception
    said = " ".join(item.value for item in app.markdown)
    assert "On 77 held-out anchors NDCG@5 is 0.410 in the base model's order and 0.487 in the cross-encoder's: +0.077" in said
    assert not app.button(key="reranker_train").disabled
    assert not [item for item in app.warning if "changed since" in item.value]


def test_a_cross_encoder_s_figures_are_marked_as_stale_when_what_they_rest_on_changed(
    open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord
) -> None:
    facts = {"part": "test", "last_seq": 0, "corpus_revision": -1, "base_id": "b" * 64}
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.RERANKER, {})
        run = runs.claim_run(conn, "a-worker", lease_s=30)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result=OUTCOME | {"test": OUTCOME["test"] | {"facts": facts}})
    app = open_screen("models")
    assert not app.exception
    assert "The documents changed since." in app.warning[0].value
    assert "training again measures anew" in app.warning[0].value


def test_a_cross_encoder_is_taken_in_listed_and_offered_and_what_is_none_is_refused(
    open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord, tiny_model: Path, tmp_path: Path
) -> None:
    app = open_screen("models")
    app.text_input(key="reranker_reference").set_value(str(tiny_model)).run()
    app.button(key="reranker_take").click().run()
    assert escape_label("is no cross-encoder") in app.warning[0].value
    folder = make_tiny_cross_encoder(tmp_path / "cross", tiny_model)
    app.text_input(key="reranker_reference").set_value(str(folder)).run()
    app.button(key="reranker_take").click().run()
    assert not app.exception
    assert app.text_input(key="reranker_reference").value == ""
    assert app.dataframe[0].value[["Name", "Kind"]].to_numpy().tolist()[0] == ["cross", "Cross-encoder"]
    assert [option.partition(" · ")[0] for option in app.selectbox(key="reranker_start").options] == ["The base model, with a new head", "cross"]


def test_one_of_the_hub_is_fetched_by_a_run_that_the_page_shows(open_screen: OpenScreen, workspace: Workspace, tuned_model: ModelRecord) -> None:
    """Once the page itself fetched it, and stood still until it was there."""
    app = open_screen("models")
    app.text_input(key="reranker_reference").set_value(" someone/reader ").run()
    app.button(key="reranker_take").click().run()
    assert not app.exception
    assert app.text_input(key="reranker_reference").value == ""
    with workspace.store.write() as conn:
        (run,) = runs.list_runs(conn, "small", kind=RunKind.TAKE)
        assert (run.status, run.config) == (RunStatus.QUEUED, {"reference": "someone/reader"})
        claimed = runs.claim_run(conn, "a-worker", lease_s=30)
        assert claimed is not None
        runs.beat_run(conn, run.id, claimed.attempt, lease_s=30, progress=Progress(12, 87, "Fetching from the hub, in MB"))
    app.run()
    assert app.button(key="reranker_take").disabled
    assert app.button(key=f"cancel-{run.id}").label == "Cancel"
    assert any(item.value == escape_label("Newest fetch from the hub: someone/reader") for item in app.caption)
    with workspace.store.write() as conn:
        runs.finish_run(conn, run.id, claimed.attempt, RunStatus.FAILED, error="The model cannot be fetched: no model hub answers.")
    app.run()
    assert any("no model hub answers" in item.value for item in app.error)
    assert not app.button(key="reranker_take").disabled
