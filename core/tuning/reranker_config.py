"""What the training of a cross-encoder is told. No torch here: pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.model import PairsmithError
from core.tuning.knobs import check_knobs, refuse_unknown

LIMITS = {"epochs": (1, 50), "batch": (2, 1024), "depth": (5, 200), "min_grade": (1, 10), "evaluations": (1, 100), "patience": (0, 100)}


@dataclass(frozen=True)
class RerankerConfig:
    """The training of a cross-encoder, frozen: the same configuration, snapshot and start give the same weights."""

    start: str = ""
    """What it begins from: a cross-encoder of the project by name, a folder or a hub id; empty for the base model with a new head, which needs no network."""
    epochs: int = 3
    batch: int = 16
    """Pairs a step."""
    learning_rate: float = 3e-5
    warmup: float = 0.1
    """Share of the steps over which the rate rises."""
    depth: int = 20
    """Documents of each held-out anchor that it puts in order: the first that the base model finds."""
    min_grade: int = 2
    """Lowest grade that counts as an answer to train on."""
    evaluations: int = 6
    """How often development NDCG@5 is measured; the best checkpoint wins."""
    patience: int = 3
    """Stop after so many measurements without a new best; 0 never stops early."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_knobs(self, LIMITS)
        if not 0 <= self.warmup < 1:
            raise PairsmithError(f"warmup is {self.warmup}: it must lie in [0, 1).")

    def to_json(self) -> dict[str, Any]:
        """As stored with the run."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RerankerConfig:
        """Read what `to_json` wrote; unknown names are an error. Raises `PairsmithError`."""
        return cls(**refuse_unknown(values, cls))
