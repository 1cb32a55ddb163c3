"""Writing an index in Weaviate (extra `weaviate`): `place` is the URL of a server 1.32 or later, with `?grpc=PORT` where gRPC is not on 50051.

The alias is switched by Weaviate's own update. Run against a server double only, never against a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import grpc
import weaviate
from weaviate.classes.config import Configure, DataType, Property, VectorDistances
from weaviate.classes.data import DataObject
from weaviate.classes.init import Auth
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateBaseError, WeaviateInsertManyAllFailedError

from core.release.guard.manifest import is_version
from core.release.guard.weaviate import FIELD, MANIFESTS, TEXT, VERSION, WeaviateReader, name_object, to_class
from core.release.store import SizeUnknown, StoreFailed, check_expected, quote_error
from core.retrieval.vectors import Floats

_GRPC_PORT = 50_051


class Weaviate(WeaviateReader, SizeUnknown):
    """The versions of one alias in a Weaviate server. Parameters: `place`, its URL; `key`, an API key, or nothing where it asks for none."""

    def __init__(self, place: str, alias: str, key: str = "") -> None:
        url = urlsplit(place)
        is_secure = url.scheme == "https"
        client = weaviate.connect_to_custom(
            http_host=url.hostname or "localhost",
            http_port=url.port or (443 if is_secure else 8080),
            http_secure=is_secure,
            grpc_host=url.hostname or "localhost",
            grpc_port=int(parse_qs(url.query).get("grpc", [str(_GRPC_PORT)])[0]),
            grpc_secure=is_secure,
            auth_credentials=Auth.api_key(key) if key else None,
        )
        super().__init__(client, alias)

    def list_names(self) -> list[str]:
        """The versions there are, finished or not: those that have a manifest."""
        if not self.client.collections.exists(MANIFESTS):
            return []
        names = (str(item.properties[VERSION]) for item in self.client.collections.get(MANIFESTS).iterator(return_properties=[VERSION]))
        return sorted(name for name in names if is_version(self.alias, name))

    def create(self, name: str, dimension: int, manifest_text: str) -> None:
        """Make an empty version. The dimension is that of the first vector."""
        self._make(MANIFESTS, [VERSION, TEXT])
        self._make(to_class(name), [FIELD])
        self.put_manifest_text(name, manifest_text)

    def put_manifest_text(self, name: str, text: str) -> None:
        """Replace a version's manifest."""
        self._insert(MANIFESTS, [DataObject(properties={VERSION: name, TEXT: text}, uuid=name_object(name), vector=[1.0])])

    def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
        """Write a batch; an id that is there already gets the new vector."""
        objects = [DataObject(properties={FIELD: item}, uuid=name_object(item), vector=vector) for item, vector in zip(ids, vectors.tolist(), strict=True)]
        self._insert(to_class(name), objects)

    def list_ids(self, name: str) -> set[str]:
        """The documents a version holds."""
        return {str(item.properties[FIELD]) for item in self.client.collections.get(to_class(name)).iterator(return_properties=[FIELD])}

    def count(self, name: str) -> int:
        """How many documents a version holds."""
        return int(self.client.collections.get(to_class(name)).aggregate.over_all(total_count=True).total_count or 0)

    def seal(self, name: str) -> None:
        """Nothing to do: every write was answered."""

    def switch_alias(self, name: str, expected: str | None) -> None:
        """Create the alias, or update it."""
        check_expected(self.read_alias(), expected, self.alias)
        if expected is None:
            self.client.alias.create(alias_name=to_class(self.alias), target_collection=to_class(name))
        elif not self.client.alias.update(alias_name=to_class(self.alias), new_target_collection=to_class(name)):
            raise StoreFailed(f"Weaviate did not find the alias {to_class(self.alias)} any more. Look at the status, then start again.")

    def drop(self, name: str) -> None:
        """Delete a version, then its manifest."""
        self.client.collections.delete(to_class(name))
        self.client.collections.get(MANIFESTS).data.delete_by_id(name_object(name))

    @staticmethod
    def explain(error: Exception) -> str | None:
        """What an error of the client means, also where it could not be opened."""
        words = quote_error(error)
        refused = isinstance(error, UnexpectedStatusCodeError) and error.status_code in (401, 403)
        if refused or "UNAUTHENTICATED" in words or "401" in words:
            return "Weaviate refused the key. Put the right one into PAIRSMITH_RELEASE_KEY."
        if isinstance(error, WeaviateBaseError | grpc.RpcError):
            return f"Weaviate did not answer as it should ({words}). See that it runs, with gRPC, and can be reached, then start again."
        return None

    def close(self) -> None:
        """Let go of the connection."""
        self.client.close()

    def _make(self, collection: str, fields: list[str]) -> None:
        if not self.client.collections.exists(collection):
            index = Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE)
            properties = [Property(name=field, data_type=DataType.TEXT, index_searchable=False, index_filterable=False) for field in fields]
            self.client.collections.create(collection, properties=properties, vector_config=Configure.Vectors.self_provided(vector_index_config=index))

    def _insert(self, collection: str, objects: list[DataObject]) -> None:
        try:
            done = self.client.collections.get(collection).data.insert_many(objects)
        except WeaviateInsertManyAllFailedError as error:
            raise StoreFailed(f"Weaviate refused all of {len(objects):,} objects ({quote_error(error)}). Start again.") from error
        if done.has_errors:
            first = next(iter(done.errors.values()))
            raise StoreFailed(f"Weaviate refused {len(done.errors):,} of {len(objects):,} objects ({quote_error(first.message)}). Start again.")
