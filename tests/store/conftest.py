"""The store on both engines: SQLite in a file, and a real PostgreSQL server started once a session."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
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

SERVER_USER = "postgres"


def _find_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    return found[0].parent if found else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL, without a database name, of a server on a free port; tests that need it are skipped where it cannot start."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    binaries = _find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin)")
    as_root = os.geteuid() == 0
    if as_root and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    prefix = ["runuser", "-u", SERVER_USER, "--"] if as_root else []
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-pg-", dir="/tmp"))
    if as_root:
        shutil.chown(folder, SERVER_USER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    made = subprocess.run(
        [*prefix, binaries / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"initdb failed: {made.stderr.strip()[-300:]}")
    options = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "listen_addresses=127.0.0.1"]
    options += ["-c", f"unix_socket_directories={folder}", "-c", "max_connections=120", "-p", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*prefix, binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder)
    try:
        if not _await_server(port, server):
            pytest.skip(f"PostgreSQL did not start: {(folder / 'log').read_text(errors='replace')[-300:]}")
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}"
    finally:
        pid_file = data / "postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)  # a fast shutdown
        elif server.poll() is None:
            server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _await_server(port: int, server: subprocess.Popen[bytes]) -> bool:
    import psycopg

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="tester", dbname="postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False


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
