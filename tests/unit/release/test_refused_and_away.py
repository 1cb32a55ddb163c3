"""Wrong credentials and a server that goes away: told in words with what to do, the old version untouched."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.model import PairsmithError
from core.release import stores
from core.release.guard.manifest import write_manifest
from core.release.live import look_at_live
from core.release.store import Store, StoreFailed, explaining
from core.release.stores import open_store, opened
from core.release.stores import pinecone as module
from core.release.target import StoreKind, Target
from core.settings import Settings
from tests.http_double import answering
from tests.unit.release.conftest import NEW, OLD, make_manifest
from tests.unit.release.pinecone_double import KEY, running_pinecone
from tests.unit.release.test_stores import IDS, VECTORS, fill


def test_a_key_that_qdrant_refuses_is_told() -> None:
    pytest.importorskip("qdrant_client")
    refused = pytest.raises(StoreFailed, match=r"refused the key \(HTTP 401\).*PAIRSMITH_RELEASE_KEY")
    with answering(lambda asked: (401, {})) as url, refused, opened(Target(StoreKind.QDRANT, url, "clauses"), Settings()) as store:
        store.read_alias()


def test_a_qdrant_server_that_is_not_there_is_told() -> None:
    pytest.importorskip("qdrant_client")
    with answering(lambda asked: (200, {})) as url:
        pass
    with pytest.raises(StoreFailed, match="did not answer as it should"), opened(Target(StoreKind.QDRANT, url, "clauses"), Settings()) as store:
        store.read_alias()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the client leaves its lock file open when it is refused
def test_an_embedded_qdrant_that_another_process_holds_is_told(
    open_again: Callable[[StoreKind], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "HELD_WAIT_S", 0.0)
    open_again(StoreKind.QDRANT)
    with pytest.raises(StoreFailed, match="Another process has this Qdrant folder open"):
        open_store(Target(StoreKind.QDRANT, str(tmp_path / StoreKind.QDRANT), "clauses"), Settings())


def test_a_key_that_pinecone_refuses_and_a_service_that_is_away_leave_the_old_version(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pinecone")
    monkeypatch.setattr(module, "POLL_S", 0.0)
    with running_pinecone() as (double, url):
        target = Target(StoreKind.PINECONE, url, "clauses")
        with opened(target, Settings(release_key=SecretStr(KEY))) as store:
            fill(store)
            store.switch_alias(OLD, None)
        with pytest.raises(StoreFailed, match=r"refused the API key.*PAIRSMITH_RELEASE_KEY"):
            open_store(target, Settings(release_key=SecretStr("wrong")))
        with opened(target, Settings(release_key=SecretStr(KEY))) as store:
            double.away = True
            with pytest.raises(StoreFailed, match=r"did not answer as it should.*start again.*Nothing that is live was changed"), explaining(store):
                store.upsert(NEW, IDS, VECTORS)
            double.away = False
            live = look_at_live(store)
            assert (live.name, live.fault) == (OLD, "")
            with pytest.raises(PairsmithError, match="takes vectors of 8 numbers, this model makes 16"):
                store.create("clauses_ffffffffff_00000000", 16, "{}")


def test_a_manifest_longer_than_a_record_of_pinecone_is_kept_in_pieces(open_again: Callable[[StoreKind], Store]) -> None:
    store = open_again(StoreKind.PINECONE)
    long = write_manifest(make_manifest(verdict="ü☂" * 30_000))
    store.create(OLD, 8, long)
    assert store.read_manifest_text(OLD) == long
    store.put_manifest_text(OLD, write_manifest(make_manifest()))
    assert store.read_manifest_text(OLD) == write_manifest(make_manifest())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("auth check failure, please check api key is correct", r"Milvus refused the key \(auth check .*user:password, or a token.*PAIRSMITH_RELEASE_KEY"),
        ("Fail connecting to server on localhost:19530", r"did not answer as it should \(Fail connecting.*See that it runs"),
    ],
)
def test_what_milvus_says_is_told_with_what_to_do(open_again: Callable[[StoreKind], Store], words: str, told: str) -> None:
    store = open_again(StoreKind.MILVUS)
    from pymilvus.exceptions import MilvusException

    with pytest.raises(StoreFailed, match=told), explaining(store):
        raise MilvusException(message=words)


def test_a_milvus_file_is_let_go_by_its_last_user_and_told_where_another_process_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("milvus_lite")
    target = Target(StoreKind.MILVUS, str(tmp_path / "index"), "clauses")
    first, second = open_store(target, Settings()), open_store(target, Settings())
    fill(first)
    first.close()
    first.close()
    assert second.count(OLD) == 20
    second.close()
    with (tmp_path / "index.db" / "LOCK").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody has it any more: as another process would
        monkeypatch.setattr(stores, "HELD_WAIT_S", 0.0)
        with pytest.raises(StoreFailed, match="Another process has this Milvus file open"):
            open_store(target, Settings())
        monkeypatch.setattr(stores, "HELD_WAIT_S", 60.0)
        monkeypatch.setattr(stores.time, "sleep", lambda _: fcntl.flock(held, fcntl.LOCK_UN))  # while it is waited for, the other lets go
        with opened(target, Settings()) as again:
            assert again.count(OLD) == 20


def test_a_milvus_file_that_cannot_be_opened_for_another_reason_is_not_told_as_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("milvus_lite")
    monkeypatch.setattr(stores, "HELD_WAIT_S", 0.0)
    target = Target(StoreKind.MILVUS, str(tmp_path / "index"), "clauses")
    (tmp_path / "index.db").write_text("no folder of Milvus Lite", encoding="utf-8")
    with pytest.raises(StoreFailed, match=r"index\.db cannot be opened \(.*File exists.*this user may write.*Nothing that is live was changed"):
        open_store(target, Settings())
    assert "Failed to start MilvusLite server" in caplog.text
    monkeypatch.setitem(sys.modules, "milvus_lite.server_manager", None)
    with pytest.raises(StoreFailed, match=r"cannot be opened \(milvus-lite is required.*pip install 'pairsmith\[milvus\]'"):
        open_store(target, Settings())


@pytest.fixture
def guarded_url(pgvector_url: str) -> Iterator[str]:
    """A database on a server that asks for passwords of everybody but `tester`."""
    import psycopg

    with psycopg.connect(pgvector_url, autocommit=True) as connection:
        hba = Path(connection.execute("SHOW hba_file").fetchone()[0])  # type: ignore[index]
        before = hba.read_text(encoding="utf-8")
        hba.write_text(f"host all reader 127.0.0.1/32 scram-sha-256\n{before}", encoding="utf-8")
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'right'")
        connection.execute("SELECT pg_reload_conf()")
    yield pgvector_url.replace("tester@", "reader@")
    hba.write_text(before, encoding="utf-8")


def test_a_password_that_postgresql_refuses_is_told_and_the_right_one_lets_in(guarded_url: str) -> None:
    target = Target(StoreKind.PGVECTOR, guarded_url, "clauses")
    with pytest.raises(StoreFailed, match=r"refused the sign-in.*PAIRSMITH_RELEASE_KEY"):
        open_store(target, Settings(release_key=SecretStr("wrong")))
    with pytest.raises(StoreFailed, match="does not let this user do that"):
        open_store(target, Settings(release_key=SecretStr("right")))  # signed in, but may not make the extension


def test_a_postgresql_that_goes_away_in_the_middle_keeps_what_was_whole(open_again: Callable[[StoreKind], Store], pgvector_url: str) -> None:
    import psycopg

    target = Target(StoreKind.PGVECTOR, pgvector_url, "clauses")
    store = open_store(target, Settings())
    store.create(OLD, 8, write_manifest(make_manifest()))
    store.upsert(OLD, IDS[:6], VECTORS[:6])
    with psycopg.connect(pgvector_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    with pytest.raises(StoreFailed, match=r"PostgreSQL did not answer.*start again.*Nothing that is live was changed"), explaining(store):
        store.upsert(OLD, IDS[6:], VECTORS[6:])
    store.close()
    with opened(target, Settings()) as again:
        assert again.list_ids(OLD) == set(IDS[:6])
        again.upsert(OLD, IDS[6:], VECTORS[6:])
        assert again.count(OLD) == 20


def test_a_large_postgresql_version_gets_an_index_that_is_used(pgvector_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.release.stores import pgvector

    monkeypatch.setattr(pgvector, "HNSW_FROM", 20)
    with opened(Target(StoreKind.PGVECTOR, pgvector_url, "clauses"), Settings()) as store:
        fill(store)
        indexes = store.connection.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [OLD]).fetchall()  # type: ignore[attr-defined]
        assert any("hnsw" in text for (text,) in indexes)
        assert [hits[0][0] for hits in store.search(OLD, VECTORS, 1)] == IDS


def test_a_client_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.release.stores.find_spec", lambda name: None)
    with pytest.raises(StoreFailed, match=r"pip install 'pairsmith\[qdrant\]'"):
        open_store(Target(StoreKind.QDRANT, "/x", "clauses"), Settings())
