"""Training a cross-encoder: binary cross-entropy on pairs that people judged, the best checkpoint chosen by the development anchors it puts in order.

Refuses development lists without an answer. Invariant: the same pairs, start and configuration give the same weights, killed in between or not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

from core.evaluation.measures import PRIMARY, Qrels, Ranking, average, score_ranking
from core.model import PairsmithError
from core.retrieval.reranker import Reranker
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_pairs import Pair
from core.tuning.trainer import DEV_METRIC, BareCheckpoints, OnBegin, OnStep, Watch, list_arguments, run_trainer


@dataclass(frozen=True)
class Lists:
    """What a reranker is measured on: what a first search found for each anchor, and the texts behind it."""

    anchors: Mapping[str, str]
    """Text by anchor id."""
    found: Ranking
    """Document ids by anchor id, the nearest first."""
    contents: Mapping[str, str]
    qrels: Qrels


@dataclass(frozen=True)
class TrainedReranker:
    """A finished training: the model with the weights of its best checkpoint, and what was seen on the way."""

    model: CrossEncoder
    best_dev: float
    first_dev: float
    """Development NDCG@5 of the first search, which it must beat."""
    steps: int
    seconds: float
    pairs_per_s: float
    """Pairs a second through a training step, measuring not counted."""
    stopped: bool
    stopped_early: bool


def rerank(reranker: Reranker, lists: Lists) -> Ranking:
    """Each anchor's list in the order of the scores, ties by the place in the first list."""
    pairs = [(lists.anchors[anchor_id], lists.contents[item]) for anchor_id, found in lists.found.items() for item in found]
    scores = reranker.score(pairs)
    ranking: dict[str, list[str]] = {}
    start = 0
    for anchor_id, found in lists.found.items():
        order = np.argsort(-scores[start : start + len(found)], kind="stable")
        ranking[anchor_id] = [found[place] for place in order]
        start += len(found)
    return ranking


def train_cross_encoder(
    reference: str, pairs: Sequence[Pair], dev: Lists, config: RerankerConfig, work: Path, on_begin: OnBegin, on_step: OnStep
) -> TrainedReranker:
    """Train the cross-encoder of `reference`, a folder or a hub id, going on from the newest checkpoint in `work` where there is one.

    Told to stop by `on_step`, it gives back the best checkpoint so far. Raises `TrainingStopped` where there is none yet, `PairsmithError` when the loss stops
    being a number, or no list in `dev` holds an answer: every order is then as good as any other, and no checkpoint could be chosen.
    """
    if not any(dev.qrels.get(anchor_id, {}).get(item, 0) for anchor_id, found in dev.found.items() for item in found):
        raise PairsmithError(
            f"Of {len(dev.found)} development anchors none has an answer among the first {config.depth} documents that the base model finds, so there is "
            "nothing to put in order. Look deeper (--depth), or tune the base model first."
        )
    torch.manual_seed(config.seed)  # a head that the start does not have is made at random
    reranker = Reranker(reference)
    watch = Watch(on_begin, on_step, config.patience)
    began = time.monotonic()
    first_dev = _measure(dev, dev.found)
    watch.add_dev(0, first_dev)
    steps = math.ceil(len(pairs) / config.batch) * config.epochs
    arguments = CrossEncoderTrainingArguments(**list_arguments(config, steps, work))
    data = Dataset.from_dict(
        {
            "anchor": [pair.anchor for pair in pairs],
            "document": [pair.document for pair in pairs],
            "label": [float(pair.answers) for pair in pairs],
        }
    )
    loss = BinaryCrossEntropyLoss(reranker.model)
    trainer = _Trainer(reranker.model, arguments, train_dataset=data, loss=loss, evaluator=_Evaluator(reranker, dev, watch), callbacks=[watch])
    run_trainer(trainer, watch, work)
    seconds = time.monotonic() - began
    learned = (trainer.state.global_step - watch.began_at) * len(pairs) * config.epochs / steps
    return TrainedReranker(
        model=reranker.model.eval(),
        best_dev=float(trainer.state.best_metric),
        first_dev=first_dev,
        steps=trainer.state.global_step,
        seconds=seconds,
        pairs_per_s=learned / max(seconds - watch.evaluating_s, 1e-9),
        stopped=watch.stopped,
        stopped_early=watch.stopped_early,
    )


class _Trainer(BareCheckpoints, CrossEncoderTrainer):  # type: ignore[misc]
    """The library's trainer with checkpoints of bare weights."""


class _Evaluator(BaseEvaluator):  # type: ignore[misc]
    """NDCG@5 of the development anchors' lists in the order of the model being trained."""

    def __init__(self, reranker: Reranker, dev: Lists, watch: Watch) -> None:
        super().__init__()
        self.primary_metric = DEV_METRIC
        self._reranker, self._dev, self._watch = reranker, dev, watch

    def __call__(self, model: CrossEncoder, output_path: str | None = None, epoch: float = -1, steps: int = -1) -> dict[str, float]:
        was_training, began = model.training, time.monotonic()
        value = _measure(self._dev, rerank(self._reranker, self._dev))
        model.train(was_training)
        self._watch.evaluating_s += time.monotonic() - began
        self._watch.add_dev(steps, value)
        return {DEV_METRIC: value}


def _measure(lists: Lists, ranking: Ranking) -> float:
    return average(score_ranking(lists.qrels, ranking, [PRIMARY])).get(PRIMARY, 0.0)


def describe_training(trained: TrainedReranker, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Plain values, as stored with the run."""
    answers = sum(pair.answers for pair in pairs)
    return {
        "answers": answers,
        "negatives": len(pairs) - answers,
        "steps": trained.steps,
        "seconds": trained.seconds,
        "pairs_per_s": trained.pairs_per_s,
        "stopped_early": trained.stopped_early,
    }
