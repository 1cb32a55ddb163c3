"""`reindex`: bringing 50,000 documents to a model, their vectors being cached, against the database's own client writing the same vectors in the same batches.

The time compared is that of writing until all is searchable. What safety adds (plan, probes, verification, switch, smoke query) is told beside it, and how many
documents a re-index writes that was stopped half-way before.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.model import Document
from core.release.reindex import BATCH, reindex
from core.release.store import Store
from core.release.stores import open_store
from core.release.target import StoreKind, Target
from core.release.verify import MOST_ENCODED, spread
from core.retrieval.encoder import Encoder
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.retrieval.vectors import Floats, open_cache
from core.settings import Settings
from core.store import artefacts, corpus, projects
from core.store import open_store as open_database
from core.workspace import Workspace
from tests.bench.harness import Row

DOCUMENTS = 50_000
REPEATS = 2
TARGET = 0.15


class HalfWay(Exception):
    """Stops a re-index in the middle."""


class Watch:
    """Hears a run, and stops it half-way where told so."""

    def __init__(self, stop: bool = False) -> None:
        self.stop = stop
        self.message = ""

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        self.message = message

    def report(self, step: int, total: int | None = None, message: str | None = None, figures: Mapping[str, Any] | None = None) -> None:
        if self.stop and self.message == "Writing vectors" and step >= DOCUMENTS // 2:
            raise HalfWay


def make_project(workspace: Workspace, encoder: Encoder) -> tuple[list[str], Floats]:
    """A project of short texts whose vectors, nearly all drawn at random, are in the cache: nothing is left to encode."""
    record = encoder.record
    documents = [Document(f"d{number}", f"Text {number}.") for number in range(DOCUMENTS)]
    with workspace.store.write() as conn:
        projects.add_project(conn, "bench", base_model=EMBEDDED_DEFAULT)
        corpus.put_documents(conn, "bench", documents)
        artefacts.put_model(conn, "bench", record)
    vectors = np.random.default_rng(0).normal(size=(DOCUMENTS, record.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for row in spread(DOCUMENTS, MOST_ENCODED):  # the verification encodes these anew
        vectors[row] = encoder.encode([documents[row].content])[0]
    row_of = {document.content: row for row, document in enumerate(documents)}
    open_cache(workspace, record).fill([document.content for document in documents], "", lambda texts: vectors[[row_of[text] for text in texts]])
    return [document.id for document in documents], vectors


def write_milvus(folder: Path, ids: list[str], vectors: Floats) -> None:
    """The raw client's way, the same fields and batches."""
    from pymilvus import DataType, MilvusClient

    client = MilvusClient(str(folder / "raw.db"))
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("document", DataType.VARCHAR, max_length=65_535)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    client.create_collection("raw", schema=schema, index_params=index)
    for start in range(0, len(ids), BATCH):
        rows = zip(ids[start : start + BATCH], vectors[start : start + BATCH], strict=True)
        client.upsert("raw", [{"key": f"{item:0>64}", "document": item, "vector": vector} for item, vector in rows])
    client.flush("raw")
    client.close()


def write_faiss(folder: Path, ids: list[str], vectors: Floats) -> None:
    """The raw library's way: an exact index, added to in the same batches, written to disk, the ids beside it."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    for start in range(0, len(ids), BATCH):
        index.add(vectors[start : start + BATCH])
    faiss.write_index(index, str(folder / "raw.faiss"))
    (folder / "raw.ids").write_text("\n".join(ids), encoding="utf-8")


RAW: dict[StoreKind, Callable[[Path, list[str], Floats], None]] = {StoreKind.MILVUS: write_milvus, StoreKind.FAISS: write_faiss}


def run() -> Row:
    """Milvus Lite is the row; the index of files is told in the notes."""
    record = describe_model(EMBEDDED_DEFAULT)
    encoder = Encoder(record)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        workspace = Workspace(settings, open_database(settings.url))
        ids, vectors = make_project(workspace, encoder)
        ours, theirs, whole, resumed = measure(workspace, encoder, StoreKind.MILVUS, ids, vectors)
        files, raw_files, whole_files, _ = measure(workspace, encoder, StoreKind.FAISS, ids, vectors)
        workspace.store.close()
    notes = (
        f"{DOCUMENTS:,} documents into Milvus Lite: {DOCUMENTS / ours:,.0f} a second, overhead {ours / theirs - 1:+.1%}; all steps {whole:.1f} s; "
        f"stopped half-way, the next run wrote {resumed:,}. Files: {files:.2f} s, raw FAISS {raw_files:.2f} s, all steps {whole_files:.1f} s"
    )
    return Row("reindex", ours, theirs, theirs / ours, f"≤ +{TARGET:.0%}", notes)


def measure(workspace: Workspace, encoder: Encoder, kind: StoreKind, ids: list[str], vectors: Floats) -> tuple[float, float, float, int]:
    """Median seconds of writing, ours and the raw client's in turn; those of a whole re-index; documents written after a stop half-way."""
    taken: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            store = open_place(kind, folder)
            began = time.perf_counter()
            done = reindex(workspace, "bench", encoder.record, store, Watch(), encoder=encoder)
            taken[2].append(time.perf_counter() - began)
            taken[0].append(done["seconds"])
            store.close()
            began = time.perf_counter()
            RAW[kind](Path(folder), ids, vectors)
            taken[1].append(time.perf_counter() - began)
    with tempfile.TemporaryDirectory() as folder:
        store = open_place(kind, folder)
        try:
            reindex(workspace, "bench", encoder.record, store, Watch(stop=True), encoder=encoder)
        except HalfWay:
            resumed = reindex(workspace, "bench", encoder.record, store, Watch(), encoder=encoder)["written"]
        store.close()
    return statistics.median(taken[0]), statistics.median(taken[1]), statistics.median(taken[2]), resumed


def open_place(kind: StoreKind, folder: str) -> Store:
    """An empty store of the kind."""
    return open_store(Target(kind, str(Path(folder) / "index"), "bench"), Settings())
