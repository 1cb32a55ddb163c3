"""Interpolation of the tuned weights with the base's: most of the gain, little of the forgetting.

w(a) = (1 - a) · base + a · tuned, tensor by tensor (LM-Cocktail, Xiao et al. 2023, arXiv 2311.13534). a is chosen on development anchors and the guard set;
the test part is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from sentence_transformers import SentenceTransformer

from core.evaluation.guard import measure_encoder
from core.evaluation.verdict import MAX_FORGETTING
from core.model import ModelRecord
from core.retrieval.encoder import Encoder, load_transformer
from core.tuning.config import MERGE_WEIGHTS
from core.tuning.dev import DevSet, measure_dev


@dataclass(frozen=True)
class MergePoint:
    """One weight of the sweep: NDCG@5 on development anchors and on the guard set."""

    weight: float
    dev: float
    guard: float


def choose_weight(points: Sequence[MergePoint], base_guard: float, *, allowed_loss: float = MAX_FORGETTING) -> MergePoint:
    """The point of highest development NDCG@5 among those that lose at most `allowed_loss` on the guard set, ties to the smaller weight.

    Where none keeps to it, the one that loses least. Raises `ValueError` without points.
    """
    if not points:
        raise ValueError("there are no points to choose from")
    kept = [point for point in points if base_guard - point.guard <= allowed_loss + 1e-9]
    if kept:
        return max(kept, key=lambda point: (point.dev, -point.weight))
    return max(points, key=lambda point: (point.guard, -point.weight))


def merge_with_base(
    record: ModelRecord,
    model: SentenceTransformer,
    dev: DevSet,
    on_point: Callable[[int, int], None],
    weights: Sequence[float] = MERGE_WEIGHTS,
    *,
    tuned_dev: float | None = None,
) -> tuple[MergePoint, list[MergePoint], float]:
    """Sweep the weights and leave `model` at the chosen one. Returns it, all points, and the base's NDCG@5 on the guard set.

    `tuned_dev`: development NDCG@5 of `model` as it comes, where it was measured already: the point at weight 1 is not measured again.
    """
    base = load_transformer(record)
    base_guard = measure_encoder(Encoder(record, base))
    start = {name: tensor.detach().clone() for name, tensor in base.state_dict().items()}
    tuned = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    points: list[MergePoint] = []
    for place, weight in enumerate(weights):
        _blend(model, start, tuned, weight)
        encoder = Encoder(record, model.eval())
        known = tuned_dev if weight == 1 else None
        points.append(MergePoint(weight, measure_dev(encoder, dev) if known is None else known, measure_encoder(encoder)))
        on_point(place + 1, len(weights))
    chosen = choose_weight(points, base_guard)
    _blend(model, start, tuned, chosen.weight)
    return chosen, points, base_guard


def blend_with_base(record: ModelRecord, model: SentenceTransformer, weight: float) -> None:
    """Leave `model` at the weight given between the base of the record (0) and itself (1)."""
    start = load_transformer(record).state_dict()
    _blend(model, dict(start), {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}, weight)


def _blend(model: SentenceTransformer, start: dict[str, torch.Tensor], tuned: dict[str, torch.Tensor], weight: float) -> None:
    blended = {name: torch.lerp(start[name], tensor, weight) if tensor.is_floating_point() else tensor for name, tensor in tuned.items()}
    model.load_state_dict(blended)
