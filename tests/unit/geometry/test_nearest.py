"""Neighbours of few vectors, recall, and the control of random vectors; approximate neighbours are compiled first and tested in `tests/ml`."""

from __future__ import annotations

import numpy as np
import pytest

from core.geometry.control import describe_random, make_random
from core.geometry.nearest import find_neighbours, measure_recall
from core.geometry.neighbours import find_exact


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return make_random(2_000, 12, seed=3)


def test_few_vectors_have_exact_neighbours(points: np.ndarray) -> None:
    found, exact = find_neighbours(points), find_exact(points)
    assert found.recall == 1
    assert np.array_equal(found.rows, exact.rows)


def test_recall_is_the_share_of_the_true_nearest(points: np.ndarray) -> None:
    rows = find_exact(points).rows
    assert measure_recall(points, rows) == 1
    farthest = np.argsort(points @ points.T, axis=1)[:, :5]
    assert measure_recall(points, np.hstack([rows[:, :5], farthest])) == 0.5


@pytest.mark.parametrize(("n", "k"), [(0, 0), (1, 0), (4, 3)])
def test_fewer_vectors_than_neighbours_give_as_many_as_there_are(n: int, k: int) -> None:
    found = find_neighbours(make_random(n, 12))
    assert found.rows.shape == (n, k)
    assert np.isnan(found.radius).all()


def test_random_vectors_spread_over_all_directions_and_have_no_structure() -> None:
    figures = describe_random(1_000, 64)
    assert figures["participation_ratio"] == pytest.approx(1 / (1 / 64 + 1 / 1_000), rel=0.02)  # n and d both bound it
    assert figures["mean_cosine"] == pytest.approx(0, abs=0.002)
    assert figures["neighbour_overlap"] == pytest.approx(10 / 999)
    assert figures == describe_random(1_000, 64)
