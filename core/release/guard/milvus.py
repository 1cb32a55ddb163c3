"""Reading an index in Milvus, or in a file of Milvus Lite. Needs pymilvus.

A version is a collection, the alias one of Milvus's own, the manifest the collection's property `pairsmith`. The primary key is the SHA-256 of the document's
id, which stands in the field `document`.
"""

from __future__ import annotations

from typing import Any

from .manifest import Floats, is_version, rank

FIELD, KEY, VECTOR, PROPERTY = "document", "key", "vector", "pairsmith"
_IS_LOADED = 3
"""`pymilvus.client.types.LoadState.Loaded`."""


class MilvusReader:
    """The versions of an alias, by a `MilvusClient` of the application's own."""

    def __init__(self, client: Any, alias: str) -> None:
        self.client = client
        self.alias = alias
        self._loaded: set[str] = set()

    def read_alias(self) -> str | None:
        """The live version's name, or None. Asked of every version: a question for an alias that is not there is an error in the client's log."""
        for name in self._names():
            if self.alias in self.client.list_aliases(name)["aliases"]:
                return name
        return None

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version, or None where there is no such version, or it has none."""
        if not self.client.has_collection(name):
            return None
        found: str | None = (self.client.describe_collection(name).get("properties") or {}).get(PROPERTY)
        return found

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query (q, d) the k documents of highest cosine, best first, ties by id ascending."""
        if not len(queries):
            return []
        self.load(name)
        answers = self.client.search(name, data=queries.tolist(), limit=k, output_fields=[FIELD])
        return [rank([hit["entity"][FIELD] for hit in hits], [hit["distance"] for hit in hits], k) for hits in answers]

    def load(self, name: str) -> None:
        """Have a version in memory: a file that was opened anew holds none there. Asked first, as on a server only those may load who have the right to."""
        if name not in self._loaded:
            if self.client.get_load_state(name)["state"] != _IS_LOADED:
                self.client.load_collection(name)
            self._loaded.add(name)

    def _names(self) -> list[str]:
        return sorted(name for name in self.client.list_collections() if is_version(self.alias, name))
