"""Which documents a training is measured over."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.evaluation.measures import PRIMARY, average, score_ranking
from core.model import Document
from core.retrieval.ranking import search_dense
from core.tuning.held_out import HeldOut, narrow


def make_unit(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.normal(size=(count, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rank(dev: HeldOut, anchors: np.ndarray, vectors: np.ndarray) -> float:
    rows, _ = search_dense(anchors, vectors, 10)
    ids = [document.id for document in dev.documents]
    found = {anchor_id: [ids[row] for row in row_list] for anchor_id, row_list in zip(dev.anchor_ids, rows.tolist(), strict=True)}
    return average(score_ranking(dev.qrels, found))[PRIMARY]


@given(seed=st.integers(0, 10_000), anchors=st.integers(1, 6), documents=st.integers(1, 60))
def test_the_base_scores_the_same_over_the_narrowed_documents_and_nothing_judged_is_left_out(seed: int, anchors: int, documents: int):
    rng = np.random.default_rng(seed)
    questions, vectors = make_unit(rng, anchors), make_unit(rng, documents)
    grades = {f"q{row}": {f"d{document}": 1 + place for place, document in enumerate(rng.integers(documents, size=2))} for row in range(anchors)}
    dev = HeldOut(list(grades), [f"text {name}" for name in grades], grades, [Document(f"d{row}", f"text {row}") for row in range(documents)])

    near = narrow(dev, questions, vectors, nearest=5)

    assert near.base_vectors is not None
    assert len(near.documents) <= 5 * anchors + 2 * anchors
    assert {document_id for found in grades.values() for document_id in found} <= {document.id for document in near.documents}
    assert rank(near, questions, near.base_vectors) == rank(dev, questions, vectors)


def test_what_is_far_from_every_anchor_is_left_out():
    vectors = np.eye(8, dtype=np.float32)
    dev = HeldOut(["q"], ["?"], {"q": {"d7": 1}}, [Document(f"d{row}", "text") for row in range(8)])
    near = narrow(dev, np.array([[4, 3, 2, 1, 0, 0, 0, 0]], np.float32), vectors, nearest=2)
    assert [document.id for document in near.documents] == ["d0", "d1", "d7"]
