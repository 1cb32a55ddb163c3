"""The queries that tell most about a comparison: the biggest gains, and as many of the biggest losses. No torch.

Invariant: as many losses are asked for as gains, and none is left out because it looks bad. Of one group of related anchors one is shown. Order: by the size
of the change, ties by anchor id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EACH = 3
LEAST = 1e-9


@dataclass(frozen=True)
class Telling:
    """An anchor with its NDCG@5 under both systems."""

    anchor_id: str
    base: float
    tuned: float

    @property
    def difference(self) -> float:
        """Tuned minus base."""
        return self.tuned - self.base


def choose_telling(before: Mapping[str, float], after: Mapping[str, float], groups: Mapping[str, str] | None = None, *, each: int = EACH) -> list[Telling]:
    """Up to `each` of the biggest gains, then up to `each` of the biggest losses, one a group."""
    changes = sorted(
        (Telling(anchor_id, value, after[anchor_id]) for anchor_id, value in before.items() if anchor_id in after),
        key=lambda item: (-item.difference, item.anchor_id),
    )
    gains = [item for item in changes if item.difference > LEAST]
    losses = sorted((item for item in changes if item.difference < -LEAST), key=lambda item: (item.difference, item.anchor_id))
    return [*_take_one_a_group(gains, groups or {}, each), *_take_one_a_group(losses, groups or {}, each)]


def _take_one_a_group(changes: list[Telling], groups: Mapping[str, str], each: int) -> list[Telling]:
    first: dict[str, Telling] = {}
    for item in changes:
        first.setdefault(groups.get(item.anchor_id, "\0" + item.anchor_id), item)
    return list(first.values())[:each]
