"""Reading an index in Weaviate (server 1.32 or later, for its aliases). Needs weaviate-client.

A version is a collection, the alias one of Weaviate's own; both begin with a capital there. The collection `PairsmithManifests` holds the manifests. Objects
are named by UUIDs made of the document's id, which stands in the property `document`.
"""

from __future__ import annotations

import uuid
from typing import Any

from .manifest import Floats, rank

FIELD, MANIFESTS, VERSION, TEXT = "document", "PairsmithManifests", "version", "manifest"
_NAMESPACE = uuid.UUID("8f6f3a0e-0c3a-4a3e-8a3c-2f0f5f1f7f52")


class WeaviateReader:
    """The versions of an alias, by a connected weaviate client of the application's own."""

    def __init__(self, client: Any, alias: str) -> None:
        self.client = client
        self.alias = alias

    def read_alias(self) -> str | None:
        """The live version's name, or None."""
        found = self.client.alias.get(alias_name=to_class(self.alias))
        return None if found is None else to_name(found.collection)

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version, or None where there is no such version, or it has none."""
        if not self.client.collections.exists(to_class(name)) or not self.client.collections.exists(MANIFESTS):
            return None
        found = self.client.collections.get(MANIFESTS).query.fetch_object_by_id(name_object(name))
        return None if found is None else str(found.properties[TEXT])

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query (q, d) the k documents of highest cosine, best first, ties by id ascending."""
        query = self.client.collections.get(to_class(name)).query
        found = []
        for vector in queries:
            hits = query.near_vector(near_vector=vector.tolist(), limit=k, return_metadata=["distance"], return_properties=[FIELD]).objects
            found.append(rank([hit.properties[FIELD] for hit in hits], [1.0 - hit.metadata.distance for hit in hits], k))
        return found


def to_class(name: str) -> str:
    """A name as Weaviate wants it, with a capital first."""
    return name[0].upper() + name[1:]


def to_name(name: str) -> str:
    """The name as it is elsewhere."""
    return name[0].lower() + name[1:]


def name_object(key: str) -> str:
    """The UUID of a document, or of a version's manifest."""
    return str(uuid.uuid5(_NAMESPACE, key))
