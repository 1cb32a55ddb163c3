"""The guard set: everyday questions that are never trained on, to see whether a model forgot general language."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from core.evaluation.measures import PRIMARY, average, score_ranking
from core.ingest.beir import read_beir
from core.ingest.bundle import Bundle
from core.model import ModelRecord, PairsmithError
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats
from core.settings import load_settings
from core.workspace import Workspace
from sample_data import GUARD


def read_guard() -> Bundle:
    """The guard set: the folder that `PAIRSMITH_GUARD_FOLDER` names, else the bundled one. Raises `PairsmithError` for a folder that cannot be used."""
    return _read(load_settings().guard_folder or GUARD)


def list_guard_texts() -> frozenset[str]:
    """Every text of the guard set, case and spaces aside: what no run may train on."""
    bundle = read_guard()
    texts = [anchor.text for anchor in bundle.anchors] + [part for doc in bundle.documents for part in (doc.text, doc.content)]
    return frozenset(" ".join(text.casefold().split()) for text in texts)


@lru_cache(maxsize=2)
def _read(folder: Path) -> Bundle:
    bundle = read_beir(folder)
    answered = {item.anchor_id for item in bundle.judgements if item.grade > 0}
    if not answered or not bundle.documents:
        raise PairsmithError(f"The guard set at {folder} has no question with an answer (PAIRSMITH_GUARD_FOLDER). It must be a BEIR folder with qrels.")
    return bundle


def measure_guard(workspace: Workspace, record: ModelRecord) -> float:
    """NDCG@5 of a registered model on the guard set, its vectors cached."""
    bundle = read_guard()
    return _score(bundle, embed_anchors(workspace, record, [anchor.text for anchor in bundle.anchors]), embed_documents(workspace, record, bundle.documents))


def measure_encoder(encoder: Encoder) -> float:
    """NDCG@5 of a loaded model on the guard set, nothing cached."""
    bundle = read_guard()
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
