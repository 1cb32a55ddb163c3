"""An aligned layout keeps the size of its target: a rearranged map must not look clumped."""

import numpy as np
import pytest

from core.geometry.projection import align_layout, displacement


def test_a_turned_scaled_and_shifted_layout_comes_back_onto_its_target():
    target = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    turned = (target @ np.array([[0, -1], [1, 0]], np.float32)) * 3 + 7
    assert displacement(align_layout(turned, target), target) == pytest.approx(0, abs=1e-5)


def test_a_layout_with_nothing_in_common_is_as_large_as_its_target():
    rng = np.random.default_rng(0)
    target, other = (rng.normal(size=(200, 2)).astype(np.float32) for _ in range(2))
    aligned = align_layout(other, target)
    assert np.sqrt((aligned.var(axis=0)).sum()) == pytest.approx(np.sqrt(target.var(axis=0).sum()), rel=1e-4)
