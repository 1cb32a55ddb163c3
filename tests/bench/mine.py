"""`mine`: candidates of 1,000 anchors among 50,000 documents whose vectors are there already, against sentence-transformers' `mine_hard_negatives`.

Timed on both sides: exact search of the 50 nearest on the same vectors, one answer an anchor left out, and the result in the form each gives by default,
with all 50 and their scores: ours as candidates with status, reason, ranks and place in the queue, theirs as a dataset of triplets. Not timed: encoding
(both are handed the vectors) and BM25, which theirs does not have. Theirs is given a stand-in for the model that returns the vectors.
"""

from __future__ import annotations

import contextlib
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import util

from core.curation.mining import MiningInput, mine_candidates
from tests.bench.harness import Row, time_in_turn

DOCUMENTS, ANCHORS, DIMENSION, DEPTH = 50_000, 1_000, 384, 50


def make_vectors(rows: int, seed: int = 0) -> np.ndarray:
    """Vectors (rows, 384) float32, L2-normalised: 400 topics, a common direction, noise; cosines between 0.1 and 0.7 as a MiniLM model's."""
    rng = np.random.default_rng(seed)
    topics = rng.normal(size=(400, DIMENSION))
    made = topics[rng.integers(400, size=rows)] * 0.7 + rng.normal(size=(rows, DIMENSION)) * 0.7 + 0.3
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


class Handed:
    """Stands for a model whose encoding is done."""

    device = torch.device("cpu")
    similarity, similarity_pairwise = staticmethod(util.cos_sim), staticmethod(util.pairwise_cos_sim)
    model_card_data = SimpleNamespace(base_model="handed")

    def __init__(self, documents: np.ndarray, anchors: np.ndarray) -> None:
        self.documents, self.anchors = documents, anchors

    def encode_document(self, texts: list[str], **_: Any) -> np.ndarray:
        """The documents' vectors."""
        return self.documents

    def encode_query(self, texts: list[str], **_: Any) -> np.ndarray:
        """The anchors' vectors."""
        return self.anchors


def run() -> Row:
    """Time both."""
    vectors = make_vectors(DOCUMENTS + ANCHORS)
    anchors, documents = vectors[:ANCHORS], vectors[ANCHORS:]
    ids, names = [f"d{n}" for n in range(DOCUMENTS)], [f"a{n}" for n in range(ANCHORS)]
    texts = [f"Clause {n}: the party gives notice of matter {n * 7 % 991} within {n % 90} days of the event." for n in range(DOCUMENTS)]
    answer = [n * 13 % DOCUMENTS for n in range(ANCHORS)]
    data = MiningInput(ids, documents, names, anchors, {}, {names[n]: {ids[answer[n]]: 3} for n in range(ANCHORS)})
    pairs = Dataset.from_dict({"anchor": [f"What of matter {n}?" for n in range(ANCHORS)], "positive": [texts[row] for row in answer]})

    def theirs(_: int) -> object:
        with contextlib.redirect_stderr(io.StringIO()):
            return util.mine_hard_negatives(
                pairs, Handed(documents, anchors), corpus=texts, range_max=DEPTH, num_negatives=DEPTH, output_scores=True, verbose=False
            )

    ours_s, theirs_s = time_in_turn(lambda _: mine_candidates(data), theirs)
    notes = f"{ANCHORS:,} anchors, {DOCUMENTS:,} documents, {DIMENSION} dimensions, vectors handed to both, {DEPTH} neighbours, exact"
    return Row("mine", ours_s, theirs_s, theirs_s / ours_s, "≥ 3", notes)
