"""Reading an index in Qdrant, embedded or a server. Needs qdrant-client.

A version is a collection, the alias one of Qdrant's own, the manifest the collection's metadata (`pairsmith`). Points are named by UUIDs made of the
document's id, which stands in the payload (`document`).
"""

from __future__ import annotations

from typing import Any

from .manifest import Floats, rank

FIELD, METADATA = "document", "pairsmith"


class QdrantReader:
    """The versions of an alias, by a `QdrantClient` of the application's own."""

    def __init__(self, client: Any, alias: str) -> None:
        self.client = client
        self.alias = alias

    def read_alias(self) -> str | None:
        """The live version's name, or None."""
        found = [item.collection_name for item in self.client.get_aliases().aliases if item.alias_name == self.alias]
        return found[0] if found else None

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version, or None where there is no such version, or it has none."""
        if not self.client.collection_exists(name):
            return None
        return (self.client.get_collection(name).config.metadata or {}).get(METADATA)

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query (q, d) the k documents of highest cosine, best first, ties by id ascending."""
        found = []
        for query in queries:
            points = self.client.query_points(name, query=query.tolist(), limit=k, with_payload=True).points
            found.append(rank([point.payload[FIELD] for point in points], [point.score for point in points], k))
        return found
