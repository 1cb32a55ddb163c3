"""The vector databases, one module each; a database's client is imported only where its store is opened."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from core.model import PairsmithError
from core.release.store import Store, StoreFailed, StoreHeld, explaining
from core.release.target import StoreKind, Target
from core.settings import Settings

_STORES = {
    StoreKind.FAISS: ("core.release.stores.faiss_files:FaissFiles", "", ""),
    StoreKind.QDRANT: ("core.release.stores.qdrant:Qdrant", "qdrant_client", "qdrant"),
    StoreKind.PGVECTOR: ("core.release.stores.pgvector:Pgvector", "pgvector", "pgvector"),
    StoreKind.WEAVIATE: ("core.release.stores.weaviate:Weaviate", "weaviate", "weaviate"),
    StoreKind.PINECONE: ("core.release.stores.pinecone:Pinecone", "pinecone", "pinecone"),
    StoreKind.MILVUS: ("core.release.stores.milvus:Milvus", "pymilvus", "milvus"),
}
"""By kind: the store's class, the client it needs, and the extra that brings it."""
HELD_WAIT_S, POLL_S = 10.0, 0.5
"""How long an embedded database is waited for that another process has open: a page that looks at it lets it go again."""


def open_store(target: Target, settings: Settings) -> Store:
    """Connect to a target's database. Raises `StoreFailed` where its client is missing, or the database is held by another or does not answer."""
    path, client, extra = _STORES[target.kind]
    if client and find_spec(client) is None:
        raise StoreFailed(f"The client of {target.kind} is not installed. `pip install 'pairsmith[{extra}]'` brings it.")
    module, _, name = path.partition(":")
    found = getattr(importlib.import_module(module), name)
    if target.kind == StoreKind.FAISS:
        return found(target.place, target.alias)  # type: ignore[no-any-return]
    deadline = time.monotonic() + HELD_WAIT_S
    while True:
        try:
            return found(target.place, target.alias, settings.release_key.get_secret_value())  # type: ignore[no-any-return]
        except StoreHeld:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_S)
        except PairsmithError:
            raise
        except Exception as error:
            words = found.explain(error)
            raise StoreFailed(f"{words or error} Nothing that is live was changed.") from error


@contextmanager
def opened(target: Target, settings: Settings) -> Iterator[Store]:
    """A store for the length of a block, its client's errors explained."""
    store = open_store(target, settings)
    try:
        with explaining(store):
            yield store
    finally:
        store.close()
