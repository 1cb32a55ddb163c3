"""Reading an index in PostgreSQL with the extension pgvector. Needs psycopg 3.

A version is a table `(id text, vector vector(d))`. `pairsmith_aliases` says which is live, `pairsmith_versions` holds the manifests, and a view named as the
alias shows the live table to those who write SQL.
"""

from __future__ import annotations

from typing import Any

from .manifest import Floats, rank

ALIASES, VERSIONS = "pairsmith_aliases", "pairsmith_versions"


class PgvectorReader:
    """The versions of an alias, by a psycopg connection of the application's own, in autocommit mode."""

    def __init__(self, connection: Any, alias: str) -> None:
        self.connection = connection
        self.alias = alias

    def read_alias(self) -> str | None:
        """The live version's name, or None."""
        if not self._is_set_up():
            return None
        found = self.connection.execute(f"SELECT name FROM {ALIASES} WHERE alias = %s", [self.alias]).fetchone()
        return found[0] if found else None

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version, or None where there is no such version, or it has none."""
        if not self._is_set_up():
            return None
        found = self.connection.execute(f"SELECT manifest FROM {VERSIONS} WHERE alias = %s AND name = %s", [self.alias, name]).fetchone()
        return found[0] if found else None

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query (q, d) the k documents of highest cosine, best first, ties by id ascending. `name` is a version's, never a user's words."""
        found = []
        for query in queries:
            vector = "[" + ",".join(map(repr, query.tolist())) + "]"
            sql = f'SELECT id, 1 - (vector <=> %s::vector) FROM "{name}" ORDER BY vector <=> %s::vector LIMIT %s'
            rows = self.connection.execute(sql, [vector, vector, k]).fetchall()
            found.append(rank([row[0] for row in rows], [row[1] for row in rows], k))
        return found

    def _is_set_up(self) -> bool:
        return bool(self.connection.execute("SELECT to_regclass(%s) IS NOT NULL", [VERSIONS]).fetchone()[0])
