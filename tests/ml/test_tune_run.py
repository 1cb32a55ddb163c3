"""A whole tuning run with a tiny model on the sample project."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from core.curation.snapshot import read_snapshot
from core.ingest.sample import create_sample
from core.model import ModelKind, PairsmithError
from core.release.model_zip import zip_model
from core.retrieval.encoder import Encoder, embed_anchors
from core.retrieval.fingerprint import fingerprint_folder
from core.settings import Settings
from core.store import artefacts, corpus, open_store, projects
from core.tuning.config import count_bundled
from core.tuning.tune_run import run_tuning
from core.workspace import Workspace

CONFIG = {"epochs": 2, "batch": 16, "learning_rate": 2e-3, "evaluations": 2, "generic_share": 0.1, "merge": False}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # `runs` trains three times before the first test begins


class Ear:
    """Listens to a run and remembers the last series; asks it to stop at a step where told so."""

    def __init__(self, stop_at: int | None = None, cancel_in: str = "") -> None:
        self.stages: list[tuple[str, int, int]] = []
        """Message, total and step of each, in order."""
        self.before_training: list[str | None] = []
        """Messages of the reports before training began."""
        self.series: dict[str, Any] = {}
        self.stop_at = stop_at
        self.cancel_in = cancel_in
        """The stage that a person cancels in."""
        self.should_stop = False
        self.was_cancelled = False
        self.left: dict[str, Any] = {}
        """What a cancelled run left."""

    def cancel(self, result: Mapping[str, Any]) -> NoReturn:
        self.left = dict(result)
        raise InterruptedError

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        self.stages.append((message, total, step))
        if message == self.cancel_in:
            self.should_stop = self.was_cancelled = True

    def report(self, step: int, total: int | None = None, message: str | None = None, figures: Mapping[str, Any] | None = None, *, check: bool = True) -> None:
        if not any(name == "Training" for name, _, _ in self.stages):
            self.before_training.append(message)
        if figures:
            self.series = dict(figures)
            self.should_stop = self.stop_at is not None and step >= self.stop_at
        if check:
            self.check()

    def check(self) -> None:
        if self.should_stop:
            raise InterruptedError


def make_workspace(home: Path, tiny_model: Path) -> Workspace:
    settings = Settings(home=home, start_worker=False, base_model=str(tiny_model))
    workspace = Workspace(settings, open_store(settings.url))
    create_sample(workspace)
    return workspace


def refuse_texts(workspace: Workspace, folder: Path) -> None:
    """Fail where a file below the folder, which holds some model, quotes a text of the project."""
    with workspace.store.read() as conn:
        texts = [item.text for item in (*corpus.read_documents(conn, "contracts"), *corpus.read_anchors(conn, "contracts"))]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".safetensors" for path in files)
    for path in files:
        content = path.read_bytes()
        assert not any(text[:40].encode() in content for text in texts), path


@pytest.fixture(scope="module")
def runs(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Workspace, Ear, dict[str, Any]]]:
    """The same run in two homes; the second is stopped in the middle once and goes on from its checkpoint."""
    made = []
    for name in ("one", "two"):
        workspace = make_workspace(tmp_path_factory.mktemp("home") / name, tiny_model)
        if name == "two":
            with pytest.raises(InterruptedError):
                run_tuning(workspace, "contracts", "run1", CONFIG, Ear(stop_at=60))
            refuse_texts(workspace, workspace.run_folder("run1") / "checkpoints")
        ear = Ear()
        made.append((workspace, ear, run_tuning(workspace, "contracts", "run1", CONFIG, ear)))
    yield made
    for workspace, _, _ in made:
        workspace.store.close()


def test_the_loss_falls_and_the_checkpoint_that_is_best_on_development_anchors_wins(runs: list):
    _, ear, result = runs[0]
    losses = [value for _, value in ear.series["loss"]]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    (begin, base), *later = ear.series["dev_ndcg@5"]
    assert (begin, result["dev"]["base"]) == (0, pytest.approx(base, abs=1e-5))
    assert result["dev"]["tuned"] == pytest.approx(max(value for _, value in later), abs=1e-5)
    assert [step for step, _ in ear.series["loss"]] == list(range(1, result["train"]["steps"] + 1))


def test_measuring_the_base_model_is_a_stage_of_its_own_and_training_begins_at_the_step_it_goes_on_from(runs: list):
    """Once measuring was shown as training, and after a resume the steps that were skipped counted as done."""
    (_, first, result), (_, resumed, _) = runs
    total = result["train"]["steps"]
    names = [name for name, _, _ in first.stages]
    assert names[names.index("Measuring the base model") + 1] == "Training"
    assert "Training" not in first.before_training
    assert ("Training", total, 0) in first.stages
    ((_, length, begin),) = [stage for stage in resumed.stages if stage[0] == "Training"]
    assert length == total
    assert 0 < begin <= 60


def test_the_run_says_how_many_generic_pairs_it_wanted_and_got(runs: list):
    train = runs[0][2]["train"]
    assert train["generic_wanted"] == round(train["rows"] / 9)
    assert train["generic"] == min(train["generic_wanted"], count_bundled())


def test_a_home_that_was_moved_searches_and_gives_away_its_tuned_model(runs: list, tmp_path: Path):
    """Once absolute paths were stored, and a home restored elsewhere lost every model that was tuned in it."""
    workspace, _, result = runs[0]
    home = tmp_path / "restored"
    shutil.copytree(workspace.home, home)
    settings = Settings(home=home, start_worker=False)
    moved = Workspace(settings, open_store(settings.url))
    try:
        with moved.store.read() as conn:
            record = artefacts.get_model(conn, "contracts", result["model_id"])
            anchors = corpus.read_anchors(conn, "contracts")[:3]
        assert Path(record.location).is_relative_to(home)
        assert Path(record.location).is_dir()
        assert Encoder(record).encode(["never seen before"]).shape == (1, 32)
        assert embed_anchors(moved, record, [f"again: {anchor.text}" for anchor in anchors]).shape == (3, 32)
        names = zipfile.ZipFile(io.BytesIO(zip_model(record))).namelist()
        assert any(name.endswith("model.safetensors") for name in names)
    finally:
        moved.store.close()


def test_the_result_names_what_it_was_made_from(runs: list):
    workspace, _, result = runs[0]
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, "contracts", result["model_id"])
        evaluated = artefacts.list_evaluations(conn, "contracts", part="test", run_id="run1")
    assert (record.kind, record.base_id, record.snapshot_id, record.run_id) == (ModelKind.TUNED, result["base_id"], result["snapshot_id"], "run1")
    assert {item.model_id for item in evaluated} == {result["base_id"], result["model_id"]}
    assert result["test"]["difference"]["n"] == evaluated[0].n > 20
    snapshot = read_snapshot(workspace, result["snapshot_id"])
    assert 0 < result["train"]["rows"] <= sum(len(anchor.positives) for anchor in snapshot.anchors)


def test_the_saved_model_loads_by_the_librarys_own_call_and_carries_its_fingerprint(runs: list):
    workspace, _, result = runs[0]
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, "contracts", result["model_id"])
    vectors = SentenceTransformer(record.location).encode(["a clause on insurance"], show_progress_bar=False)
    assert vectors.shape == (1, 32)
    assert fingerprint_folder(Path(record.location), max_length=record.max_length) == record.id == result["model_id"]


def test_no_text_of_the_project_stands_in_any_file_of_the_model(runs: list):
    """The checkpoints of the run that is stopped are looked through where it is stopped."""
    workspace, _, _ = runs[0]
    refuse_texts(workspace, workspace.folder("models"))


def test_the_same_configuration_and_snapshot_give_the_same_model_interrupted_or_not(runs: list):
    (_, first_ear, first), (_, second_ear, second) = runs
    assert second["snapshot_id"] == first["snapshot_id"]
    assert [step for step, _ in second_ear.series["loss"]] == [step for step, _ in first_ear.series["loss"]]
    assert second["dev"]["tuned"] == pytest.approx(first["dev"]["tuned"], abs=0.02)
    assert second["test"]["difference"]["gain"] == pytest.approx(first["test"]["difference"]["gain"], abs=0.02)


def test_the_same_run_in_another_home_gives_the_same_weights(runs: list, tiny_model: Path, tmp_path: Path):
    workspace = make_workspace(tmp_path / "three", tiny_model)
    again = run_tuning(workspace, "contracts", "run1", CONFIG, Ear())
    workspace.store.close()
    assert again["model_id"] == runs[0][2]["model_id"]


def test_a_project_with_too_few_labels_is_told_what_is_missing(workspace: Workspace, tiny_model: Path):
    with workspace.store.write() as conn:
        projects.add_project(conn, "bare", base_model=str(tiny_model))
    with pytest.raises(PairsmithError, match="at least ten unrelated anchors"):
        run_tuning(workspace, "bare", "r", CONFIG, Ear())


def test_further_seeds_are_measured_and_the_verdict_asks_for_more_than_their_spread(tiny_model: Path, tmp_path: Path):
    workspace, ear = make_workspace(tmp_path / "home", tiny_model), Ear()
    try:
        result = run_tuning(workspace, "contracts", "run1", CONFIG | {"epochs": 1, "evaluations": 1, "merge": True, "seeds": 2, "seed": 3}, ear)
        with workspace.store.read() as conn:
            kept = {model.id for model in artefacts.list_models(conn, "contracts") if model.kind == ModelKind.TUNED}
    finally:
        workspace.store.close()
    seeds, test = result["seeds"], result["test"]
    assert (seeds["first"], len(seeds["values"])) == (3, 2)
    assert seeds["values"][0] == pytest.approx(test["tuned"]["ndcg@5"], abs=1e-4)
    assert seeds["spread"] == pytest.approx(abs(seeds["values"][1] - seeds["values"][0]) / 2**0.5)
    assert seeds["spread"] > 0
    assert "Training with seed 4" in [message for message, _, _ in ear.stages]
    assert kept == {result["model_id"], result["unblended_id"]}
    (condition,) = [item for item in test["verdict"]["checks"] if "spread of seeds" in item["asked"]]
    assert condition["found"] == f"spread {seeds['spread']:.3f}"
    assert condition["met"] == (test["difference"]["gain"] > 2 * seeds["spread"])


def test_a_cancelled_run_keeps_its_best_checkpoint_as_a_model_that_was_not_measured(tiny_model: Path, tmp_path: Path):
    workspace, ear = make_workspace(tmp_path / "home", tiny_model), Ear(stop_at=60)
    ear.was_cancelled = True
    try:
        with pytest.raises(InterruptedError):
            run_tuning(workspace, "contracts", "run1", CONFIG | {"merge": True}, ear)
        with workspace.store.read() as conn:
            (record,) = [model for model in artefacts.list_models(conn, "contracts") if model.kind == ModelKind.TUNED]
            opened = artefacts.list_evaluations(conn, "contracts", part="test")
    finally:
        workspace.store.close()
    kept = ear.left["cancelled"]
    assert (kept["step"], kept["model_id"], kept["model_name"]) == (60, record.id, record.name)
    assert record.name.endswith("cancelled at step 60")
    begin, *later = [value for _, value in ear.series["dev_ndcg@5"]]
    assert kept["dev"] == {"base": pytest.approx(begin, abs=1e-5), "tuned": pytest.approx(max(later), abs=1e-5)}
    assert (ear.left["base_id"], ear.left["snapshot_id"]) == (record.base_id, record.snapshot_id)
    assert "cancelled at step 60" in (Path(record.location) / "README.md").read_text(encoding="utf-8")
    assert opened == []


@pytest.mark.parametrize(("stop_at", "was_cancelled"), [(2, True), (60, False)], ids=["cancelled before a first checkpoint", "shut down"])
def test_a_run_that_has_no_best_yet_or_goes_on_later_leaves_no_model(stop_at: int, was_cancelled: bool, tiny_model: Path, tmp_path: Path):
    workspace, ear = make_workspace(tmp_path / "home", tiny_model), Ear(stop_at=stop_at)
    ear.was_cancelled = was_cancelled
    try:
        with pytest.raises(InterruptedError):
            run_tuning(workspace, "contracts", "run1", CONFIG, ear)
        with workspace.store.read() as conn:
            assert [model for model in artefacts.list_models(conn, "contracts") if model.kind == ModelKind.TUNED] == []
        assert ear.left == {}
    finally:
        workspace.store.close()


@pytest.mark.parametrize("stage", ["Blending with the base model", "Measuring on held-out anchors"])
def test_a_run_that_is_cancelled_after_its_training_says_what_it_kept(stage: str, tiny_model: Path, tmp_path: Path):
    workspace, ear = make_workspace(tmp_path / "home", tiny_model), Ear(cancel_in=stage)
    try:
        with pytest.raises(InterruptedError):
            run_tuning(workspace, "contracts", "run1", {**CONFIG, "epochs": 1, "merge": True}, ear)
        with workspace.store.read() as conn:
            kept, tuned = artefacts.get_model(conn, "contracts", ear.left["cancelled"]["model_id"]), artefacts.find_tuned(conn, "contracts")
        assert kept.name == ear.left["cancelled"]["model_name"]
        assert kept == tuned, "what is named is what `tuned` means from now on"
        assert ("unblended" in kept.name) == (stage == "Blending with the base model")
        assert Path(kept.location).is_dir()
        assert ear.left["cancelled"]["step"] == ear.stages[[name for name, _, _ in ear.stages].index("Training")][1]
    finally:
        workspace.store.close()
