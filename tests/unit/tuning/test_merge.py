"""Choosing how much of the tuned weights to keep, and what the blend does to a real model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.model import Document
from core.retrieval.encoder import load_transformer
from core.retrieval.models import describe_model
from core.tuning.config import MERGE_MEASURED
from core.tuning.held_out import HeldOut
from core.tuning.merge import MergePoint, choose_weight, find_between, merge_with_base
from tests.tiny_model import make_tiny_model


def test_the_best_weight_that_forgets_little_is_chosen() -> None:
    points = [MergePoint(0.5, 0.80, dev=0.50), MergePoint(0.7, 0.79, dev=0.55), MergePoint(1.0, 0.70, dev=0.60)]
    assert choose_weight(points, 0.80).weight == 0.7


def test_a_tie_goes_to_the_smaller_weight() -> None:
    assert choose_weight([MergePoint(0.9, 0.8, dev=0.5), MergePoint(0.4, 0.8, dev=0.5)], 0.8).weight == 0.4


def test_where_all_forget_the_one_that_forgets_least_is_chosen() -> None:
    assert choose_weight([MergePoint(0.5, 0.6, dev=0.5), MergePoint(1.0, 0.5, dev=0.9)], 0.8).weight == 0.5


def test_a_share_that_was_not_measured_on_development_anchors_is_not_chosen() -> None:
    assert choose_weight([MergePoint(0.5, 0.8, dev=0.3), MergePoint(0.7, 0.8), MergePoint(1.0, 0.5)], 0.8).weight == 0.5


def test_one_more_share_is_looked_at_above_the_largest_that_forgets_little() -> None:
    forgets_from_60 = [MergePoint(0.2, 0.80), MergePoint(0.4, 0.795), MergePoint(0.6, 0.78), MergePoint(1.0, 0.70)]
    assert find_between(forgets_from_60, 0.80) == 0.5
    assert find_between(forgets_from_60, 0.70) is None, "all keep"
    assert find_between(forgets_from_60, 0.90) is None, "none keeps"


def test_nothing_to_choose_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="no points"):
        choose_weight([], 0.8)


def test_the_blend_lies_on_the_line_between_base_and_tuned(tmp_path: Path, tiny_model: Path) -> None:
    record = describe_model(str(tiny_model))
    base, other = load_transformer(record), load_transformer(describe_model(str(make_tiny_model(tmp_path / "other", seed=1))))
    tuned = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    dev = HeldOut(["a"], ["the licensee"], {"a": {"d": 1}}, [Document("d", "the licensee may terminate"), Document("e", "payment is due")])
    seen: list[tuple[int, int]] = []
    chosen, points, base_guard = merge_with_base(record, other, dev, lambda step, total: seen.append((step, total)), weights=(0.25, 1.0))
    weights = [point.weight for point in points]
    assert weights in ([0.25, 1.0], [0.25, 0.625, 1.0]), "one more where the tuned weights forget"
    assert seen[:2] == [(1, 3 + MERGE_MEASURED), (2, 3 + MERGE_MEASURED)]
    assert seen[-1][0] == seen[-1][1]
    assert 0 <= base_guard <= 1
    for name, start in base.state_dict().items():
        assert torch.allclose(other.state_dict()[name].float(), torch.lerp(start.float(), tuned[name].float(), chosen.weight), atol=1e-6), name


def test_a_share_above_the_largest_that_forgets_little_is_measured_in_its_place(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = iter([0.8, 0.8, 0.5, 0.795])  # the base, 0.2, 1, and half-way between
    monkeypatch.setattr("core.tuning.merge.measure_encoder", lambda _: next(guard))
    dev = HeldOut(["a"], ["the licensee"], {"a": {"d": 1}}, [Document("d", "the licensee may terminate"), Document("e", "payment is due")])
    record = describe_model(str(tiny_model))
    _, points, _ = merge_with_base(record, load_transformer(record), dev, lambda *_: None, (0.2, 1.0))
    assert [(point.weight, point.guard, point.dev is not None) for point in points] == [(0.2, 0.8, True), (0.6, 0.795, True), (1.0, 0.5, False)]


def test_what_was_measured_of_the_tuned_model_is_not_measured_again(tiny_model: Path) -> None:
    record = describe_model(str(tiny_model))
    dev = HeldOut(["a"], ["the licensee"], {"a": {"d": 1}}, [Document("d", "the licensee may terminate"), Document("e", "payment is due")])
    weights = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
    chosen, points, base_guard = merge_with_base(record, load_transformer(record), dev, lambda *_: None, weights, tuned_dev=0.123)
    assert [point.guard for point in points] == [base_guard] * len(weights), "the base blended with itself forgets nothing"
    assert [point.weight for point in points if point.dev is not None] == [0.1, 0.5, 1.0]
    assert points[-1].dev == 0.123
    assert points[0].dev in (1.0, pytest.approx(0.6309, abs=1e-4))
    assert chosen == points[0]
