"""Training itself: one contrastive loss through the library's trainer, the best checkpoint chosen on development NDCG@5."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets import Dataset, DatasetDict
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.evaluation import BaseEvaluator

from core.model import ModelRecord
from core.retrieval.encoder import Encoder, load_transformer
from core.tuning.batches import make_sampler, plan_training
from core.tuning.config import TuneConfig
from core.tuning.dataset import Row, group_by_count
from core.tuning.held_out import HeldOut, measure_held_out
from core.tuning.losses import build_loss, merge_lora, prepare_weights
from core.tuning.packed import pack_forward
from core.tuning.trainer import DEV_METRIC, BareCheckpoints, OnBegin, OnStep, Watch, list_arguments, run_trainer


@dataclass(frozen=True)
class Trained:
    """A finished training: the model with the weights of its best checkpoint, and what was seen on the way."""

    model: SentenceTransformer
    best_dev: float
    base_dev: float
    steps: int
    seconds: float
    texts_per_s: float
    evaluating_s: float
    """Seconds of the training that went into measuring on development anchors."""
    stopped: bool = False
    """Whether it was told to stop before its end."""
    stopped_early: bool = False
    """Whether it ended by itself, as development NDCG@5 no longer rose."""
    datasets: Mapping[str, int] = field(default_factory=dict)
    """Rows of each data set, by its name."""


def train_model(
    record: ModelRecord,
    rows: Sequence[Row],
    generic: Sequence[Row],
    dev: HeldOut,
    config: TuneConfig,
    work: Path,
    on_begin: OnBegin,
    on_step: OnStep,
) -> Trained:
    """Tune the model of `record` on `rows` and `generic`, going on from the newest checkpoint in `work` where there is one.

    Told to stop by `on_step`, it gives back the best checkpoint so far. Raises `TrainingStopped` where there is none yet, `PairsmithError` when the loss
    stops being a number or the model cannot be trained as configured.
    """
    model = load_transformer(record)
    prepare_weights(model, config)
    named = {**group_by_count(rows, least=config.batch), **group_by_count(generic, least=config.batch, prefix="generic")}
    data = DatasetDict({name: _to_dataset(items) for name, items in named.items()})
    watch = Watch(on_begin, on_step, config.patience)
    evaluator = _DevEvaluator(record, dev, watch)
    began = time.monotonic()
    base_dev = evaluator.measure(model, step=0)
    steps = sum(len(plan_training(items, config.batch, config.epochs, config.seed)[0]) for items in named.values()) * config.epochs
    arguments = SentenceTransformerTrainingArguments(
        **list_arguments(config, steps, work),
        batch_sampler=make_sampler(list(named.values()), config.epochs),
        prompts={"anchor": record.query_prompt, **dict.fromkeys(_document_columns(named), record.document_prompt)},
    )
    trainer = _Trainer(model, arguments, train_dataset=data, loss=build_loss(model, record, config), evaluator=evaluator, callbacks=[watch])
    with pack_forward(model):
        run_trainer(trainer, watch, work)
    seconds = time.monotonic() - began
    if config.lora_rank:
        merge_lora(model)
    texts = sum(len(item.negatives) + 2 for items in named.values() for item in items) * config.epochs
    texts *= (trainer.state.global_step - watch.began_at) / max(steps, 1)
    return Trained(
        model=model.eval(),
        best_dev=float(trainer.state.best_metric if trainer.state.best_metric is not None else base_dev),
        base_dev=base_dev,
        steps=trainer.state.global_step,
        seconds=seconds,
        texts_per_s=texts / max(seconds - watch.evaluating_s, 1e-9),
        evaluating_s=watch.evaluating_s,
        stopped=watch.stopped,
        stopped_early=watch.stopped_early,
        datasets={name: len(items) for name, items in named.items()},
    )


class _Trainer(BareCheckpoints, SentenceTransformerTrainer):  # type: ignore[misc]
    """The library's trainer with checkpoints of bare weights."""


class _DevEvaluator(BaseEvaluator):  # type: ignore[misc]
    """NDCG@5 over the development anchors, by the same function that makes the verdict."""

    def __init__(self, record: ModelRecord, dev: HeldOut, watch: Watch) -> None:
        super().__init__()
        self.primary_metric = DEV_METRIC
        self._record, self._dev, self._watch = record, dev, watch

    def __call__(self, model: SentenceTransformer, output_path: str | None = None, epoch: float = -1, steps: int = -1) -> dict[str, float]:
        return {DEV_METRIC: self.measure(model, step=steps)}

    def measure(self, model: SentenceTransformer, *, step: int) -> float:
        """Score the model and add it to the series; everything is encoded anew, but for the documents of the base model (step 0)."""
        began = time.monotonic()
        was_training = model.training
        value = measure_held_out(Encoder(self._record, model.eval()), self._dev, self._dev.base_vectors if step == 0 else None)
        model.train(was_training)
        self._watch.evaluating_s += time.monotonic() - began
        self._watch.add_dev(step, value)
        return value


def _to_dataset(rows: Sequence[Row]) -> Dataset:
    columns: dict[str, list[str]] = {"anchor": [row.anchor for row in rows], "positive": [row.positive for row in rows]}
    for place in range(len(rows[0].negatives)):
        columns[f"negative_{place + 1}"] = [row.negatives[place] for row in rows]
    return Dataset.from_dict(columns)


def _document_columns(named: Mapping[str, Sequence[Row]]) -> list[str]:
    most = max(len(row.negatives) for rows in named.values() for row in rows)
    return ["positive", *(f"negative_{place + 1}" for place in range(most))]
