"""The guard as an application uses it: its package in a folder, a process of its own with numpy and the store's client, Pairsmith nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.model import ModelRecord, PairsmithError
from core.release.live import roll_back
from core.release.probes import TEXTS, encode_with
from core.release.store import Store
from core.release.take_guard import PACKAGE, write_guard
from core.release.target import StoreKind
from core.retrieval.encoder import Encoder
from tests.unit.release.conftest import CLIENTS, EMBEDDED, open_again, pgvector_port, pgvector_url

__all__ = ["open_again", "pgvector_port", "pgvector_url"]

pytestmark = pytest.mark.slow
QUESTION = "What does the contract say on insurance?"
READERS = {
    StoreKind.FAISS: "from pairsmith_guard import FilesReader\nreader = FilesReader(place, 'clauses')",
    StoreKind.QDRANT: (
        "from qdrant_client import QdrantClient\nfrom pairsmith_guard.qdrant import QdrantReader\nreader = QdrantReader(QdrantClient(path=place), 'clauses')"
    ),
    StoreKind.MILVUS: (
        "from pymilvus import MilvusClient\nfrom pairsmith_guard.milvus import MilvusReader\nreader = MilvusReader(MilvusClient(place + '.db'), 'clauses')"
    ),
    StoreKind.PGVECTOR: (
        "import psycopg\nfrom pairsmith_guard.pgvector import PgvectorReader\nreader = PgvectorReader(psycopg.connect(place, autocommit=True), 'clauses')"
    ),
}
APPLICATION = """
import json, sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("core", "pages", "torch", "sentence_transformers", "transformers"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nowhere())
place, vectors, fingerprint = sys.argv[1], json.load(open(sys.argv[2])), sys.argv[3]
import numpy as np
from pairsmith_guard import GuardedIndex, IndexRefused
{reader}

def encode(texts, role):
    return np.array([vectors[role + text] for text in texts], dtype=np.float32)

try:
    index = GuardedIndex(reader, encode, fingerprint)
    print(json.dumps([index.manifest.name, index.search([{question!r}], 3)[0]]))
except IndexRefused as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.parametrize("kind", EMBEDDED)
def test_it_answers_its_own_model_and_refuses_every_other(
    open_again: Callable[[StoreKind], Store], bring: Callable[..., dict[str, Any]], old: ModelRecord, new: ModelRecord, kind: StoreKind, tmp_path: Path
) -> None:
    if kind in CLIENTS:
        pytest.importorskip(CLIENTS[kind])
    store = open_again(kind)
    place = getattr(store, "connection", None) and f"postgresql://tester@127.0.0.1:{store.connection.info.port}/{store.connection.info.dbname}"  # type: ignore[attr-defined]
    place = place or str(tmp_path / kind)
    application = tmp_path / "application"
    write_guard(application)
    (application / "main.py").write_text(APPLICATION.format(reader=READERS[kind], question=QUESTION), encoding="utf-8")

    def run(record: ModelRecord, fingerprint: str = "") -> Any:
        """Start the application with the vectors of a model, and read what it prints. The database must be closed: some let one process in."""
        store.close()
        encode = encode_with(Encoder(record))
        texts = [*TEXTS, ("query", QUESTION)]
        vectors = {role + text: encode([text], role)[0].tolist() for role, text in texts}
        (application / "vectors.json").write_text(json.dumps(vectors), encoding="utf-8")
        command = [sys.executable, "main.py", place, "vectors.json", fingerprint or record.id]
        done = subprocess.run(command, cwd=application, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def read(told: Any) -> tuple[str, list[float]]:
        """The version and the scores; which of two documents of one score comes is the database's choice."""
        return told[0], [score for _, score in told[1]]

    first = bring(old, store)
    own = [score for _, score in store.search(first["version"], Encoder(old).encode_queries([QUESTION]), 3)[0]]
    assert read(run(old)) == (first["version"], pytest.approx(own, abs=1e-5))
    assert "cannot be compared, though both have 32 numbers" in run(new)
    assert "A probe text" in run(new, old.id)
    store = open_again(kind)
    second = bring(new, store)
    assert run(new)[0] == second["version"]
    assert "cannot be compared" in run(old)
    store = open_again(kind)
    roll_back(store)
    assert read(run(old)) == (first["version"], pytest.approx(own, abs=1e-5))


def test_what_is_written_imports_nothing_of_pairsmith(tmp_path: Path) -> None:
    written = write_guard(tmp_path)
    sources = {path.name: path.read_text(encoding="utf-8") for path in written.iterdir()}
    assert set(sources) == {
        f"{name}.py" for name in ("__init__", "files", "fingerprint", "manifest", "milvus", "onnx", "pgvector", "pinecone", "qdrant", "weaviate")
    }
    assert [name for name, text in sources.items() if "core." in text or "import core" in text] == []
    assert written.name == PACKAGE
    with pytest.raises(PairsmithError, match="exists already"):
        write_guard(tmp_path)
