"""A query-side adapter as a model of its own: fitted by a run, loaded by plain sentence-transformers, documents left as the base has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.evaluation.evaluate import evaluate_system
from core.model import ModelKind, PairsmithError, Part
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents, load_transformer
from core.retrieval.models import describe_model
from core.retrieval.search import open_corpus_vectors
from core.retrieval.vectors import key_text, open_cache
from core.store import artefacts, corpus
from core.tuning.adapter import apply_adapter
from core.tuning.adapter_run import build_model, label_lesson, name_rows
from core.tuning.config import TuneConfig, estimate_run
from core.tuning.dataset import list_lessons
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


def test_an_adapter_is_no_base_model(workspace: Workspace, small_project: str, fitted: dict):
    with workspace.store.read() as conn:
        location = artefacts.get_model(conn, small_project, fitted["model_id"]).location
    with pytest.raises(PairsmithError, match="encodes queries and documents by different weights, so it cannot be a base model"):
        describe_model(location)


def test_the_same_data_and_seed_give_the_same_adapter(workspace: Workspace, small_project: str, fitted: dict):
    again = run_tuning(workspace, small_project, "run2", TuneConfig(method="adapter").to_json(), Ear())
    assert again["model_id"] == fitted["model_id"]


def test_an_adapter_that_nothing_taught_is_refused(workspace: Workspace, small_project: str, monkeypatch: pytest.MonkeyPatch):
    with workspace.store.write() as conn:
        corpus.set_parts(conn, small_project, {"a8": Part.DEV, "a9": Part.TEST})
    vectors = np.eye(32, dtype=np.float32)
    monkeypatch.setattr("core.tuning.adapter_run.embed_anchors", lambda _workspace, _record, texts: vectors[: len(texts)])
    monkeypatch.setattr("core.tuning.adapter_run.embed_documents", lambda _workspace, _record, documents: np.resize(vectors, (len(documents), 32)))
    with pytest.raises(PairsmithError, match="there is no adapter to keep"):
        run_tuning(workspace, small_project, "run3", TuneConfig(method="adapter").to_json(), Ear())


def test_the_newest_adapter_is_the_tuned_system(workspace: Workspace, small_project: str, fitted: dict):
    assert evaluate_system(workspace, small_project, "tuned", "dev").model_id == fitted["model_id"]


def test_the_estimate_of_an_adapter_is_seconds():
    assert estimate_run(TuneConfig(method="adapter"), pairs=5_000, documents=5_000, dev_anchors=50).seconds < 60
    assert estimate_run(TuneConfig(), pairs=5_000, documents=5_000, dev_anchors=50).seconds > 600


def test_the_adapter_learns_by_the_same_rules_against_leaks_as_whole_training():
    twins = {"a1": "pair", "a2": "pair"}
    anchor = LabelledAnchor("t", "ask", Part.TRAIN, {"a1": 3, "low": 1}, ["neg", "answer of a paraphrase", "held"])
    kin = LabelledAnchor("k", "ask otherwise", Part.TRAIN, {"answer of a paraphrase": 2}, [], group="t")
    copy = LabelledAnchor("c", "Held?", Part.TRAIN, {"x": 2}, [])
    held = LabelledAnchor("h", "held?", Part.TEST, {"held": 3}, [])
    ids = ["a1", "a2", "low", "neg", "answer of a paraphrase", "held", "x"]
    data = SnapshotData("s", [replace(anchor, group="t"), kin, copy, held], dict.fromkeys(ids, "text"))
    lessons = list_lessons(data, 2, twins).lessons
    assert [lesson.anchor.id for lesson in lessons] == ["t", "k"]
    row_of = {document_id: row for row, document_id in enumerate(ids)}
    label = label_lesson(lessons[0], row_of, name_rows(row_of, twins))
    assert label.positives == {0: 3.0}
    assert list(label.negatives) == [3]
    assert list(label.masked) == [1, 2, 4]  # a near-duplicate of an answer, a lower answer, a paraphrase's answer
