"""The contract of a store, on every database that runs here for real, and on doubles of those that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.model import NotFound
from core.release.guard.manifest import BUILDING, write_manifest
from core.release.guard.milvus import MilvusReader
from core.release.live import drop_version, look_at_live, roll_back
from core.release.store import ReleaseRefused, Store, put_manifest, read_manifest
from core.release.target import StoreKind
from core.retrieval.vectors import Floats
from tests.unit.release.conftest import ALL, NEW, OLD, make_manifest, make_vectors

Open = Callable[[StoreKind], Store]
IDS = [f"d{n}" for n in range(17)] + ["clause 1\n; drop", "'\" § 7", "Ω/%"]
VECTORS = make_vectors(20)


def fill(store: Store, name: str = OLD, vectors: Floats = VECTORS, previous: str = "", at: float = 1.0) -> None:
    manifest = make_manifest(name, previous=previous, created_at=at)
    store.create(name, 8, write_manifest(replace(manifest, state=BUILDING)))
    for start in range(0, 20, 6):
        store.upsert(name, IDS[start : start + 6], vectors[start : start + 6])
    store.seal(name)
    put_manifest(store, manifest)


@pytest.mark.parametrize("kind", ALL)
def test_what_was_written_is_counted_listed_and_found_again_after_reopening(open_again: Open, kind: StoreKind) -> None:
    store = open_again(kind)
    assert (store.list_names(), store.read_alias(), store.read_manifest_text(OLD)) == ([], None, None)
    fill(store)
    store = open_again(kind)
    assert (store.list_names(), store.count(OLD), store.list_ids(OLD)) == ([OLD], 20, set(IDS))
    assert read_manifest(store, OLD) == make_manifest(created_at=1.0)
    for query, hits in zip(VECTORS, store.search(OLD, VECTORS, 3), strict=True):
        exact = np.argsort(-(VECTORS @ query), kind="stable")[:3]
        assert [document_id for document_id, _ in hits] == [IDS[row] for row in exact]
        assert [score for _, score in hits] == pytest.approx((VECTORS @ query)[exact].tolist(), abs=1e-5)


@pytest.mark.parametrize("kind", ALL)
def test_a_document_written_again_has_the_new_vector_and_counts_once(open_again: Open, kind: StoreKind) -> None:
    store = open_again(kind)
    fill(store)
    fresh = make_vectors(3, seed=9)
    store.upsert(OLD, ["d1", "more", IDS[-1]], fresh)
    store.seal(OLD)
    assert (store.count(OLD), store.list_ids(OLD)) == (21, {*IDS, "more"})
    assert [hits[0][0] for hits in store.search(OLD, fresh, 1)] == ["d1", "more", IDS[-1]]


@pytest.mark.parametrize("kind", ALL)
def test_the_alias_moves_only_from_where_it_is_expected_and_back_in_one_step(open_again: Open, kind: StoreKind) -> None:
    store = open_again(kind)
    fill(store)
    fill(store, NEW, make_vectors(20, seed=1), previous=OLD, at=2.0)
    with pytest.raises(ReleaseRefused, match="pointed at"):
        store.switch_alias(NEW, "clauses_ffffffffff_00000000")
    assert store.read_alias() is None
    store.switch_alias(OLD, None)
    with pytest.raises(ReleaseRefused, match=f"points at {OLD} now"):
        store.switch_alias(NEW, None)
    store.switch_alias(NEW, OLD)
    store = open_again(kind)
    live = look_at_live(store)
    assert (live.name, live.rollback_to, live.fault, [version.name for version in live.versions]) == (NEW, OLD, "", [NEW, OLD])
    assert roll_back(store) == (NEW, OLD)
    assert open_again(kind).read_alias() == OLD


@pytest.mark.parametrize("kind", ALL)
def test_a_version_is_dropped_only_while_nothing_points_at_it(open_again: Open, kind: StoreKind) -> None:
    store = open_again(kind)
    fill(store)
    fill(store, NEW)
    store.switch_alias(OLD, None)
    with pytest.raises(ReleaseRefused, match="is live"):
        drop_version(store, OLD)
    assert store.count(OLD) == 20
    drop_version(store, NEW)
    with pytest.raises(NotFound, match="no version"):
        drop_version(store, NEW)
    assert (open_again(kind).list_names(), open_again(kind).read_alias()) == ([OLD], OLD)


def test_a_reader_of_milvus_asks_for_no_load_of_what_is_in_memory(open_again: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server loading is a right of its own, which an application that only reads need not have."""
    store = open_again(StoreKind.MILVUS)
    fill(store)
    client = store.client  # type: ignore[attr-defined]
    load, loaded = client.load_collection, []

    def load_and_note(name: str) -> None:
        loaded.append(name)
        load(name)

    monkeypatch.setattr(client, "load_collection", load_and_note)
    for wanted in ([], [OLD]):
        reader = MilvusReader(client, "clauses")
        assert [hits[0][0] for hits in reader.search(OLD, VECTORS, 1)] == IDS
        assert loaded == wanted
        client.release_collection(OLD)


@pytest.mark.parametrize("kind", ALL)
def test_versions_of_another_alias_that_begins_alike_are_not_ours(open_again: Open, kind: StoreKind) -> None:
    store = open_again(kind)
    other = "clauses_two_0123456789_00000000"
    store.create(other, 8, write_manifest(make_manifest(other, alias="clauses_two")))
    assert other not in store.list_names() or kind == StoreKind.FAISS  # there each alias has a folder of its own


@pytest.mark.parametrize("kind", ALL)
def test_a_version_that_lost_documents_or_was_never_finished_is_not_gone_back_to(open_again: Open, kind: StoreKind) -> None:
    store = open_again(kind)
    fill(store)
    store.switch_alias(OLD, None)
    fill(store, NEW, at=2.0)
    put_manifest(store, make_manifest(NEW, state=BUILDING))
    with pytest.raises(ReleaseRefused, match="was never finished"):
        roll_back(store, NEW)
    put_manifest(store, make_manifest(NEW, count=21))
    with pytest.raises(ReleaseRefused, match="holds 20 documents, its manifest says 21"):
        roll_back(store, NEW)
    store.put_manifest_text(NEW, write_manifest(make_manifest(NEW)).replace('"max_length": 64', '"max_length": 65'))
    with pytest.raises(ReleaseRefused, match="was edited"):
        roll_back(store, NEW)
    store.put_manifest_text(NEW, write_manifest(make_manifest(OLD)))
    with pytest.raises(ReleaseRefused, match=f"carries the manifest of {OLD}"):
        roll_back(store, NEW)
    assert store.read_alias() == OLD
