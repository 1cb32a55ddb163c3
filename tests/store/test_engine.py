"""The engine: transactions, pragmas, migrations."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.model import Document, PairsmithError
from core.store import Store, corpus, open_store, projects
from core.store.tables import metadata


def test_migrations_give_exactly_the_tables_of_the_metadata(store: Store):
    with store.engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_leaving_write_by_an_exception_rolls_everything_back(store: Store):
    with pytest.raises(RuntimeError, match="halfway"), store.write() as conn:  # noqa: PT012 - the block is what is tested
        projects.add_project(conn, "gone", base_model="x")
        raise RuntimeError("halfway")
    with store.read() as conn:
        assert projects.list_projects(conn) == []


def test_what_is_written_inside_read_is_not_kept(store: Store):
    with store.read() as conn:
        projects.add_project(conn, "unkept", base_model="x")
    with store.read() as conn:
        assert projects.list_projects(conn) == []


def test_a_read_sees_one_state_while_others_write(store: Store, project: str):
    with store.read() as conn:
        before = corpus.read_document_ids(conn, project)
        writer = threading.Thread(target=_add_document, args=(store, project))
        writer.start()
        writer.join()
        assert corpus.read_document_ids(conn, project) == before
    with store.read() as conn:
        assert len(corpus.read_document_ids(conn, project)[0]) == 7


def _add_document(store: Store, project: str) -> None:
    with store.write() as conn:
        corpus.put_documents(conn, project, [Document("new", "new")])


def test_foreign_keys_hold(store: Store):
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(text("INSERT INTO anchors (project_id, id, position, text) VALUES ('nobody', 'a', 0, 'x')"))


def test_sqlite_is_durable_and_patient(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.read() as conn:
        pragmas = {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1}
    store.close()


def test_a_sqlite_write_takes_the_lock_at_its_beginning_and_a_read_does_not(tmp_path):
    path = tmp_path / "a.db"
    store = open_store(f"sqlite:///{path}")
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    with store.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with store.read() as conn:
        projects.list_projects(conn)
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    other.close()
    store.close()


def test_a_database_of_a_newer_schema_is_refused_and_left_alone(url: str):
    store = open_store(url)
    with store.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(PairsmithError, match=r"newer Pairsmith \(schema 9999\)"):
        open_store(url)
    with store.read() as conn:
        assert conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    store.close()


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "postgresql+nodriver://x/y"])
def test_a_url_that_cannot_be_used_says_what_can(url: str):
    with pytest.raises(PairsmithError, match="sqlite:///path"):
        open_store(url)


def test_a_server_that_does_not_answer_is_named():
    with pytest.raises(PairsmithError, match="does not answer"):
        open_store("postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_a_home_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(PairsmithError, match="PAIRSMITH_HOME"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'sub' / 'a.db'}")


def _open(url: str, name: str, barrier, answers) -> None:
    try:
        barrier.wait(30)
        store = open_store(url)
        with store.write() as conn:
            projects.add_project(conn, name, base_model="x")
        store.close()
        answers.put("fine")
    except BaseException as error:
        answers.put(repr(error))


def test_processes_that_open_a_new_database_at_once_all_find_it_ready(url: str):
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(6), context.Queue()
    children = [context.Process(target=_open, args=(url, f"p{n}", barrier, answers)) for n in range(6)]
    for child in children:
        child.start()
    assert [answers.get(timeout=60) for _ in children] == ["fine"] * 6
    for child in children:
        child.join(30)
    store = open_store(url)
    with store.read() as conn:
        assert [project.id for project in sorted(projects.list_projects(conn), key=lambda item: item.id)] == [f"p{n}" for n in range(6)]
    store.close()


def test_opening_a_database_that_is_there_changes_nothing(store_url: str, project: str):
    again = open_store(store_url)
    with again.read() as conn:
        assert projects.count_contents(conn, project)["documents"] == 6
    again.close()
