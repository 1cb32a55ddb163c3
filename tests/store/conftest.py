"""The store on both engines: SQLite in a file, and a real PostgreSQL server started once a session."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from core.model import Anchor, Document
from core.store import Store, corpus, open_store, projects
from core.store.tables import metadata
from tests.postgres_server import run_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL, without a database name, of a server on a free port; tests that need it are skipped where it cannot start."""
    with run_postgresql() as port:
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
    else:
        with _make_database(request.getfixturevalue("postgresql")) as made:
            yield made


@contextmanager
def _make_database(server: str) -> Iterator[str]:
    import psycopg

    plain, name = server.replace("+psycopg", ""), f"t{uuid.uuid4().hex}"
    with psycopg.connect(f"{plain}/postgres", autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    yield f"{server}/{name}"
    with psycopg.connect(f"{plain}/postgres", autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shared_database(postgresql: str) -> Iterator[str]:
    """The URL of a database that is migrated once and emptied before each test: a new one each time takes seconds."""
    with _make_database(postgresql) as made:
        open_store(made).close()
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without rows for `store`, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    import psycopg

    made: str = request.getfixturevalue("shared_database")
    with psycopg.connect(made.replace("+psycopg", "")) as conn:
        conn.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE")
    return made


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store on a fresh database."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def other_store(store: Store, store_url: str) -> Iterator[Store]:
    """The database of `store` as another process has it open: within one process writers wait for each other before they begin."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def project(store: Store) -> str:
    """A project of 6 documents and 3 anchors, nothing judged."""
    with store.write() as conn:
        projects.add_project(conn, "p", base_model="none", now=1.0)
        corpus.put_documents(conn, "p", [Document(f"d{n}", f"text {n}", fields={"n": str(n)}) for n in range(6)])
        corpus.put_anchors(conn, "p", [Anchor(f"a{n}", f"question {n}") for n in range(3)])
    return "p"


def await_waiting(conn: Connection) -> None:
    """Return once another transaction waits for the turn that this one has; on SQLite at once, since there the other waits to begin."""
    if conn.dialect.name == "postgresql":
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        for _ in range(1000):
            if conn.execute(waiting).scalar_one():
                return
            time.sleep(0.01)
        raise AssertionError("Nobody waits for the turn.")
