"""The guard set: everyday questions that are never trained on, to see whether a model forgot general language."""

from __future__ import annotations

from core.evaluation.measures import PRIMARY, average, score_ranking
from core.ingest.beir import read_beir
from core.ingest.bundle import Bundle
from core.model import ModelRecord
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats
from core.workspace import Workspace
from sample_data import GUARD


def measure_guard(workspace: Workspace, record: ModelRecord) -> float:
    """NDCG@5 of a registered model on the bundled guard set, its vectors cached."""
    bundle = read_beir(GUARD)
    return _score(bundle, embed_anchors(workspace, record, [anchor.text for anchor in bundle.anchors]), embed_documents(workspace, record, bundle.documents))


def measure_encoder(encoder: Encoder) -> float:
    """NDCG@5 of a loaded model on the bundled guard set, nothing cached."""
    bundle = read_beir(GUARD)
    documents = encoder.encode([doc.content for doc in bundle.documents], encoder.record.document_prompt)
    return _score(bundle, encoder.encode_queries([anchor.text for anchor in bundle.anchors]), documents)


def _score(bundle: Bundle, anchors: Floats, documents: Floats) -> float:
    """NDCG@5 of the ranking by dot product; vectors (n, d) float32 in the order of the bundle."""
    rows, _ = search_dense(anchors, documents, 10)
    qrels: dict[str, dict[str, int]] = {}
    for item in bundle.judgements:
        qrels.setdefault(item.anchor_id, {})[item.document_id] = item.grade
    ranking = {anchor.id: [bundle.documents[row].id for row in found] for anchor, found in zip(bundle.anchors, rows.tolist(), strict=True)}
    return average(score_ranking(qrels, ranking, [PRIMARY]))[PRIMARY]
