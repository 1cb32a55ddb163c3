"""What is Weaviate's own: names with a capital, and a key that is refused. The contract of a store runs against its double in `test_stores.py`."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

pytest.importorskip("weaviate", reason="the extra `weaviate` is not installed")

from core.release.guard.manifest import write_manifest
from core.release.live import look_at_live
from core.release.store import StoreFailed, explaining
from core.release.stores import open_store, opened
from core.release.target import StoreKind, Target
from core.settings import Settings
from tests.unit.release.conftest import NEW, OLD, make_manifest, make_vectors
from tests.unit.release.test_stores import fill
from tests.unit.release.weaviate_double import KEY, running_weaviate


def test_collections_and_alias_begin_with_a_capital_and_other_dimensions_are_refused() -> None:
    with running_weaviate() as (double, url), opened(Target(StoreKind.WEAVIATE, url, "clauses"), Settings(release_key=SecretStr(KEY))) as store:
        store.create(OLD, 8, write_manifest(make_manifest()))
        store.upsert(OLD, ["a"], make_vectors(1))
        store.switch_alias(OLD, None)
        assert set(double.configs) == {"PairsmithManifests", OLD.capitalize()}
        assert double.aliases == {"Clauses": OLD.capitalize()}
        with pytest.raises(StoreFailed, match=r"refused all of 2 objects .*lengths"):
            store.upsert(OLD, ["b", "c"], make_vectors(2, 16))
        assert store.list_ids(OLD) == {"a"}


def test_a_key_that_is_refused_is_told() -> None:
    with running_weaviate() as (_, url), pytest.raises(StoreFailed, match=r"Weaviate refused the key.*PAIRSMITH_RELEASE_KEY"):
        open_store(Target(StoreKind.WEAVIATE, url, "clauses"), Settings(release_key=SecretStr("wrong")))


def test_a_server_that_is_away_when_the_alias_is_to_be_switched_leaves_the_old_version() -> None:
    with running_weaviate() as (double, url), opened(Target(StoreKind.WEAVIATE, url, "clauses"), Settings(release_key=SecretStr(KEY))) as store:
        fill(store)
        store.switch_alias(OLD, None)
        fill(store, NEW)
        double.away = True
        with pytest.raises(StoreFailed, match=r"Weaviate did not answer as it should.*start again"), explaining(store):
            store.switch_alias(NEW, OLD)
        double.away = False
        live = look_at_live(store)
        assert (live.name, live.fault) == (OLD, "")
