"""A model as an ONNX graph in 8 bits: offered with what it costs, indexed by itself, and asked by an application that has no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli.data import export
from core.jobs import handlers
from core.jobs.child import HANDLERS
from core.jobs.engine import LocalEngine
from core.model import ModelKind, ModelRecord, PairsmithError, RunKind
from core.release.card import describe_cost, write_card
from core.release.guard import CARD, IndexRefused, fingerprint_of
from core.release.model_zip import export_model, name_folder
from core.release.stores.faiss_files import FaissFiles
from core.release.take_guard import write_guard
from core.retrieval.encoder import Encoder
from core.retrieval.fingerprint import ONNX_INT8
from core.store import artefacts, runs
from core.tuning import quantise
from core.workspace import Workspace
from tests.ml.release.conftest import Quiet
from tests.ml.release.test_failures import QUESTION, ask

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.slow
TEXTS = ["Who pays?", "The seller delivers the goods within 30 days of the order.", "clause " * 80]


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model knows nothing, so that its order of documents is luck: any loss is allowed."""
    monkeypatch.setattr(quantise, "MOST_LOST", 1.0)


def make(workspace: Workspace, base: ModelRecord) -> tuple[ModelRecord, dict[str, Any]]:
    told = quantise.quantise_model(workspace, "small", base.id, quantise.Form.ONNX)
    with workspace.store.read() as conn:
        return artefacts.get_model(conn, "small", told["id"]), told


@pytest.mark.usefixtures("lenient")
def test_it_is_a_model_of_its_own_whose_vectors_do_not_depend_on_their_neighbours(workspace: Workspace, old: ModelRecord, tmp_path: Path) -> None:
    made, told = make(workspace, old)
    assert (made.kind, made.name, made.base_id, made.precision) == (ModelKind.INT8, "old model int8 ONNX", old.id, "int8")
    encoder, exact = Encoder(made), Encoder(old).encode(TEXTS)
    together = encoder.encode(TEXTS)
    np.testing.assert_array_equal(together, np.concatenate([encoder.encode([text]) for text in TEXTS]))
    assert 1e-5 < np.abs(together - exact).max() < 0.2
    assert f"{told['after']:.4f}, in float32 {told['before']:.4f} ({told['after'] - told['before']:+.4f})" in describe_cost(made)
    assert describe_cost(made) in write_card(workspace, "small", made)
    export_model(workspace, "small", made, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        names = archive.namelist()
        card = json.loads(archive.read(f"{name_folder(made)}/{CARD}"))
    assert (len(set(names)), card["fingerprint"], card["int8"]["after"]) == (len(names), made.id, told["after"])
    assert quantise.quantise_model(workspace, "small", old.id, quantise.Form.ONNX)["id"] == made.id


@pytest.mark.usefixtures("lenient")
def test_a_run_makes_it_as_the_page_asks(workspace: Workspace, old: ModelRecord) -> None:
    LocalEngine(workspace).enqueue_alone("small", RunKind.QUANTISE, {"system": old.id, "form": "onnx"})
    with workspace.store.write() as conn:
        run = runs.claim_run(conn, "a-worker", lease_s=600)
    assert run is not None
    assert HANDLERS[run.kind] == "core.jobs.handlers:quantise"
    result = handlers.quantise(workspace, run, Quiet())  # type: ignore[arg-type]
    with workspace.store.read() as conn:
        assert artefacts.get_model(conn, "small", result["id"]).kind == ModelKind.INT8


def test_one_that_loses_too_much_is_refused_and_leaves_nothing(
    workspace: Workspace, old: ModelRecord, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(quantise, "MOST_LOST", -1.0)
    monkeypatch.setattr("core.cli.data.open_project", lambda project: workspace)
    with pytest.raises(PairsmithError, match=r"In 8 bits NDCG@5 on \d+ development anchors falls from 0\.\d+ to 0\.\d+"):
        export("small", tmp_path / "model", what="model", system=old.id, onnx_int8=True)
    assert not (tmp_path / "model").exists()
    assert list(workspace.folder("models").iterdir()) == []
    with workspace.store.read() as conn:
        assert [model.kind for model in artefacts.list_models(conn, "small")] == [ModelKind.BASE]


@pytest.mark.usefixtures("lenient")
def test_one_made_again_keeps_its_vectors_where_it_is_refused_now_and_has_its_new_figures_where_not(
    workspace: Workspace, old: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, told = make(workspace, old)
    card, vectors = Path(made.location) / CARD, workspace.home / "vectors" / made.id[:32]
    card.write_text(json.dumps({"int8": {"before": 0.0, "after": 0.0, "anchors": 1}}), encoding="utf-8")
    assert make(workspace, old)[0] == made
    assert json.loads(card.read_text(encoding="utf-8")) == {"int8": {name: told[name] for name in ("before", "after", "anchors")}}
    held = {path.name for path in vectors.iterdir()}
    monkeypatch.setattr(quantise, "MOST_LOST", -1.0)
    with pytest.raises(PairsmithError, match="stays as it is"):
        make(workspace, old)
    assert held <= {path.name for path in vectors.iterdir()}
    assert [path.name for path in workspace.folder("models").iterdir()] == [made.id[:32]]


def test_without_the_extra_it_says_what_to_install(workspace: Workspace, old: ModelRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PairsmithError, match=r"pip install 'pairsmith\[onnx\]'"):
        quantise.quantise_model(workspace, "small", old.id, quantise.Form.ONNX)


APPLICATION = """
import json, sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("core", "torch", "sentence_transformers", "transformers"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nowhere())
from pairsmith_guard import FilesReader, GuardedIndex, IndexRefused, fingerprint_of
from pairsmith_guard.onnx import OnnxEncoder

index, model, question = sys.argv[1:]
try:
    print(json.dumps(GuardedIndex(FilesReader(index, "clauses"), OnnxEncoder(model), fingerprint_of(model)).search([question], 3)[0]))
except IndexRefused as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.usefixtures("lenient")
def test_an_export_is_asked_without_torch_on_an_index_that_it_made_and_on_no_other(
    workspace: Workspace,
    files: FaissFiles,
    bring: Callable[..., dict[str, Any]],
    old: ModelRecord,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("core.cli.data.open_project", lambda project: workspace)
    export("small", tmp_path / "model", what="model", system=old.id, onnx_int8=True, json=True)
    told = json.loads(capsys.readouterr().out)
    assert {"model", "before", "after", "anchors"} <= set(told)
    card = json.loads((tmp_path / "model" / CARD).read_text(encoding="utf-8"))
    assert (card["precision"], card["int8"]) == ("int8", {name: told[name] for name in ("before", "after", "anchors")})
    assert fingerprint_of(tmp_path / "model") == told["model"] == card["fingerprint"]
    assert (tmp_path / "model" / ONNX_INT8).exists()
    application = tmp_path / "application"
    write_guard(application)
    (application / "main.py").write_text(APPLICATION, encoding="utf-8")

    def run() -> Any:
        command = [sys.executable, "main.py", str(files.root.parent), str(tmp_path / "model"), QUESTION]
        done = subprocess.run(command, cwd=application, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    bring(old)
    assert "cannot be compared, though both have 32 numbers" in run()
    with workspace.store.read() as conn:
        made = artefacts.get_model(conn, "small", told["model"])
    done = bring(made)
    assert {check["holds"] for check in done["checks"]} == {True}
    assert [item for item, _ in run()] == [item for item, _ in ask(files, made)]
    with pytest.raises(IndexRefused, match="cannot be compared"):
        ask(files, old)
