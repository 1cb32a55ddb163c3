"""Writing an index in Qdrant (extra `qdrant`): a folder, which one process at a time may open, or the URL of a server.

The alias is switched by one call that deletes and creates it, which Qdrant carries out as a whole.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from core.release.guard.manifest import is_version
from core.release.guard.qdrant import FIELD, METADATA, QdrantReader
from core.release.store import StoreHeld, check_expected, quote_error
from core.retrieval.vectors import Floats

_NAMESPACE = uuid.UUID("5e0b1f6a-3c52-4f0e-9d67-1c6f4bb0a9d1")
_PAGE = 10_000
_TIMEOUT_S = 60


def name_point(document_id: str) -> str:
    """The UUID of a document's point: Qdrant takes no other words."""
    return str(uuid.uuid5(_NAMESPACE, document_id))


class Qdrant(QdrantReader):
    """The versions of one alias in an embedded or served Qdrant."""

    def __init__(self, place: str, alias: str, key: str = "") -> None:
        self.place = place
        self.is_served = "://" in place
        try:
            client = QdrantClient(url=place, api_key=key or None, timeout=_TIMEOUT_S, check_compatibility=False) if self.is_served else QdrantClient(path=place)
        except RuntimeError as error:
            if "already accessed by another instance" not in str(error):
                raise
            raise StoreHeld("Qdrant folder") from error
        super().__init__(client, alias)

    def list_names(self) -> list[str]:
        """The versions there are, finished or not."""
        return sorted(item.name for item in self.client.get_collections().collections if is_version(self.alias, item.name))

    def create(self, name: str, dimension: int, manifest_text: str) -> None:
        """Make an empty version."""
        shape = models.VectorParams(size=dimension, distance=models.Distance.COSINE)
        self.client.create_collection(name, vectors_config=shape, metadata={METADATA: manifest_text})

    def put_manifest_text(self, name: str, text: str) -> None:
        """Replace a version's manifest."""
        self.client.update_collection(name, metadata={METADATA: text})

    def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
        """Write a batch; an id that is there already gets the new vector."""
        batch = models.Batch(ids=[name_point(item) for item in ids], payloads=[{FIELD: item} for item in ids], vectors=vectors.tolist())
        self.client.upsert(name, batch, wait=True)

    def list_ids(self, name: str) -> set[str]:
        """The documents a version holds."""
        found: set[str] = set()
        offset: Any = None
        while True:
            points, offset = self.client.scroll(name, limit=_PAGE, offset=offset, with_payload=True, with_vectors=False)
            found.update(point.payload[FIELD] for point in points)
            if offset is None:
                return found

    def count(self, name: str) -> int:
        """How many documents a version holds."""
        return int(self.client.count(name, exact=True).count)

    def seal(self, name: str) -> None:
        """Nothing to do: every write was waited for."""

    def switch_alias(self, name: str, expected: str | None) -> None:
        """Delete and create the alias in one call."""
        check_expected(self.read_alias(), expected, self.alias)
        create = models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=self.alias))
        delete = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self.alias))
        self.client.update_collection_aliases([delete, create] if expected else [create])

    def drop(self, name: str) -> None:
        """Delete a version."""
        self.client.delete_collection(name)

    def measure_bytes(self, name: str) -> int | None:
        """The size of the version's files, where it is embedded."""
        folder = Path(self.place) / "collection" / name
        return None if self.is_served else sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    @staticmethod
    def explain(error: Exception) -> str | None:
        """What an error of the client means, also where it could not be opened."""
        if isinstance(error, UnexpectedResponse) and error.status_code in (401, 403):
            return f"Qdrant refused the key (HTTP {error.status_code}). Put the right one into PAIRSMITH_RELEASE_KEY."
        if isinstance(error, ApiException | QdrantException):
            return f"Qdrant did not answer as it should ({quote_error(error)}). See that it runs and can be reached, then start again."
        return None

    def close(self) -> None:
        """Let go of the connection, and of the folder's lock."""
        self.client.close()
