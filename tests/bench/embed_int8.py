"""`embed-int8`: the clauses of the sample in int8 by OpenVINO and NNCF, against `SentenceTransformer.encode` as it comes; and what it costs in NDCG@5.

Ranges are taken from 100 clauses. NDCG@5 is over all anchors of the sample, clauses and anchors both in int8. Quantising and loading are not timed.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import sample_data
from core.evaluation.vector_ndcg import score_vectors
from core.ingest.beir import read_beir
from core.retrieval.encoder import BATCH_TOKENS, MOST_TEXTS, load_transformer, pack_by_length
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.retrieval.openvino_encoder import Graph, OpenVinoEncoder
from core.retrieval.tokens import count_tokens
from core.retrieval.vectors import Floats
from tests.bench.harness import Row, time_in_turn

CALIBRATION = 100
MOST_LOST = 0.005


def encode_packed(graph: Graph, texts: list[str], lengths: list[int]) -> Floats:
    """Vectors (n, d) of the texts by a graph, batches of like length."""
    batches = pack_by_length(lengths, BATCH_TOKENS, MOST_TEXTS)
    return np.concatenate([graph.encode_batch([texts[row] for row in rows]) for rows in batches])[np.argsort(np.concatenate(batches))]


def run(most: int = 0) -> Row:
    """Time both; the first `most` clauses where it is given."""
    bundle = read_beir(sample_data.CONTRACTS)
    documents = bundle.documents[: most or None]
    texts, row_of = [item.content for item in documents], {item.id: row for row, item in enumerate(documents)}
    record = describe_model(EMBEDDED_DEFAULT)
    plain = load_transformer(record)
    count = count_tokens(record)
    assert count is not None
    lengths = [min(length, record.max_length) for length in count(texts)]
    exact = OpenVinoEncoder(plain)
    began = time.perf_counter()
    rounded = exact.quantise(texts[:: max(1, len(texts) // CALIBRATION)][:CALIBRATION])
    quantising_s = time.perf_counter() - began
    grades: dict[str, dict[int, int]] = {}
    for item in bundle.judgements:
        if item.document_id in row_of and item.grade > 0:
            grades.setdefault(item.anchor_id, {})[row_of[item.document_id]] = item.grade
    asked = [anchor for anchor in bundle.anchors if anchor.id in grades]

    def encode_plainly(given: list[str]) -> Any:
        return plain.encode(given, normalize_embeddings=True, show_progress_bar=False)

    def measure(queries: Floats, vectors: Floats) -> float:
        return float(score_vectors(queries, vectors, [grades[anchor.id] for anchor in asked]).mean())

    questions = [anchor.text for anchor in asked]
    whole, found = encode_plainly(texts), encode_packed(rounded, texts, lengths)
    before = measure(encode_plainly(questions), whole)
    after = measure(rounded.encode_batch(questions), found)
    exact_s, _ = time_in_turn(lambda _: encode_packed(exact, texts, lengths), lambda _: encode_plainly(texts))
    ours_s, theirs_s = time_in_turn(lambda _: encode_packed(rounded, texts, lengths), lambda _: encode_plainly(texts))
    kept = "within" if before - after <= MOST_LOST else "NOT within"
    cosine = float((whole * found).sum(axis=1).min())
    quality = f"NDCG@5 {after:.4f} against {before:.4f}, {kept} {MOST_LOST}, lowest cosine {cosine:.3f}"
    notes = f"{len(texts)} clauses, all-MiniLM-L6-v2; {quality}; float32 by OpenVINO {theirs_s / exact_s:.2f}; quantised in {quantising_s:.0f} s"
    return Row("embed-int8", ours_s, theirs_s, theirs_s / ours_s, "≥ 2.5", notes)
