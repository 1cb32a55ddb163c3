"""Writing an index in Pinecone (extra `pinecone`): versions are namespaces of one Pinecone index of metric cosine, made beforehand; `place` is its host.

Pinecone has no aliases: the pointer is one record, replaced by one write. What is written is seen a moment later, so sealing waits until the count has come up.
Run against a server double only, never against the service.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator, Sequence

from pinecone import Pinecone as Client
from pinecone.errors import ForbiddenError, PineconeError, UnauthorizedError

from core.model import PairsmithError
from core.release.guard.manifest import is_version
from core.release.guard.pinecone import CONTROL, FIELD, PineconeReader, name_alias, name_piece
from core.release.store import SizeUnknown, StoreFailed, check_expected, quote_error
from core.retrieval.vectors import Floats

_PIECE = 30_000
"""Bytes of a manifest in one record: metadata may have 40 KB."""
_REQUEST_BYTES = 1_500_000
"""A write may have 2 MB, and a thousand records."""
_FLOAT_BYTES, _RECORD_BYTES = 24, 2_000
_FETCH = 100
WAIT_S, POLL_S = 120.0, 1.0


class Pinecone(PineconeReader, SizeUnknown):
    """The versions of one alias in a Pinecone index. Parameters: `place`, the index's host; `key`, the API key."""

    def __init__(self, place: str, alias: str, key: str = "") -> None:
        self._client = Client(api_key=key or "none")
        super().__init__(self._client.Index(host=place), alias)
        try:
            self._dimension = int(self.index.describe_index_stats().dimension or 0)
        except BaseException:
            self.close()
            raise
        self._last: dict[str, list[str]] = {}
        """By version the records written last: once they are seen, so is what came before."""

    def list_names(self) -> list[str]:
        """The versions there are, finished or not: those that have a manifest."""
        ids = [item for page in self._list(CONTROL, "manifest:") for item in page]
        return sorted({name for name in (item.split(":")[1] for item in ids) if is_version(self.alias, name)})

    def create(self, name: str, dimension: int, manifest_text: str) -> None:
        """Begin an empty version. Refuses a dimension that the Pinecone index was not made for."""
        if dimension != self._dimension:
            raise PairsmithError(
                f"The Pinecone index takes vectors of {self._dimension} numbers, this model makes {dimension}. "
                "Make an index of that dimension and metric cosine, and set the target to its host."
            )
        self.put_manifest_text(name, manifest_text)

    def put_manifest_text(self, name: str, text: str) -> None:
        """Replace a version's manifest; its pieces carry the same mark, so that half of an old one is never taken for a new one."""
        pieces = _cut(text)
        mark = uuid.uuid4().hex
        values = [{"text": piece, "number": number, "pieces": len(pieces), "writing": mark} for number, piece in enumerate(pieces)]
        for number, metadata in reversed(list(enumerate(values))):
            self.index.upsert(vectors=[self._record(name_piece(name, number), metadata)], namespace=CONTROL)

    def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
        """Write a batch in requests that Pinecone takes; an id that is there already gets the new vector."""
        size = max(1, min(1_000, _REQUEST_BYTES // (vectors.shape[1] * _FLOAT_BYTES + _RECORD_BYTES)))
        for start in range(0, len(ids), size):
            rows = zip(ids[start : start + size], vectors[start : start + size].tolist(), strict=True)
            self.index.upsert(vectors=[{"id": name_record(item), "values": vector, "metadata": {FIELD: item}} for item, vector in rows], namespace=name)
        self._last[name] = [name_record(item) for item in ids[-_FETCH:]]

    def list_ids(self, name: str) -> set[str]:
        """The documents a version holds."""
        return {str(found[FIELD]) for page in self._list(name) for found in self._fetch(page, name)}

    def count(self, name: str) -> int:
        """How many documents a version holds, as far as Pinecone has come."""
        found = self.index.describe_index_stats().namespaces.get(name)
        return int(found.vector_count) if found else 0

    def seal(self, name: str) -> None:
        """Wait until what was written last can be read and the count rests."""
        wanted, counts = self._last.pop(name, []), [-1]
        deadline = time.monotonic() + WAIT_S
        while True:
            if not wanted or len(self._fetch(wanted, name)) == len(wanted):
                counts.append(self.count(name))
                if counts[-1] == counts[-2]:
                    return
            if time.monotonic() > deadline:
                raise StoreFailed(f"Pinecone does not show all that was written after {WAIT_S:.0f} s. Start again in a while.")
            time.sleep(POLL_S)

    def switch_alias(self, name: str, expected: str | None) -> None:
        """Replace the pointer."""
        check_expected(self.read_alias(), expected, self.alias)
        self.index.upsert(vectors=[self._record(name_alias(self.alias), {"name": name})], namespace=CONTROL)
        deadline = time.monotonic() + WAIT_S
        while self.read_alias() != name and time.monotonic() < deadline:
            time.sleep(POLL_S)

    def drop(self, name: str) -> None:
        """Delete a version's records, then its manifest."""
        if self.count(name):
            self.index.delete(delete_all=True, namespace=name)
        pieces = [item for page in self._list(CONTROL, f"manifest:{name}:") for item in page]
        self.index.delete(ids=pieces, namespace=CONTROL)

    @staticmethod
    def explain(error: Exception) -> str | None:
        """What an error of the client means, also where it could not be opened."""
        if isinstance(error, UnauthorizedError | ForbiddenError):
            return "Pinecone refused the API key. Put the right one into PAIRSMITH_RELEASE_KEY."
        if isinstance(error, PineconeError):
            return f"Pinecone did not answer as it should ({quote_error(error)}). See that the index's host is right and can be reached, then start again."
        return None

    def close(self) -> None:
        """Let go of the connection."""
        self.index.close()
        self._client.close()

    def _list(self, namespace: str, prefix: str | None = None) -> Iterator[list[str]]:
        for page in self.index.list(prefix=prefix, limit=_FETCH, namespace=namespace):
            yield [str(item.id) for item in page.vectors]

    def _record(self, record_id: str, metadata: dict[str, object]) -> dict[str, object]:
        """A record that is kept for its metadata alone; Pinecone refuses a vector of zeros."""
        return {"id": record_id, "values": [1.0] + [0.0] * (self._dimension - 1), "metadata": metadata}


def name_record(document_id: str) -> str:
    """The id of a document's record: Pinecone takes 512 ASCII characters at most."""
    return hashlib.sha256(document_id.encode()).hexdigest()


def _cut(text: str) -> list[str]:
    """The text in pieces of at most `_PIECE` bytes."""
    longest = max(len(char.encode()) for char in text)
    size = _PIECE // longest
    return [text[start : start + size] for start in range(0, len(text), size)]
