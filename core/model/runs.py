"""Long work: what kinds there are, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class RunKind(StrEnum):
    """The long work that a run does."""

    MINE = "mine"
    TUNE = "tune"
    EVALUATE = "evaluate"
    MAP = "map"
    EMBED = "embed"
    RERANKER = "reranker"
    """Training a cross-encoder on the reviewed pairs."""
    TAKE = "take"
    """Fetching a cross-encoder from the hub into the project."""
    METER = "meter"
    """How good the judgements so far make a quick adapter: whether more of them are worth it."""
    QUANTISE = "quantise"
    """A model's 8-bit form made and measured."""
    REINDEX = "reindex"
    """The vector database brought to a model and the corpus of now."""


class RunStatus(StrEnum):
    """The state of a run; see `core.store.runs` for the transitions."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        """True when nothing more will happen to the run."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass(frozen=True)
class Progress:
    """What a running job last said of itself."""

    step: int = 0
    total: int = 0
    message: str = ""
    left_s: float | None = None
    """Estimated seconds left; None while it cannot be told."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Named series or numbers of the run, e.g. `loss: [[step, value], ...]`."""

    @property
    def fraction(self) -> float:
        """Share done in [0, 1]; 0 while the total is unknown."""
        return min(1.0, self.step / self.total) if self.total else 0.0


@dataclass(frozen=True)
class Run:
    """One piece of long work and its state."""

    id: str
    project_id: str
    kind: RunKind
    status: RunStatus
    config: Mapping[str, Any]
    progress: Progress
    result: Mapping[str, Any] | None
    error: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempt: int
    cancel_requested: bool
    worker_id: str | None = None
