"""NDCG@5 of a loaded model over the anchors of a part that is not trained on: the anchors, the documents it is measured over, the measuring.

While a model trains, its weights make every vector anew at each measurement: over all documents that takes longer than the training. What can stand among an
anchor's first five is nearly always among its nearest under the base, so the documents are those, and what was judged for it (`narrow`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.curation.snapshot import SnapshotData
from core.evaluation.measures import PRIMARY, Qrels, score_ranking
from core.model import Document, Part
from core.retrieval.encoder import Encoder
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats
from core.tuning.config import NEAR


@dataclass(frozen=True)
class HeldOut:
    """Anchors of a part, development or test, their qrels, and the documents to find."""

    anchor_ids: Sequence[str]
    anchors: Sequence[str]
    qrels: Qrels
    documents: Sequence[Document]
    base_vectors: Floats | None = None
    """(n, d) float32, the documents' vectors under the base model, where they are there already: the base is then measured without encoding them anew."""


def read_held_out(snapshot: SnapshotData, documents: Sequence[Document], part: Part) -> HeldOut:
    """A part's anchors over all documents; those rejected for an anchor have grade 0."""
    anchors = snapshot.part(part)
    qrels = {anchor.id: {**anchor.positives, **dict.fromkeys(anchor.hard_negatives, 0)} for anchor in anchors}
    return HeldOut([anchor.id for anchor in anchors], [anchor.text for anchor in anchors], qrels, documents)


def narrow(held_out: HeldOut, anchor_vectors: Floats, document_vectors: Floats, *, nearest: int = NEAR) -> HeldOut:
    """The same anchors over fewer documents: each anchor's `nearest` under the base, and all that was judged for any of them.

    `anchor_vectors` (q, d) and `document_vectors` (n, d) float32, rows L2-normalised: the base's, in the order of what is held out. The base's own NDCG@5
    is the same.
    """
    rows, _ = search_dense(anchor_vectors, document_vectors, nearest)
    judged = {document_id for grades in held_out.qrels.values() for document_id in grades}
    kept = np.array(sorted({*rows.ravel().tolist(), *(row for row, document in enumerate(held_out.documents) if document.id in judged)}), np.int64)
    return replace(held_out, documents=[held_out.documents[row] for row in kept], base_vectors=document_vectors[kept])


def measure_held_out(encoder: Encoder, held_out: HeldOut, vectors: Floats | None = None) -> float:
    """NDCG@5 of a loaded model over the anchors, the mean of `score_held_out`; 0 without an answered anchor."""
    scores = score_held_out(encoder, held_out, vectors)
    return float(np.mean(list(scores.values()))) if scores else 0.0


def score_held_out(encoder: Encoder, held_out: HeldOut, vectors: Floats | None = None) -> dict[str, float]:
    """NDCG@5 of a loaded model by anchor id; nothing goes through the cache, since its weights have no name yet.

    `vectors` (n, d) float32, rows L2-normalised: the documents' under this very model, where they are known.
    """
    if vectors is None:
        vectors = encoder.encode([doc.content for doc in held_out.documents], encoder.record.document_prompt)
    rows, _ = search_dense(encoder.encode_queries(held_out.anchors), vectors, 10)
    ids = [doc.id for doc in held_out.documents]
    ranking = {anchor_id: [ids[row] for row in found] for anchor_id, found in zip(held_out.anchor_ids, rows.tolist(), strict=True)}
    return {anchor_id: values[PRIMARY] for anchor_id, values in score_ranking(held_out.qrels, ranking, [PRIMARY]).items()}
