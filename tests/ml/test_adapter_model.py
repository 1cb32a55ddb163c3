"""A query-side adapter as a model of its own: fitted by a run, loaded by plain sentence-transformers, documents left as the base has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from core.evaluation.evaluate import evaluate_system
from core.model import ModelKind
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents, load_transformer
from core.retrieval.models import describe_model
from core.retrieval.search import open_corpus_vectors
from core.retrieval.vectors import key_text, open_cache
from core.store import artefacts, corpus
from core.tuning.adapter import apply_adapter
from core.tuning.adapter_run import build_model
from core.tuning.config import TuneConfig, estimate_run
from core.tuning.tune_run import run_tuning
from core.workspace import Workspace
from tests.ml.test_tune_run import Ear

pytestmark = pytest.mark.slow


@pytest.fixture
def fitted(workspace: Workspace, small_project: str) -> dict:
    """The result of a run that fitted an adapter to the small project."""
    return run_tuning(workspace, small_project, "run1", TuneConfig(method="adapter").to_json(), Ear())


def test_plain_sentence_transformers_encodes_queries_through_the_matrix_and_documents_unchanged(tiny_model: Path, tmp_path: Path):
    base = describe_model(str(tiny_model))
    rng = np.random.default_rng(0)
    weights = (np.eye(base.dimension) + rng.normal(0, 0.2, (base.dimension, base.dimension))).astype(np.float32)
    build_model(base, weights).save_pretrained(str(tmp_path / "model"), create_model_card=False)
    texts = ["termination for convenience", "audit of the books"]
    start, plain = load_transformer(base), SentenceTransformer(str(tmp_path / "model"), device="cpu")
    vectors = start.encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(plain.encode_document(texts), vectors, atol=1e-6)
    np.testing.assert_allclose(plain.encode(texts), vectors, atol=1e-6)
    np.testing.assert_allclose(plain.encode_query(texts), apply_adapter(weights, vectors), atol=1e-6)


def test_a_run_leaves_an_adapter_with_its_verdict_and_the_bases_document_vectors(workspace: Workspace, small_project: str, fitted: dict):
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, small_project, fitted["model_id"])
        base = artefacts.get_model(conn, small_project, fitted["base_id"])
        documents = corpus.read_documents(conn, small_project)
    assert record.kind is ModelKind.ADAPTER
    assert record.base_id == base.id
    assert record.name.startswith(f"{base.name} adapter ")
    assert fitted["test"]["tuned"]["n"] == fitted["test"]["base"]["n"] > 0
    assert fitted["adapter"]["step"] == 0 or fitted["adapter"]["moved"] > 0
    np.testing.assert_array_equal(embed_documents(workspace, record, documents), embed_documents(workspace, base, documents))
    assert open_corpus_vectors(workspace, small_project, record).ids == [document.id for document in documents]
    assert not any(open_cache(workspace, record).has([key_text(document.content) for document in documents]))  # queries alone


def test_a_text_that_is_query_and_document_has_a_vector_for_each(workspace: Workspace, small_project: str, fitted: dict):
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, small_project, fitted["model_id"])
        base = artefacts.get_model(conn, small_project, fitted["base_id"])
        document = corpus.read_documents(conn, small_project)[0]
    matrix = np.eye(record.dimension, dtype=np.float32)
    matrix[0] = 0  # far from the identity, so that the sides differ for certain
    encoder = Encoder(record, build_model(base, matrix))
    query = embed_anchors(workspace, record, [document.content], encoder=encoder)
    as_document = embed_documents(workspace, record, [document])
    np.testing.assert_allclose(encoder.encode([document.content]), as_document, atol=1e-6)
    np.testing.assert_allclose(encoder.encode_queries([document.content]), query, atol=1e-6)
    assert np.abs(query - as_document).max() > 1e-3


def test_the_newest_adapter_is_the_tuned_system(workspace: Workspace, small_project: str, fitted: dict):
    assert evaluate_system(workspace, small_project, "tuned", "dev").model_id == fitted["model_id"]


def test_the_estimate_of_an_adapter_is_seconds():
    assert estimate_run(TuneConfig(method="adapter"), pairs=5_000, documents=5_000, dev_anchors=50).seconds < 60
    assert estimate_run(TuneConfig(), pairs=5_000, documents=5_000, dev_anchors=50).seconds > 600
