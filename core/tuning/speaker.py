"""What a training needs of whoever runs it: somebody to tell of its steps, who says when to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol, TypeVar

from core.tuning.trainer import OnBegin, OnStep, TrainingStopped

T = TypeVar("T")


class Speaker(Protocol):
    """What a run needs of `core.jobs.reporter.Reporter`."""

    @property
    def should_stop(self) -> bool:
        """Whether to stop."""

    @property
    def was_cancelled(self) -> bool:
        """Whether it is to stop because a person said so."""

    def cancel(self, result: Mapping[str, Any]) -> NoReturn:
        """End the run as cancelled, with what it leaves."""

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        """Begin a stage."""

    def report(self, step: int, total: int | None = None, message: str | None = None, figures: Mapping[str, Any] | None = None, *, check: bool = True) -> None:
        """Say how far it is."""

    def check(self) -> None:
        """Raise where the run must not go on."""


def hear(train: Callable[[OnBegin, OnStep], T], speaker: Speaker) -> T:
    """What `train` gives back, the speaker told of its steps and asked whether to go on. Raises what the speaker raises where it was stopped too early."""

    def on_begin(step: int, total: int) -> None:
        speaker.stage("Training", total, step)

    def on_step(step: int, total: int, series: Mapping[str, Any]) -> bool:
        speaker.report(step, total, "Training", series, check=False)
        return not speaker.should_stop

    try:
        return train(on_begin, on_step)
    except TrainingStopped:
        speaker.check()
        raise
