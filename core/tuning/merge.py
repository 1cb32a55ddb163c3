"""Interpolation of the tuned weights with the base's: most of the gain, little of the forgetting.

w(a) = (1 - a) · base + a · tuned, tensor by tensor (LM-Cocktail, Xiao et al. 2023, arXiv 2311.13534). a is chosen on development anchors and the guard set;
the test part is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from core.evaluation.guard import measure_encoder
from core.evaluation.verdict import MAX_FORGETTING
from core.model import ModelRecord
from core.retrieval.encoder import Encoder, load_transformer
from core.tuning.config import MERGE_MEASURED, MERGE_WEIGHTS
from core.tuning.held_out import HeldOut, measure_held_out


@dataclass(frozen=True)
class MergePoint:
    """One share of the tuned weights: NDCG@5 on the guard set and, where it was measured, on development anchors."""

    weight: float
    guard: float
    dev: float | None = None


def choose_weight(points: Sequence[MergePoint], base_guard: float, *, allowed_loss: float = MAX_FORGETTING) -> MergePoint:
    """The point of highest development NDCG@5 among those measured that lose at most `allowed_loss` on the guard set, ties to the smaller weight.

    Where none keeps to it, the one that loses least. Raises `ValueError` without points.
    """
    if not points:
        raise ValueError("there are no points to choose from")
    kept = [(point.dev, -point.weight, point) for point in list_kept(points, base_guard, allowed_loss) if point.dev is not None]
    return max(kept)[2] if kept else max(points, key=lambda point: (point.guard, -point.weight))


def list_kept(points: Sequence[MergePoint], base_guard: float, allowed_loss: float = MAX_FORGETTING) -> list[MergePoint]:
    """The points that lose at most `allowed_loss` on the guard set."""
    return [point for point in points if base_guard - point.guard <= allowed_loss + 1e-9]


def find_between(points: Sequence[MergePoint], base_guard: float) -> float | None:
    """Half-way from the largest weight that forgets little to the next; None where the last does, or none. `points` by rising weight."""
    kept = list_kept(points, base_guard)
    last = points.index(kept[-1]) if kept else len(points)
    return round((points[last].weight + points[last + 1].weight) / 2, 3) if last + 1 < len(points) else None


def merge_with_base(
    record: ModelRecord,
    model: SentenceTransformer,
    dev: HeldOut,
    on_point: Callable[[int, int], None],
    weights: Sequence[float] = MERGE_WEIGHTS,
    *,
    tuned_dev: float | None = None,
) -> tuple[MergePoint, list[MergePoint], float]:
    """Try the weights (rising) and leave `model` at the chosen one. Returns it, all points, and the base's NDCG@5 on the guard set.

    All are measured on the guard set, and one more half-way from the largest that forgets little to the next; of those that forget little, the largest, the
    smallest and what lies between on development anchors. `tuned_dev`: development NDCG@5 of `model` as it comes, where it was measured already.
    """
    base = load_transformer(record)
    base_guard = measure_encoder(Encoder(record, base))
    start = {name: tensor.detach().clone() for name, tensor in base.state_dict().items()}
    tuned = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def blend(weight: float) -> Encoder:
        _blend(model, start, tuned, weight)
        return Encoder(record, model.eval())

    points: list[MergePoint] = []

    def look(weight: float) -> None:
        points.append(MergePoint(weight, measure_encoder(blend(weight)), tuned_dev if weight == 1 else None))
        on_point(len(points), len(weights) + 1 + MERGE_MEASURED)

    for weight in weights:
        look(weight)
    if between := find_between(points, base_guard):
        look(between)
        points.sort(key=lambda point: point.weight)
    kept = list_kept(points, base_guard) or [choose_weight(points, base_guard)]
    rows = sorted({*np.linspace(0, len(kept) - 1, MERGE_MEASURED).round().astype(int).tolist()})
    for place, row in enumerate(rows):
        point = kept[row]
        if point.dev is None:
            points[points.index(point)] = replace(point, dev=measure_held_out(blend(point.weight), dev))
        on_point(len(points) + place + 1, len(points) + len(rows))
    chosen = choose_weight(points, base_guard)
    blend(chosen.weight)
    return chosen, points, base_guard


def blend_with_base(record: ModelRecord, model: SentenceTransformer, weight: float) -> None:
    """Leave `model` at the weight given between the base of the record (0) and itself (1)."""
    start = load_transformer(record).state_dict()
    _blend(model, dict(start), {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}, weight)


def _blend(model: SentenceTransformer, start: dict[str, torch.Tensor], tuned: dict[str, torch.Tensor], weight: float) -> None:
    blended = {name: torch.lerp(start[name], tensor, weight) if tensor.is_floating_point() else tensor for name, tensor in tuned.items()}
    model.load_state_dict(blended)
