"""Opening the database, and the two ways to use it: `read()` and `write()`.

Invariants: a write transaction begins with BEGIN IMMEDIATE on SQLite (a deferred one loses to "database is locked"), writers of one
process take turns, leaving `write()` by an exception rolls everything back. The schema is brought to the newest by Alembic.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from core.model import PairsmithError

BUSY_TIMEOUT_MS = 30_000
_MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """A database, ready to use. Share one a process; connections are per block.

    Parameters: `engine`, a SQLAlchemy engine made by `open_store`; `home`, the folder that stored places are relative to.
    """

    def __init__(self, engine: Engine, home: Path | None = None) -> None:
        self.engine = engine
        self.home = home
        self._write_lock = threading.RLock()
        # SQLite reads one state a transaction; PostgreSQL does from this level on
        self._read_options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state; nothing it does is kept."""
        with self.engine.connect().execution_options(**self._read_options, pairsmith_home=self.home) as conn:
            yield conn
            conn.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection whose work is kept when the block ends, and undone when it raises. Keep the block short."""
        options = {"pairsmith_write": True, "pairsmith_home": self.home}
        with self._write_lock, self.engine.connect().execution_options(**options) as conn, conn.begin():
            yield conn

    def close(self) -> None:
        """Give back every pooled connection."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Open the database at `url`, creating and migrating it as needed.

    Raises `PairsmithError` when the URL cannot be read, the server does not answer, or the database is newer than this program.
    """
    try:
        engine = _make_engine(url)
        try:
            _migrate(engine)
        except BaseException:
            engine.dispose()
            raise
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise PairsmithError(
            f"The database URL cannot be used: {error}. Use sqlite:///path or postgresql+psycopg://user@host/name (extra: postgres)."
        ) from error
    except OperationalError as error:
        raise PairsmithError(f"The database does not answer: {error.orig}. Check PAIRSMITH_HOME or PAIRSMITH_DATABASE_URL, then try again.") from error
    return Store(engine)


def _make_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PairsmithError(f"The folder {Path(parsed.database).parent} cannot be made: {error.strerror}. Choose another with PAIRSMITH_HOME.") from error
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL", "foreign_keys=ON"):
        dbapi_connection.execute(f"PRAGMA {pragma}")
    _switch_to_wal(dbapi_connection)


def _switch_to_wal(dbapi_connection: sqlite3.Connection) -> None:
    """Write-ahead logging, once for the file. SQLite does not wait for its lock when processes switch a new file at once, so this does."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            dbapi_connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _on_sqlite_begin(conn: Connection) -> None:
    writes = conn.get_execution_options().get("pairsmith_write", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision; a database already there costs one read."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with engine.connect() as conn:
        current = MigrationContext.configure(conn).get_current_revision()
    if current == head:
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise PairsmithError(f"The database was written by a newer Pairsmith (schema {current}). Install that version, or open a copy made before it.")
    with engine.connect().execution_options(pairsmith_write=True) as conn, conn.begin():
        if engine.dialect.name == "postgresql":
            conn.exec_driver_sql("SELECT pg_advisory_xact_lock(7243392)")
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
