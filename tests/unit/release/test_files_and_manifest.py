"""The index of files on disk, and the manifest's own rules."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.model import PairsmithError
from core.release.guard.manifest import BUILDING, ManifestFault, decode_vector, encode_vector, find_mismatch, parse_manifest, write_manifest
from core.release.store import ReleaseRefused, StoreFailed, explaining
from core.release.stores.faiss_files import FaissFiles
from core.release.target import StoreKind, Target, check_target, default_target, read_target, write_target
from core.workspace import Workspace
from tests.unit.release.conftest import OLD, make_manifest, make_vectors


@pytest.fixture
def store(tmp_path: Path) -> FaissFiles:
    made = FaissFiles(tmp_path, "clauses")
    made.create(OLD, 8, write_manifest(make_manifest(state=BUILDING)))
    return made


def test_the_file_is_a_faiss_index_that_faiss_itself_reads(store: FaissFiles) -> None:
    faiss = pytest.importorskip("faiss")
    vectors = make_vectors(30)
    store.upsert(OLD, [f"d{n}" for n in range(30)], vectors)
    store.seal(OLD)
    index = faiss.read_index(str(store.root / OLD / "index.faiss"))
    assert (index.ntotal, index.d, index.metric_type) == (30, 8, faiss.METRIC_INNER_PRODUCT)
    np.testing.assert_array_equal(index.reconstruct_n(0, 30), vectors)
    _, rows = index.search(vectors[:4], 3)
    assert [[f"d{row}" for row in found] for found in rows] == [[item for item, _ in hits] for hits in store.search(OLD, vectors[:4], 3)]


@pytest.mark.parametrize(("file", "cut", "left"), [("index.faiss", 5, 11), ("index.faiss", 40, 10), ("ids.jsonl", 1, 11), ("ids.jsonl", 9, 10)])
def test_what_a_crash_left_half_written_is_cut_off_and_written_anew(store: FaissFiles, file: str, cut: int, left: int) -> None:
    vectors, ids = make_vectors(12), [f"d{n:04}" for n in range(12)]
    store.upsert(OLD, ids, vectors)
    path = store.root / OLD / file
    os.truncate(path, path.stat().st_size - cut)
    store.close()
    again = FaissFiles(store.root.parent, "clauses")
    assert again.list_ids(OLD) == set(ids[:left])
    again.upsert(OLD, ids[left:], vectors[left:])
    again.seal(OLD)
    assert again.count(OLD) == 12
    assert [hits[0][0] for hits in again.search(OLD, vectors, 1)] == ids


def test_looking_at_a_version_that_is_being_written_changes_nothing(store: FaissFiles) -> None:
    store.upsert(OLD, ["a", "b"], make_vectors(2))
    path = store.root / OLD / "ids.jsonl"
    with path.open("ab") as lines:
        lines.write(b'"half')
    assert FaissFiles(store.root.parent, "clauses").count(OLD) == 2
    assert path.read_bytes() == b'"a"\n"b"\n"half'


def test_a_version_has_one_writer_until_it_is_sealed(store: FaissFiles) -> None:
    other = FaissFiles(store.root.parent, "clauses")
    store.upsert(OLD, ["a"], make_vectors(1))
    with pytest.raises(ReleaseRefused, match="Another process writes"):
        other.upsert(OLD, ["b"], make_vectors(1))
    store.seal(OLD)
    other.upsert(OLD, ["b"], make_vectors(1))
    other.seal(OLD)
    assert FaissFiles(store.root.parent, "clauses").list_ids(OLD) == {"a", "b"}


def test_an_empty_version_finds_nothing(store: FaissFiles) -> None:
    store.seal(OLD)
    assert store.search(OLD, make_vectors(2), 5) == [[], []]


def test_equal_scores_come_by_id(store: FaissFiles) -> None:
    vector = make_vectors(1)
    store.upsert(OLD, ["c", "a", "b"], np.repeat(vector, 3, axis=0))
    store.seal(OLD)
    assert [item for item, _ in store.search(OLD, vector, 2)[0]] == ["a", "b"]


def test_a_folder_that_is_gone_is_told_in_words_and_an_error_of_others_is_left_alone(store: FaissFiles) -> None:
    (store.root / OLD / "index.faiss").unlink()
    with pytest.raises(StoreFailed, match=r"cannot be used.*Nothing that is live was changed"), explaining(store):
        store.upsert(OLD, ["a"], make_vectors(1))
    with pytest.raises(FileNotFoundError), explaining(store):
        Path("/nowhere/else").read_text(encoding="utf-8")


@pytest.mark.parametrize("edit", [{"fingerprint": "e" * 64}, {"count": 19}, {"dimension": 9}, {"previous": "x"}, {"probes": []}, {"state": "complete"}])
def test_a_manifest_edited_by_hand_is_refused(edit: dict[str, object]) -> None:
    manifest = make_manifest(state=BUILDING)
    text = write_manifest(manifest)
    assert parse_manifest(text) == manifest
    with pytest.raises(ManifestFault, match="edited after"):
        parse_manifest(json.dumps(json.loads(text) | edit))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"digest": "x", "format": 1}', '{"digest": 1'])
def test_what_is_no_manifest_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(ManifestFault, match=r"Build the index again|reads 1"):
        parse_manifest(text)


def test_another_model_is_refused_by_fingerprint_whatever_its_dimension() -> None:
    manifest = make_manifest()
    assert find_mismatch(manifest, "f" * 64, 8) == ""
    assert "cannot be compared, though both have 8 numbers" in find_mismatch(manifest, "e" * 64, 8)
    assert "holds vectors of 8 numbers, this model makes 16" in find_mismatch(manifest, "f" * 64, 16)


def test_a_vector_survives_its_writing_bit_by_bit() -> None:
    vector = make_vectors(1, 384)[0]
    assert decode_vector(encode_vector(vector)).tobytes() == vector.tobytes()


def test_a_target_is_kept_without_any_password(workspace: Workspace) -> None:
    assert read_target(workspace, "contracts").kind == StoreKind.FAISS
    kept = write_target(workspace, "contracts", Target(StoreKind.QDRANT, "http://localhost:6333", "clauses"))
    assert read_target(workspace, "contracts") == kept
    with pytest.raises(PairsmithError, match="PAIRSMITH_RELEASE_KEY"):
        write_target(workspace, "contracts", replace(kept, place="postgresql://me:secret@db/x"))
    assert "secret" not in (workspace.home / "release" / "contracts.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("alias", ["", "Clauses", "1st", "a-b", "a" * 32, "a;drop", "a/b", ".."])
def test_an_alias_that_some_database_cannot_take_is_refused(alias: str) -> None:
    with pytest.raises(PairsmithError, match="cannot be used"):
        check_target(Target(StoreKind.FAISS, "/x", alias))


@pytest.mark.parametrize("project", ["contracts", "a-b", "7-days", "x" * 63])
def test_every_project_has_a_default_that_can_be_used(workspace: Workspace, project: str) -> None:
    assert check_target(default_target(workspace, project)).place.endswith(project)
