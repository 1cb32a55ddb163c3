"""NDCG straight from vectors: the same as ranking and scoring in two steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation.measures import PRIMARY, score_ranking
from core.evaluation.vector_ndcg import score_vectors
from core.retrieval.ranking import search_dense


def test_a_hand_computed_case() -> None:
    documents = np.eye(6, dtype=np.float32)
    query = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]], np.float32)
    dcg = 1 / math.log2(3) + 3 / math.log2(5)
    ideal = 3 / math.log2(2) + 1 / math.log2(3)
    assert score_vectors(query, documents, [{1: 1, 3: 3, 0: 0}]) == pytest.approx([dcg / ideal])


def test_without_an_answer_or_without_documents_the_score_is_0() -> None:
    query = np.ones((1, 2), np.float32)
    assert score_vectors(query, np.eye(2, dtype=np.float32), [{0: 0}]).tolist() == [0.0]
    assert score_vectors(query, np.zeros((0, 2), np.float32), [{}]).tolist() == [0.0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_it_equals_the_project_s_own_measure_ties_included(seed: int) -> None:
    rng = np.random.default_rng(seed)
    documents = rng.integers(-2, 3, size=(int(rng.integers(1, 30)), 3)).astype(np.float32)  # small whole numbers: many ties
    queries = rng.integers(-2, 3, size=(4, 3)).astype(np.float32)
    grades = [{int(row): int(rng.integers(0, 4)) for row in rng.choice(len(documents), min(4, len(documents)), replace=False)} for _ in range(4)]
    rows, _ = search_dense(queries, documents, 100)
    ranking = {f"q{place}": [str(row) for row in found] for place, found in enumerate(rows.tolist())}
    qrels = {f"q{place}": {str(row): grade for row, grade in known.items()} for place, known in enumerate(grades)}
    wanted = score_ranking(qrels, ranking, [PRIMARY])
    ours = score_vectors(queries, documents, grades)
    assert ours.tolist() == pytest.approx([wanted.get(f"q{place}", {PRIMARY: 0.0})[PRIMARY] for place in range(4)])
