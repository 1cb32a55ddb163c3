"""What an evaluation run is told. No torch: pages and the command line make it, the worker reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from core.model import PairsmithError, Part

PARTS = ("all", *Part)
RERANK = "+rerank"
"""How the name of a system ends whose list a cross-encoder reorders."""
MIN_DEPTH, MAX_DEPTH, DEFAULT_DEPTH = 20, 50, 50
"""How many documents a reranker may read, and does."""


@dataclass(frozen=True)
class EvaluateOptions:
    """The columns of an evaluation and how they are made."""

    systems: Sequence[str]
    part: str = Part.TEST.value
    reference: str = "base"
    """The system that every other is compared with; figures alone where it is none of them."""
    reranker: str = ""
    """Folder or hub id of a cross-encoder, for systems that end in `+rerank`."""
    depth: int = DEFAULT_DEPTH
    """How many of the head of a list it reads."""
    send: bool = False
    """Whether texts may go to an endpoint outside: somebody read what is sent and what it costs."""

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise PairsmithError(f"{self.part!r} is no part of the anchors. There are {', '.join(PARTS)}.")
        if not self.systems:
            raise PairsmithError("No system is named, so there is nothing to measure. Name base, for instance.")
        if not MIN_DEPTH <= self.depth <= MAX_DEPTH:
            raise PairsmithError(f"A reranker that reads {self.depth} documents a query is not offered. Choose {MIN_DEPTH} to {MAX_DEPTH}.")

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> EvaluateOptions:
        """The options of a run. Raises `PairsmithError` for a name that is none of them."""
        unknown = sorted(set(config) - {field.name for field in fields(cls)})
        if unknown:
            raise PairsmithError(f"An evaluation has no setting {', '.join(unknown)}.")
        return cls(**{"systems": ["base"], **config})

    def to_json(self) -> dict[str, Any]:
        """Plain values, as a run's config."""
        return {**asdict(self), "systems": list(self.systems)}
