"""Reading an index in Pinecone. Needs the client pinecone.

A version is a namespace of one Pinecone index. The namespace `pairsmith` holds what Pinecone has no place for: a record that names the live version, and the
manifests, cut into pieces since metadata is limited. Records are named by the SHA-256 of the document's id, which stands in their metadata (`document`).
"""

from __future__ import annotations

from typing import Any

from .manifest import Floats, rank

FIELD, CONTROL = "document", "pairsmith"


class PineconeReader:
    """The versions of an alias, by a `pinecone` index of the application's own (`Pinecone(...).Index(host=...)`)."""

    def __init__(self, index: Any, alias: str) -> None:
        self.index = index
        self.alias = alias

    def read_alias(self) -> str | None:
        """The live version's name, or None."""
        found = self._fetch([name_alias(self.alias)], CONTROL)
        return str(found[0]["name"]) if found else None

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version, or None where there is no such version, or a piece of it is missing."""
        first = self._fetch([name_piece(name, 0)], CONTROL)
        if not first:
            return None
        pieces = self._fetch([name_piece(name, number) for number in range(int(first[0]["pieces"]))], CONTROL)
        whole = sorted((piece for piece in pieces if piece["writing"] == first[0]["writing"]), key=lambda piece: int(piece["number"]))
        return "".join(piece["text"] for piece in whole) if len(whole) == int(first[0]["pieces"]) else None

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query (q, d) the k documents of highest cosine, best first, ties by id ascending."""
        found = []
        for query in queries:
            matches = self.index.query(vector=query.tolist(), top_k=k, namespace=name, include_metadata=True).matches
            found.append(rank([match.metadata[FIELD] for match in matches], [match.score for match in matches], k))
        return found

    def _fetch(self, ids: list[str], namespace: str) -> list[dict[str, Any]]:
        """The metadata of the records that are there, in the order asked for."""
        vectors = self.index.fetch(ids=ids, namespace=namespace).vectors
        return [dict(vectors[item].metadata or {}) for item in ids if item in vectors]


def name_alias(alias: str) -> str:
    """The record that names an alias's live version."""
    return f"alias:{alias}"


def name_piece(name: str, number: int) -> str:
    """The record that holds a piece of a version's manifest."""
    return f"manifest:{name}:{number}"
