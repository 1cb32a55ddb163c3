"""Writing an index in PostgreSQL with pgvector (extra `pgvector`).

The alias is switched in one transaction that locks its row. Small tables are searched exactly; from `HNSW_FROM` documents an HNSW index is built, and the
verification tells whether it finds enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from pgvector.psycopg import register_vector

from core.model import PairsmithError
from core.release.guard.manifest import is_version
from core.release.guard.pgvector import ALIASES, VERSIONS, PgvectorReader
from core.release.store import check_expected, quote_error
from core.retrieval.vectors import Floats

HNSW_FROM = 50_000
_EF_SEARCH = 200
_TIMEOUT_S = 10


class Pgvector(PgvectorReader):
    """The versions of one alias in a PostgreSQL database. Parameters: `place`, its URL without a password; `key`, the password."""

    def __init__(self, place: str, alias: str, key: str = "") -> None:
        connection = psycopg.connect(psycopg.conninfo.make_conninfo(place, password=key or None), autocommit=True, connect_timeout=_TIMEOUT_S)
        super().__init__(connection, alias)
        try:
            self._set_up()
        except BaseException:
            connection.close()
            raise

    def list_names(self) -> list[str]:
        """The versions there are, finished or not."""
        found = self.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        return sorted(name for (name,) in found if is_version(self.alias, name))

    def create(self, name: str, dimension: int, manifest_text: str) -> None:
        """Make an empty version."""
        with self.connection.transaction():
            self.connection.execute(f'CREATE TABLE "{name}" (id text PRIMARY KEY, vector vector({dimension:d}) NOT NULL)')
            self.put_manifest_text(name, manifest_text)

    def put_manifest_text(self, name: str, text: str) -> None:
        """Replace a version's manifest."""
        sql = f"INSERT INTO {VERSIONS} (alias, name, manifest) VALUES (%s, %s, %s) ON CONFLICT (alias, name) DO UPDATE SET manifest = excluded.manifest"
        self.connection.execute(sql, [self.alias, name, text])

    def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
        """Write a batch, all or nothing; an id that is there already gets the new vector."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute(f'CREATE TEMP TABLE pairsmith_batch (LIKE "{name}") ON COMMIT DROP')
            with cursor.copy("COPY pairsmith_batch (id, vector) FROM STDIN WITH (FORMAT BINARY)") as copy:
                copy.set_types(["text", "vector"])
                for document_id, vector in zip(ids, vectors, strict=True):
                    copy.write_row([document_id, vector])
            cursor.execute(f'INSERT INTO "{name}" SELECT id, vector FROM pairsmith_batch ON CONFLICT (id) DO UPDATE SET vector = excluded.vector')

    def list_ids(self, name: str) -> set[str]:
        """The documents a version holds."""
        return {document_id for (document_id,) in self.connection.execute(f'SELECT id FROM "{name}"')}

    def count(self, name: str) -> int:
        """How many documents a version holds."""
        return int(self.connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])

    def seal(self, name: str) -> None:
        """Build the HNSW index of a large version."""
        if self.count(name) >= HNSW_FROM:
            self.connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}_hnsw" ON "{name}" USING hnsw (vector vector_cosine_ops)')
            self.connection.execute(f"SET hnsw.ef_search = {_EF_SEARCH}")
        self.connection.execute(f'ANALYZE "{name}"')

    def switch_alias(self, name: str, expected: str | None) -> None:
        """Write the alias and its view in one transaction, while its row is locked."""
        with self.connection.transaction():
            self.connection.execute(f"LOCK TABLE {ALIASES} IN EXCLUSIVE MODE")
            check_expected(self.read_alias(), expected, self.alias)
            sql = f"INSERT INTO {ALIASES} (alias, name) VALUES (%s, %s) ON CONFLICT (alias) DO UPDATE SET name = excluded.name"
            self.connection.execute(sql, [self.alias, name])
            self.connection.execute(f'DROP VIEW IF EXISTS "{self.alias}"')
            self.connection.execute(f'CREATE VIEW "{self.alias}" AS SELECT id, vector FROM "{name}"')

    def drop(self, name: str) -> None:
        """Delete a version and its manifest. PostgreSQL itself refuses while the alias's view reads it."""
        with self.connection.transaction():
            self.connection.execute(f'DROP TABLE "{name}"')
            self.connection.execute(f"DELETE FROM {VERSIONS} WHERE alias = %s AND name = %s", [self.alias, name])

    def measure_bytes(self, name: str) -> int | None:
        """The size of the table with its indexes."""
        return int(self.connection.execute("SELECT pg_total_relation_size(%s::regclass)", [f'"{name}"']).fetchone()[0])

    @staticmethod
    def explain(error: Exception) -> str | None:
        """What an error of the client means, also where it could not be opened."""
        words = quote_error(error)
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return f"PostgreSQL does not let this user do that ({words}). Grant it the right to create in the schema."
        if isinstance(error, psycopg.OperationalError):
            if "password" in words or "authentication" in words:
                return f"PostgreSQL refused the sign-in ({words}). Put the right password into PAIRSMITH_RELEASE_KEY."
            return f"PostgreSQL did not answer ({words}). See that it runs and can be reached, then start again."
        if isinstance(error, psycopg.Error):
            return f"PostgreSQL refused a statement ({words}). Look at the log of the run, then start again."
        return None

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    def _set_up(self) -> None:
        """Make the extension and the two tables where they are missing."""
        if not self.connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone():
            raise PairsmithError("The PostgreSQL server does not have the extension pgvector. Install it there (postgresql-NN-pgvector), then start again.")
        if not self.connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
            self.connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        if not self._is_set_up():
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS {ALIASES} (alias text PRIMARY KEY, name text NOT NULL)")
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS {VERSIONS} (alias text, name text, manifest text NOT NULL, PRIMARY KEY (alias, name))")
        register_vector(self.connection)
