"""A loaded model: vectors, prompts, and the cache in front of it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.model import Document, PairsmithError
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents, load_transformer
from core.retrieval.models import describe_model
from core.retrieval.search import VectorsMissing, open_corpus_vectors
from core.retrieval.vectors import open_cache
from core.store import corpus
from core.workspace import Workspace

TEXTS = ["termination of the contract", "a", "payment of interest is late " * 40, "", "insurance"]


def test_vectors_are_normalised_float32_in_the_order_of_the_texts(tiny_model: Path):
    encoder = Encoder(describe_model(str(tiny_model)))
    vectors = encoder.encode(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((5, 32), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.abs(vectors - alone).max() < 1e-5


def test_prompts_come_before_the_text(tiny_model: Path):
    record = dataclasses.replace(describe_model(str(tiny_model)), query_prompt="payment: ")
    encoder = Encoder(record)
    assert np.allclose(encoder.encode_queries(["late"]), encoder.encode(["payment: late"]), atol=1e-6)
    assert not np.allclose(encoder.encode_queries(["late"]), encoder.encode(["late"]), atol=1e-3)


def test_texts_longer_than_the_records_limit_are_cut(tiny_model: Path):
    record = dataclasses.replace(describe_model(str(tiny_model)), max_length=8)
    encoder = Encoder(record)
    assert np.allclose(encoder.encode(["payment " * 6 + "one two three"]), encoder.encode(["payment " * 6 + "four five"]), atol=1e-6)


def test_a_model_that_cannot_be_loaded_says_so(tiny_model: Path, tmp_path: Path):
    record = dataclasses.replace(describe_model(str(tiny_model)), location=str(tmp_path))
    with pytest.raises(PairsmithError, match="cannot be loaded"):
        load_transformer(record)


@pytest.mark.parametrize("content", [b"", b"not weights at all, but long enough to be read as a header"])
def test_damaged_weights_are_said_with_the_models_name(tiny_model: Path, tmp_path: Path, content: bytes):
    damaged = shutil.copytree(tiny_model, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(content)
    with pytest.raises(PairsmithError, match="The model 'damaged' cannot be loaded from"):
        load_transformer(describe_model(str(damaged)))


def test_embedding_loads_the_model_only_for_what_is_new(workspace: Workspace, small_project: str, tiny_model: Path):
    record = describe_model(str(tiny_model))
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, small_project)
    heard: list[tuple[int, int]] = []
    vectors = embed_documents(workspace, record, documents, on_progress=lambda *at: heard.append(at))
    assert (vectors.shape, heard, len(open_cache(workspace, record))) == ((24, 32), [(24, 24)], 24)
    gone = dataclasses.replace(record, location="/nowhere")
    assert np.array_equal(embed_documents(workspace, gone, documents[::-1]), vectors[::-1])
    with pytest.raises(PairsmithError, match="cannot be loaded"):
        embed_documents(workspace, gone, [*documents, Document("new", "new text")])
    assert np.allclose(embed_anchors(workspace, record, ["new text"]), Encoder(record).encode(["new text"]), atol=1e-5)


def test_the_corpus_is_searched_only_when_all_of_it_is_embedded(workspace: Workspace, small_project: str, tiny_model: Path):
    record = describe_model(str(tiny_model))
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, small_project)
    embed_documents(workspace, record, documents[:20])
    with pytest.raises(VectorsMissing, match="4 of 24 documents"):
        open_corpus_vectors(workspace, small_project, record)
    vectors = embed_documents(workspace, record, documents)
    held = open_corpus_vectors(workspace, small_project, record)
    assert list(held.ids) == [document.id for document in documents]
    assert np.array_equal(held.vectors, vectors)
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, [Document("new", "new text")])
    with pytest.raises(VectorsMissing, match="1 of 25"):
        open_corpus_vectors(workspace, small_project, record)
