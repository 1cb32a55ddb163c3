"""What trainings of any kind share: checkpoints of bare weights, the series of a run, an early end, and the order to stop.

The library's model card would hold raw training rows; none is ever written, neither with a checkpoint nor with the result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_model, save_model
from transformers import TrainerCallback

from core.evaluation.measures import PRIMARY
from core.model import PairsmithError

DIVERGED = "The loss is no longer a number: the training diverged. Lower the learning rate (2e-5 is usual) and start again."
DEV_METRIC = f"dev_{PRIMARY}"
WEIGHTS = "model.safetensors"


class TrainingStopped(Exception):
    """The caller asked for the training to stop before anything was measured; checkpoints stay in the work folder."""


OnStep = Callable[[int, int, Mapping[str, list[list[float]]]], bool]
"""Called with step, total steps and the series so far; returns False to stop."""
OnBegin = Callable[[int, int], None]
"""Called once the base model is measured, with the step that training begins at (above 0 where it goes on) and the total."""


class Knobs(Protocol):
    """What trainings of any kind are told of their steps."""

    @property
    def epochs(self) -> int:
        """Passes over the rows."""

    @property
    def batch(self) -> int:
        """Rows a step."""

    @property
    def learning_rate(self) -> float:
        """The highest rate."""

    @property
    def warmup(self) -> float:
        """Share of the steps over which the rate rises."""

    @property
    def evaluations(self) -> int:
        """How often development NDCG@5 is measured."""

    @property
    def seed(self) -> int:
        """What everything random begins from."""


def list_arguments(knobs: Knobs, steps: int, work: Path) -> dict[str, Any]:
    """Arguments of the library's trainers: measured and saved `evaluations` times over `steps` steps in `work`, the best by development NDCG@5 at the end."""
    every = max(1, math.ceil(steps / knobs.evaluations))
    return {
        "output_dir": str(work),
        "num_train_epochs": knobs.epochs,
        "per_device_train_batch_size": knobs.batch,
        "learning_rate": knobs.learning_rate,
        "warmup_steps": knobs.warmup,
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": f"eval_{DEV_METRIC}",
        "greater_is_better": True,
        "logging_steps": 1,
        "seed": knobs.seed,
        "data_seed": knobs.seed,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


def run_trainer(trainer: Any, watch: Watch, work: Path) -> None:
    """Train, going on from the newest checkpoint in `work` where there is one.

    Raises `TrainingStopped` where it was told to stop before anything was measured, `PairsmithError` when the loss stopped being a number.
    """
    resumed = newest_checkpoint(work)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    if watch.stopped and trainer.state.best_model_checkpoint is None:
        raise TrainingStopped
    if watch.diverged:
        raise PairsmithError(DIVERGED)


def newest_checkpoint(work: Path) -> Path | None:
    """The checkpoint of the highest step that was written whole, or None."""
    found = {int(match[1]): path for path in work.glob("checkpoint-*") if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))}
    whole = [step for step, path in found.items() if (path / "trainer_state.json").exists()]
    return found[max(whole)] if whole else None


class BareCheckpoints:
    """What is mixed into the library's trainers: no model card, which would quote training rows; a checkpoint's model is its bare weights, adapters and all."""

    args: Any
    model: Any
    state: Any

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Leave it out."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.model, str(folder / WEIGHTS))

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        load_model(self.model, str(Path(checkpoint_path) / WEIGHTS))

    def _load_best_model(self) -> None:
        """Without the library's own catch, which would log a failure and hand on the last weights as the best."""
        self._load_from_checkpoint(self.state.best_model_checkpoint)


class Watch(TrainerCallback):  # type: ignore[misc]
    """Collects the series of a run and passes each step on."""

    def __init__(self, on_begin: OnBegin, on_step: OnStep, patience: int) -> None:
        self.series: dict[str, list[list[float]]] = {"loss": [], DEV_METRIC: []}
        self.stopped = False
        self.stopped_early = False
        self.began_at = 0
        self._patience = patience
        self.diverged = False
        self.evaluating_s = 0.0
        self._on_begin, self._on_step = on_begin, on_step

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take up the series of a training that goes on, and say that it begins."""
        for entry in state.log_history:
            if "loss" in entry:
                self._add("loss", entry["step"], entry["loss"])
            if f"eval_{DEV_METRIC}" in entry:
                self._add(DEV_METRIC, entry["step"], entry[f"eval_{DEV_METRIC}"])
        self.began_at = state.global_step
        self._on_begin(state.global_step, state.max_steps)
        self._end_if_stale(state, control)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **_: Any) -> None:
        """Keep the loss; stop where it is no number."""
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            self.diverged = True
            control.should_training_stop = True
            return
        self._add("loss", state.global_step, loss)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the training where development NDCG@5 no longer rises."""
        self._end_if_stale(state, control)

    def add_dev(self, step: int, value: float) -> None:
        """Keep a development figure."""
        self._add(DEV_METRIC, step, value)

    def _add(self, name: str, step: int, value: float) -> None:
        self.series[name].append([step, round(float(value), 5)])

    def _end_if_stale(self, state: Any, control: Any) -> None:
        values = [value for step, value in self.series[DEV_METRIC] if step > 0]
        if values and 0 < self._patience <= len(values) - 1 - values.index(max(values)) and state.global_step < state.max_steps:
            self.stopped_early = True
            control.should_training_stop = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Pass the step on."""
        if not self._on_step(state.global_step, state.max_steps, self.series):
            self.stopped = True
            control.should_training_stop = True
