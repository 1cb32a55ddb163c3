"""A model that finds everything alike must not make everything a near-duplicate."""

from __future__ import annotations

import numpy as np

from core.curation.near_duplicates import group_near_duplicates


def test_in_a_collapsed_space_only_equal_texts_are_near_duplicates() -> None:
    ids = [f"d{n:02d}" for n in range(40)]
    vectors = np.ones((40, 8), np.float32) / np.sqrt(np.float32(8))
    texts = [f"text {n}" for n in range(39)] + ["Text  3"]
    assert group_near_duplicates(ids, vectors, texts) == {"d03": "d03", "d39": "d03"}


def test_equal_texts_are_grouped_whatever_their_vectors() -> None:
    assert group_near_duplicates(["b", "a", "c"], np.eye(3, dtype=np.float32), ["same", "same", "other"]) == {"a": "a", "b": "a"}
