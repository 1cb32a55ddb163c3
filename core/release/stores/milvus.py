"""Writing an index in Milvus (extra `milvus`): a file of Milvus Lite, which one process holds, or the URL of a server.

The alias is switched by `alter_alias`. Milvus Lite would drop a collection that an alias points at without a word; `core.release.live` refuses that.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import ConnectionConfigException, MilvusException

from core.model import PairsmithError
from core.release.guard.milvus import FIELD, KEY, PROPERTY, VECTOR, MilvusReader
from core.release.store import SizeUnknown, StoreFailed, StoreHeld, check_expected, quote_error
from core.retrieval.vectors import Floats

_PAGE = 10_000
_LONGEST_ID = 65_535
_TIMEOUT_S = 60.0
REFUSED = ("auth", "token", "permission", "password")


class _OpeningLog(logging.Filter):
    """Why a file of Milvus Lite could not be opened: the client says it to its log alone. One that another process holds is told by `StoreHeld` instead."""

    cause: BaseException | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        self.cause = record.exc_info[1] if record.exc_info else None
        return not self.says_held()

    def says_held(self) -> bool:
        from milvus_lite.exceptions import DataDirLockedError

        return isinstance(self.cause, DataDirLockedError)


_OPENING = _OpeningLog()
logging.getLogger("milvus_lite.server_manager").addFilter(_OPENING)


class _Files:
    """The files of Milvus Lite that this process has open. Closing a client leaves its file locked until the process ends, a web server's for days: here the
    last client lets the file go, so that a worker can have it.
    """

    def __init__(self) -> None:
        self._users: Counter[str] = Counter()
        self._lock = Lock()

    def open(self, path: str) -> MilvusClient:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            _OPENING.cause = None
            try:
                client = MilvusClient(path)
            except ConnectionConfigException as error:
                if _OPENING.cause and _OPENING.says_held():
                    raise StoreHeld("Milvus file") from error
                raise StoreFailed(
                    f"The Milvus file {path} cannot be opened ({quote_error(_OPENING.cause or error.message)}). See that it is whole, that this user may write "
                    "there, that the disk has room, and that `pip install 'pairsmith[milvus]'` was run. Nothing that is live was changed."
                ) from error
            self._users[path] += 1
        return client

    def close(self, path: str, client: MilvusClient) -> None:
        from milvus_lite.server_manager import server_manager_instance

        with self._lock:
            client.close()
            self._users[path] -= 1
            if not self._users[path]:
                server_manager_instance.release_server(path)


_FILES = _Files()


class Milvus(MilvusReader, SizeUnknown):
    """The versions of one alias in a Milvus Lite file or a server."""

    def __init__(self, place: str, alias: str, key: str = "") -> None:
        self.place = place
        self.is_served = "://" in place
        client = MilvusClient(place, token=key, timeout=_TIMEOUT_S) if self.is_served else _FILES.open(_name_file(place))
        super().__init__(client, alias)
        self._is_open = True

    def list_names(self) -> list[str]:
        """The versions there are, finished or not."""
        return self._names()

    def create(self, name: str, dimension: int, manifest_text: str) -> None:
        """Make an empty version, searched exactly in Lite and by the server's own choice of index on a server."""
        schema = self.client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(KEY, DataType.VARCHAR, is_primary=True, max_length=64)
        schema.add_field(FIELD, DataType.VARCHAR, max_length=_LONGEST_ID)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimension)
        index = self.client.prepare_index_params()
        index.add_index(VECTOR, index_type="AUTOINDEX" if self.is_served else "FLAT", metric_type="COSINE")
        self.client.create_collection(name, schema=schema, index_params=index, properties={PROPERTY: manifest_text}, consistency_level="Strong")

    def put_manifest_text(self, name: str, text: str) -> None:
        """Replace a version's manifest."""
        self.client.alter_collection_properties(name, properties={PROPERTY: text})

    def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
        """Write a batch; an id that is there already gets the new vector."""
        longest = max(ids, key=lambda item: len(item.encode()))
        if len(longest.encode()) > _LONGEST_ID:
            raise PairsmithError(f"The document id {longest[:60]!r}… is longer than Milvus takes ({_LONGEST_ID:,} bytes). Give it a shorter id.")
        rows = [{KEY: name_row(item), FIELD: item, VECTOR: vector} for item, vector in zip(ids, vectors, strict=True)]
        self.client.upsert(name, rows)

    def list_ids(self, name: str) -> set[str]:
        """The documents a version holds."""
        found: set[str] = set()
        self.load(name)
        pages = self.client.query_iterator(name, batch_size=_PAGE, output_fields=[FIELD])
        try:
            while page := pages.next():
                found.update(row[FIELD] for row in page)
        finally:
            pages.close()
        return found

    def count(self, name: str) -> int:
        """How many documents a version holds."""
        self.load(name)
        return int(self.client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"])

    def seal(self, name: str) -> None:
        """Have all of it on disk."""
        self.client.flush(name)

    def switch_alias(self, name: str, expected: str | None) -> None:
        """Create the alias, or alter it."""
        check_expected(self.read_alias(), expected, self.alias)
        (self.client.alter_alias if expected else self.client.create_alias)(name, self.alias)

    def drop(self, name: str) -> None:
        """Delete a version."""
        self.client.drop_collection(name)

    @staticmethod
    def explain(error: Exception) -> str | None:
        """What an error of the client means, also where it could not be opened."""
        if isinstance(error, MilvusException):
            words = quote_error(error.message or error)
            if any(word in words.lower() for word in REFUSED):
                return f"Milvus refused the key ({words}). Put the right one (user:password, or a token) into PAIRSMITH_RELEASE_KEY."
            return f"Milvus did not answer as it should ({words}). See that it runs and can be reached, then start again."
        return None

    def close(self) -> None:
        """Let go of the connection, and of the file, once."""
        if not self._is_open:
            return
        self._is_open = False
        if self.is_served:
            self.client.close()
        else:
            _FILES.close(_name_file(self.place), self.client)


def _name_file(place: str) -> str:
    return place if place.endswith(".db") else f"{place}.db"


def name_row(document_id: str) -> str:
    """The primary key of a document."""
    return hashlib.sha256(document_id.encode()).hexdigest()
