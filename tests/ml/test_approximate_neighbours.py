"""Neighbours of many vectors by NN-descent, which is compiled first: nearly the exact ones, and they say how nearly."""

from __future__ import annotations

import numpy as np
import pytest

from core.geometry import nearest
from core.geometry.control import make_random
from core.geometry.nearest import find_approximate, find_neighbours
from core.geometry.neighbours import Neighbours, find_exact

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return make_random(2_000, 12, seed=3)


@pytest.fixture(scope="module")
def approximate(points: np.ndarray) -> Neighbours:
    return find_approximate(points)


def test_many_vectors_have_approximate_ones_and_the_seed_gives_the_same_again(
    points: np.ndarray, approximate: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 1_999)
    assert np.array_equal(find_neighbours(points).rows, approximate.rows)


def test_approximate_neighbours_are_nearly_the_exact_ones_and_say_how_nearly(points: np.ndarray, approximate: Neighbours) -> None:
    exact = find_exact(points)
    shared = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(approximate.rows.tolist(), exact.rows.tolist(), strict=True)])
    assert shared > 0.95
    assert approximate.recall == pytest.approx(shared, abs=0.02)
    assert (approximate.radius >= exact.radius - 1e-4).all(), "a neighbour that was missed only lets the radius grow"
    assert np.abs(approximate.radius - exact.radius).mean() < 0.001


def test_no_vector_is_its_own_neighbour_even_among_copies_of_it() -> None:
    points = np.vstack([np.repeat(make_random(1, 12), 40, axis=0), make_random(500, 12, seed=1)])
    found = find_approximate(points)
    assert found.rows.shape == (540, 10)
    assert not (found.rows == np.arange(540)[:, None]).any()
    assert found.distances[:40].max() < 1e-5
