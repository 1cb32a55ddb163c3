"""A tuned model leaves the house: as a folder, as a zip and to a hub, with a card of ours and not one sentence of the corpus; and its guard goes along."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import CrossEncoder, SentenceTransformer

import sample_data
from core.model import ModelKind, ModelRecord, PairsmithError, RunKind, RunStatus
from core.release.card import find_licence, write_card
from core.release.guard import CARD, GuardedIndex, IndexRefused, encode_by, fingerprint_of
from core.release.model_zip import export_model, name_folder
from core.release.reindex import reindex
from core.release.store import ReleaseRefused
from core.release.stores.faiss_files import FaissFiles
from core.retrieval.encoder import Encoder
from core.retrieval.fingerprint import fingerprint_folder
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.store import artefacts, corpus, runs
from core.tuning.generic import read_generic
from core.tuning.tune_run import run_tuning
from core.workspace import Workspace
from tests.ml.release.conftest import Quiet
from tests.ml.release.hub_double import TOKEN, running_hub
from tests.ml.release.test_adapter_release import make_adapter
from tests.ml.test_tune_run import CONFIG, Ear, make_workspace
from tests.servers import ROOT
from tests.tiny_model import make_tiny_cross_encoder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[tuple[Workspace, ModelRecord, dict[str, Any]]]:
    """The sample project with a model that was tuned by a run, as a worker would have done it."""
    workspace = make_workspace(tmp_path_factory.mktemp("export") / "home", tiny_model)
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "contracts", RunKind.TUNE, CONFIG | {"generic_path": ""})
        run = runs.claim_run(conn, "a-worker", lease_s=600)
        assert run is not None
    result = run_tuning(workspace, "contracts", run_id, CONFIG, Ear())
    with workspace.store.write() as conn:
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result=result)
        record = artefacts.get_model(conn, "contracts", result["model_id"])
    yield workspace, record, result
    workspace.store.close()


def list_sentences(workspace: Workspace) -> list[bytes]:
    """Every text that a run could have been trained or measured on: the corpus, everyday pairs, the guard set."""
    with workspace.store.read() as conn:
        texts = [item.text for item in (*corpus.read_documents(conn, "contracts"), *corpus.read_anchors(conn, "contracts"))]
    for row in read_generic(sample_data.GENERIC_PAIRS, negatives=10):
        texts += [row.anchor, row.positive, *row.negatives]
    for name in ("corpus.jsonl", "queries.jsonl"):
        texts += [json.loads(line)["text"] for line in (sample_data.GUARD / name).read_text(encoding="utf-8").splitlines()]
    return sorted({text.encode() for text in texts if len(text) > 20})


def find_sentences(workspace: Workspace, folder: Path) -> list[tuple[str, bytes]]:
    sentences = list_sentences(workspace)
    assert len(sentences) > 1_500
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()  # weights and tokenizer too
            found += [(path.name, sentence) for sentence in sentences if sentence in content or json.dumps(sentence.decode())[1:-1].encode() in content]
    return found


def test_the_folder_loads_as_it_is_is_the_same_model_and_holds_no_sentence_of_the_corpus(made: Any, tmp_path: Path) -> None:
    workspace, record, _ = made
    out = tmp_path / "model"
    export_model(workspace, "contracts", record, out)
    assert fingerprint_of(out) == record.id
    texts = ["Who insures the goods?", "The seller insures them."]
    loaded = SentenceTransformer(str(out)).encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(loaded, Encoder(record).encode(texts), atol=1e-6)
    assert find_sentences(workspace, out) == []
    with pytest.raises(PairsmithError, match="exists already"):
        export_model(workspace, "contracts", record, out)


def test_what_a_trainer_leaves_behind_with_training_rows_in_it_stays_behind(made: Any, tmp_path: Path) -> None:
    workspace, record, _ = made
    folder = shutil.copytree(record.location, tmp_path / "leaky")
    leak = list_sentences(workspace)[3].decode()
    (folder / "README.md").write_text(f"## Training dataset\n| {leak} |", encoding="utf-8")
    (folder / "checkpoint-3").mkdir()
    (folder / "checkpoint-3" / "trainer_state.json").write_text(json.dumps({"row": leak}), encoding="utf-8")
    (folder / "train_script.py").write_text(f"row = {leak!r}", encoding="utf-8")
    assert find_sentences(workspace, folder)
    leaky = ModelRecord(**vars(record) | {"location": str(folder)})
    export_model(workspace, "contracts", leaky, tmp_path / "model")
    assert find_sentences(workspace, tmp_path / "model") == []


def test_an_adapter_leaves_with_its_two_sides_and_a_card_that_says_how_they_are_used(workspace: Workspace, old: ModelRecord, tmp_path: Path) -> None:
    adapter = make_adapter(workspace, old, tmp_path / "made")
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.TUNE, {"method": "adapter"})
        run = runs.claim_run(conn, "a-worker", lease_s=600)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result={"model_id": adapter.id, "train": {"rows": 1_234, "steps": 8}})
    out = tmp_path / "model"
    export_model(workspace, "small", ModelRecord(**vars(adapter) | {"run_id": run_id}), out)
    assert fingerprint_of(out) == adapter.id
    encode = encode_by(SentenceTransformer(str(out)), out)
    np.testing.assert_allclose(encode(["Who pays?"], "query"), Encoder(adapter).encode_queries(["Who pays?"]), atol=1e-6)
    np.testing.assert_allclose(encode(["The buyer pays."], "document"), Encoder(old).encode(["The buyer pays."]), atol=1e-6)
    card = (out / "README.md").read_text(encoding="utf-8")
    for words in (
        "A query-side adapter fitted by Pairsmith on old model",
        "encode_query",
        "without what was learned",
        "rows: 1,234; steps: 8",
        "- method: adapter",
    ):
        assert words in card
    assert not any(b"The parties agree on" in path.read_bytes() for path in out.rglob("*") if path.is_file())


def test_a_cross_encoder_leaves_with_a_card_of_its_own_and_no_word_of_vectors(workspace: Workspace, old: ModelRecord, tiny_model: Path, tmp_path: Path) -> None:
    made = make_tiny_cross_encoder(tmp_path / "made", tiny_model)
    record = ModelRecord(fingerprint_folder(made, max_length=64), "tiny reranker", ModelKind.RERANKER, str(made), 0, 64)
    export_model(workspace, "small", record, tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "CrossEncoder(" in card
    assert "text-ranking" in card
    assert "cosine" not in card
    assert not (tmp_path / "model" / CARD).exists()
    assert len(CrossEncoder(str(tmp_path / "model")).predict([("a question", "a document")])) == 1


def test_the_zip_holds_the_same_files_in_one_folder(made: Any, tmp_path: Path) -> None:
    workspace, record, _ = made
    export_model(workspace, "contracts", record, tmp_path / "model")
    export_model(workspace, "contracts", record, tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "out")
    unpacked = tmp_path / "out" / name_folder(record)
    names = sorted(path.relative_to(tmp_path / "model") for path in (tmp_path / "model").rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file())
    assert all((unpacked / name).read_bytes() == (tmp_path / "model" / name).read_bytes() for name in names)


def test_the_card_says_what_the_model_was_made_of_and_what_it_reached(made: Any) -> None:
    workspace, record, result = made
    card = write_card(workspace, "contracts", record)
    test = result["test"]
    low, high = test["tuned"]["interval"]
    for words in (
        record.id,
        f"Tuned by Pairsmith from {describe_model(make_base(workspace)).name}",
        f"training rows: {result['train']['rows']:,}",
        f"held out for the verdict: {test['difference']['n']} anchors",
        f"{test['verdict']['title']}: {test['verdict']['reason']}",
        f"{test['tuned']['ndcg@5']:.3f} ({low:.3f} to {high:.3f})",
        f"| {test['guard']['base']:.3f} | {test['guard']['tuned']:.3f} |",
        "- learning_rate: 0.002",
        "names none",
        'SentenceTransformer("path/to/this/folder")',
    ):
        assert words in card
    assert "generic_path" not in card


def make_base(workspace: Workspace) -> str:
    with workspace.store.read() as conn:
        return next(model.location for model in artefacts.list_models(conn, "contracts") if model.kind == ModelKind.BASE)


def test_the_licence_is_the_base_models(tmp_path: Path) -> None:
    assert find_licence(describe_model(EMBEDDED_DEFAULT)) == "apache-2.0"
    (tmp_path / "README.md").write_text("---\ntags: [x]\nlicense: mit\n---\nlicense: gpl\n", encoding="utf-8")
    assert find_licence(ModelRecord("a" * 64, "x", ModelKind.BASE, str(tmp_path), 2, 2)) == "mit"
    (tmp_path / "README.md").write_text("license: gpl\n", encoding="utf-8")
    assert find_licence(ModelRecord("a" * 64, "x", ModelKind.BASE, str(tmp_path), 2, 2)) == ""


def test_a_model_whose_files_were_changed_is_not_exported(made: Any, tmp_path: Path) -> None:
    workspace, record, _ = made
    folder = shutil.copytree(record.location, tmp_path / "changed")
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}', encoding="utf-8")
    with pytest.raises(ReleaseRefused, match="changed since"):
        export_model(workspace, "contracts", ModelRecord(**vars(record) | {"location": str(folder)}), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def upload(workspace: Workspace, url: str, token: str, repo: str = "someone/clauses") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    environment |= {"PAIRSMITH_HOME": str(workspace.home), "PYTHONPATH": str(ROOT), "HF_ENDPOINT": url, "HF_TOKEN": token, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "core.cli", "release", "upload", "contracts", "--repo", repo, "--json"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_an_upload_sends_the_exported_files_to_a_private_repository(made: Any, tmp_path: Path) -> None:
    workspace, record, _ = made
    with running_hub() as hub:
        done = upload(workspace, hub.url, TOKEN)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["model"] == record.id
        assert [(item["name"], item["visibility"]) for item in hub.repositories] == [("clauses", "private")]
        assert record.id[:12] in hub.message
        export_model(workspace, "contracts", record, tmp_path / "model")
        assert hub.files == {path.relative_to(tmp_path / "model").as_posix(): path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file()}


@pytest.mark.parametrize(("token", "repo", "words"), [("hf_wrong", "someone/clauses", "HF_TOKEN"), (TOKEN, "not a name", "owner and name")])
def test_an_upload_that_is_refused_says_what_to_do(made: Any, token: str, repo: str, words: str) -> None:
    with running_hub() as hub:
        done = upload(made[0], hub.url, token, repo)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_fingerprint_of_an_exported_folder_is_that_of_how_it_is_used(made: Any, tmp_path: Path) -> None:
    workspace, record, _ = made
    store = FaissFiles(tmp_path / "index", "clauses")
    reindex(workspace, "contracts", record, store, Quiet())
    export_model(workspace, "contracts", record, tmp_path / "model")
    encode = encode_by(SentenceTransformer(str(tmp_path / "model")), tmp_path / "model")
    assert len(GuardedIndex(store, encode, fingerprint_of(tmp_path / "model")).search(["Who insures the goods?"], 3)[0]) == 3
    card = json.loads((tmp_path / "model" / CARD).read_text(encoding="utf-8"))
    (tmp_path / "model" / CARD).write_text(json.dumps(card | {"max_length": 32}), encoding="utf-8")
    with pytest.raises(IndexRefused, match="cannot be compared"):
        GuardedIndex(store, encode, fingerprint_of(tmp_path / "model"))
    with pytest.raises(IndexRefused, match="A probe text"):
        GuardedIndex(store, encode_by(SentenceTransformer(str(tmp_path / "model")), tmp_path / "model"), record.id)
    (tmp_path / "model" / CARD).unlink()
    with pytest.raises(IndexRefused, match=r"no model exported by Pairsmith.*Export it again"):
        fingerprint_of(tmp_path / "model")
