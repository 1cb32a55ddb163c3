"""Each figure against brute force, and the plane that two maps share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geometry.contrast import relative_contrast
from core.geometry.neighbours import local_radius, neighbour_distances, neighbour_overlap
from core.geometry.offset import mean_cosine, total_spread
from core.geometry.participation import participation_ratio
from core.geometry.projection import MIN_POINTS, align_layout, displacement, draw_base, measure_shuffled, sample_rows


def sphere(n: int, d: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, d)) + 0.3
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@given(n=st.integers(12, 40), d=st.integers(2, 20), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_every_measure_is_its_definition(n: int, d: int, seed: int):
    x = sphere(n, d, seed)
    wide = x.astype(np.float64)
    cosines = wide @ wide.T
    pairs = cosines[~np.eye(n, dtype=bool)]
    assert mean_cosine(x) == pytest.approx(pairs.mean(), abs=1e-6)
    assert total_spread(x) == pytest.approx(1 - pairs.mean(), abs=1e-6)
    eigenvalues = np.linalg.eigvalsh(np.cov(wide.T, bias=True).reshape(d, d))
    assert participation_ratio(x) == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-4)
    assert 1 - 1e-6 <= participation_ratio(x) <= min(n - 1, d) + 1e-6
    others = np.where(np.eye(n, dtype=bool), -np.inf, cosines)
    nearest = np.sort(others, axis=1)[:, ::-1][:, :10]
    assert local_radius(x) == pytest.approx((1 - nearest).mean(axis=1), abs=1e-5)
    assert relative_contrast(x) == pytest.approx((1 - pairs.mean()) / (1 - nearest).mean(), rel=1e-3)


def test_neighbours_leave_the_row_itself_out_and_break_ties_by_row():
    x = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], np.float32)
    rows, distances = neighbour_distances(x, k=2)
    assert rows.tolist() == [[1, 3], [0, 3], [0, 1], [0, 1]]
    assert distances.tolist() == [[0, 0], [0, 0], [1, 1], [0, 0]]


def test_neighbours_are_the_same_in_blocks(monkeypatch):
    x = sphere(50, 6, 1)
    whole = neighbour_distances(x)
    monkeypatch.setattr("core.geometry.neighbours._BLOCK", 7)
    parts = neighbour_distances(x)
    assert np.array_equal(whole[0], parts[0])
    assert np.allclose(whole[1], parts[1], atol=1e-6)


def test_too_few_rows_give_nan():
    assert np.isnan(mean_cosine(sphere(1, 3, 0)))
    assert np.isnan(participation_ratio(sphere(1, 3, 0)))
    assert np.isnan(relative_contrast(sphere(10, 3, 0)))
    assert np.isnan(local_radius(sphere(10, 3, 0))).all()


def test_overlap_is_the_share_of_common_neighbours():
    assert neighbour_overlap(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [4, 5]])).tolist() == [1.0, 0.5]


def test_alignment_recovers_a_turned_mirrored_scaled_and_shifted_map():
    target = np.random.default_rng(3).normal(size=(60, 2)).astype(np.float32)
    turn = np.array([[np.cos(1.1), -np.sin(1.1)], [np.sin(1.1), np.cos(1.1)]]) @ np.diag([1, -1])
    moved = (target @ turn * 3.5 + [10, -4]).astype(np.float32)
    aligned = align_layout(moved, target)
    assert np.allclose(aligned, target, atol=1e-4)
    assert displacement(aligned, target) < 1e-4
    assert displacement(moved, target) > 1


def test_displacement_is_the_median_move_over_the_radius():
    target = np.array([[2, 0], [-2, 0], [0, 2], [0, -2]], np.float32)
    moved = target + np.array([[0, 0], [1, 0], [1, 0], [0, 9]], np.float32)
    assert displacement(moved, target) == pytest.approx(0.5)
    assert displacement(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)) == 0.0


def test_shuffled_places_move_as_far_as_any_two_of_them_lie_apart():
    cloud = np.random.default_rng(0).normal(size=(2_000, 2)).astype(np.float32)
    assert measure_shuffled(cloud) == pytest.approx(np.sqrt(2 * np.log(2)), rel=0.05)  # the median of a Rayleigh distribution of scale √2, over √2


def test_few_points_are_drawn_by_their_principal_components():
    x = sphere(MIN_POINTS - 1, 5, 2)
    layout = draw_base(x)
    centred = x - x.mean(axis=0)
    variances = np.linalg.eigvalsh(np.cov(centred.T))[::-1][:2]
    assert np.var(layout, axis=0, ddof=1) == pytest.approx(variances, rel=1e-3)
    assert draw_base(sphere(1, 5, 2)).tolist() == [[0.0, 0.0]]
    assert draw_base(np.zeros((0, 5), np.float32)).shape == (0, 2)


def test_a_sample_is_seeded_in_order_and_all_where_it_fits():
    assert sample_rows(5, 5).tolist() == [0, 1, 2, 3, 4]
    rows = sample_rows(1000, 50)
    assert rows.tolist() == sorted(set(rows.tolist())) == sample_rows(1000, 50).tolist()
    assert len(rows) == 50
