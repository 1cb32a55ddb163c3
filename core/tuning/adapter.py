"""A linear adapter on query vectors, fitted on cached vectors in seconds: how much a project's judgements teach, without tuning a model.

The adapter is one matrix W (d, d): a query vector q becomes W q, normalised anew; documents stay as they are. It begins at the identity and is held
near it (ridge), so with nothing to learn from it changes nothing. Loss, for an anchor with normalised query u and an answer p of weight w:

    w · log(1 + Σ_n a_n exp(scale · (cos(u, n) − cos(u, p))))

over every document n as a negative, which is MultipleNegativesRankingLoss (Henderson et al. 2017) with the whole corpus in the batch; a_n is 1, more for
a reviewed hard negative, and 0 for the anchor's other answers and whatever is masked. Full-batch gradient descent: its steps stay in the span of the
training queries, where Adam's, equally long in every entry of W, learned noise (docs/adr/0008-value-meter.md). NumPy alone, on one thread.

Invariant: the same vectors, labels and configuration give the same matrix. Refuses shapes that do not fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.evaluation.vector_ndcg import score_vectors
from core.model import PairsmithError
from core.retrieval.vectors import Floats

OnStep = Callable[[int, int], None]
"""Called with the step and the number of steps; may raise to stop."""
_BLOCK_CELLS = 8_000_000
"""Anchors times documents held at once: 32 MB an array."""


@dataclass(frozen=True)
class AdapterConfig:
    """How an adapter is fitted. The defaults were chosen on the training part of a collection; see docs/adr/0008-value-meter.md."""

    scale: float = 20.0
    """Inverse temperature of the loss."""
    ridge: float = 30.0
    """Weight of ½ ‖W − I‖² / d beside the mean loss of an anchor."""
    first_move: float = 0.3
    """Frobenius length of the first step, which sets the rate of all: ‖I‖ is √d, 19.6 for 384 dimensions."""
    steps: int = 60
    measure_every: int = 2
    """Steps between two measurements on the development set."""
    negative_weight: float = 4.0
    """How many unreviewed documents a reviewed hard negative weighs."""
    max_documents: int = 20_000
    """Documents that serve as negatives, at most: beyond it a seeded sample, every document named by a label included."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("scale", "first_move", "steps", "measure_every", "max_documents"):
            if not getattr(self, name) > 0:
                raise PairsmithError(f"{name} is {getattr(self, name)}: it must be above 0.")
        for name in ("ridge", "negative_weight"):
            if not getattr(self, name) >= 0:
                raise PairsmithError(f"{name} is {getattr(self, name)}: it must be 0 or more.")


@dataclass(frozen=True)
class AnchorLabels:
    """What is known of one anchor, by row of the document matrix."""

    positives: Mapping[int, float]
    """Weight of each answer, above 0."""
    negatives: Sequence[int] = ()
    """Reviewed hard negatives."""
    masked: Sequence[int] = ()
    """Neither: ambiguous, skipped, and near-duplicates of the answers."""


@dataclass(frozen=True)
class DevelopmentSet:
    """Anchors that choose the step: `queries` (k, d) float32 normalised, the grade of document rows for each, and the group each stands in."""

    queries: Floats
    grades: Sequence[Mapping[int, int]]
    groups: Sequence[str]


@dataclass(frozen=True)
class Adapter:
    """A fitted adapter and how it came about."""

    weights: Floats
    """(d, d) float32."""
    step: int
    """The step it was taken from; 0 is the identity."""
    steps: int
    curve: Sequence[tuple[int, float]] = ()
    """Step and mean NDCG@5 of the development anchors. Its highest point is chosen by the same anchors, so it flatters: report `cross_fit` instead."""
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    """(measurements, k): NDCG@5 of each development anchor at each point of the curve."""


def apply_adapter(weights: Floats, queries: Floats) -> Floats:
    """Adapted query vectors (q, d) float32, rows L2-normalised; a vector that W sends to zero stays zero. The identity changes nothing but rounding."""
    moved = queries @ weights.T
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12), np.float32)


def fit_adapter(
    queries: Floats,
    documents: Floats,
    labels: Sequence[AnchorLabels],
    development: DevelopmentSet | None = None,
    config: AdapterConfig | None = None,
    *,
    on_step: OnStep | None = None,
) -> Adapter:
    """Fit an adapter and keep the step that does best on the development set, the earliest of equals; without one, the last step.

    `queries` (m, d) and `documents` (n, d) float32, rows L2-normalised; `labels`, one for each query. Without any answer there is nothing to learn: the
    identity. Development scores are exact over all documents, also where negatives are a sample. Raises `PairsmithError` for shapes that do not fit.
    """
    config = config or AdapterConfig()
    if len(queries) != len(labels) or queries.ndim != 2 or documents.ndim != 2 or queries.shape[1] != documents.shape[1]:
        raise PairsmithError(f"Vectors of shape {queries.shape} and {documents.shape} with {len(labels)} labels do not fit together.")
    identity = np.eye(queries.shape[1], dtype=np.float32)
    taught = [row for row, label in enumerate(labels) if label.positives]
    snapshots, curve, scores = [identity], [], []

    def measure(step: int, weights: Floats) -> None:
        if development is not None:
            scores.append(score_vectors(apply_adapter(weights, development.queries), documents, development.grades))
            curve.append((step, float(scores[-1].mean()) if len(scores[-1]) else 0.0))

    with threadpool_limits(limits=1, user_api="blas"):  # beside people's work: on a busy machine threads that wait for each other took 40 times as long
        measure(0, identity)
        if not taught:
            return Adapter(identity, 0, 0, tuple(curve), np.array(scores))
        problem = Problem(queries[taught], documents, [labels[row] for row in taught], config)
        weights, rate = identity, 0.0
        for step in range(1, config.steps + 1):
            _, gradient = problem.evaluate(weights)
            if step == 1:  # beyond d / ridge the ridge alone would overshoot
                rate = min(config.first_move / max(float(np.linalg.norm(gradient)), 1e-12), len(identity) / max(config.ridge, 1e-12))
            weights = np.asarray(weights - rate * gradient, np.float32)
            if step % config.measure_every == 0 or step == config.steps:
                measure(step, weights)
                if development is not None:
                    snapshots.append(weights)
            if on_step:
                on_step(step, config.steps)
    if development is None:
        return Adapter(weights, config.steps, config.steps)
    best = int(np.argmax([value for _, value in curve]))
    return Adapter(snapshots[best], curve[best][0], config.steps, tuple(curve), np.array(scores))


def cross_fit(adapter: Adapter, groups: Sequence[str], *, halvings: int = 50, seed: int = 0) -> NDArray[np.float64]:
    """NDCG@5 (k,) float64 of each development anchor at steps that it had no part in choosing.

    The development groups are halved at random, each half is scored at the step that is best for the other, and the scores of an anchor are averaged over
    `halvings` (cross-fitting). The best step of all anchors, scored on the same anchors, could not come out below the base and would flatter by what is
    luck; this can come out below. Fewer than two groups cannot be halved: the scores of step 0.
    """
    _, group_of = np.unique(list(groups), return_inverse=True)
    count = int(group_of.max()) + 1 if len(group_of) else 0
    if count < 2:
        return np.array(adapter.scores[0])
    rng = np.random.default_rng(seed)
    total = np.zeros(len(group_of))
    for _ in range(halvings):
        side = (rng.permutation(count) < count // 2)[group_of]
        for half in (side, ~side):
            total[half] += adapter.scores[int(np.argmax(adapter.scores[:, ~half].mean(axis=1)))][half]
    return total / halvings


class Problem:
    """The loss of an adapter and its gradient.

    Parameters: `queries` (m, d) and `documents` (n, d) float32, rows L2-normalised; `labels`, one for each query, each with a positive; `config`.
    """

    def __init__(self, queries: Floats, documents: Floats, labels: Sequence[AnchorLabels], config: AdapterConfig) -> None:
        self.config = config
        self.queries = queries
        rows = _choose_documents(len(documents), labels, config)
        self.documents = np.ascontiguousarray(documents[rows])
        place = {int(row): column for column, row in enumerate(rows)}
        self.positives = [[place[row] for row in label.positives] for label in labels]
        weights = [np.array(list(label.positives.values()), np.float32) for label in labels]
        self.shares = [weight / weight.sum() for weight in weights]
        self.reviewed = [[place[row] for row in label.negatives] for label in labels]
        self.masked = [[place[row] for row in (*label.positives, *label.masked)] for label in labels]

    def evaluate(self, weights: Floats) -> tuple[float, Floats]:
        """The loss at W and its gradient (d, d) float32."""
        count, dimension = self.queries.shape
        off = weights - np.eye(dimension, dtype=np.float32)
        loss = 0.5 * self.config.ridge * float((off**2).sum()) / dimension
        gradient = self.config.ridge * off / dimension
        block = max(1, _BLOCK_CELLS // len(self.documents))
        for start in range(0, count, block):
            part, slope = self._evaluate_block(weights, start, min(start + block, count))
            loss += part / count
            gradient += slope / count
        return loss, gradient

    def _evaluate_block(self, weights: Floats, start: int, stop: int) -> tuple[float, Floats]:
        queries, scale = self.queries[start:stop], self.config.scale
        moved = queries @ weights.T
        length = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
        unit = moved / length
        scores = scale * (unit @ self.documents.T)
        highest = scores.max(axis=1)
        spread = np.exp(scores - highest[:, None])
        for row in range(stop - start):
            spread[row, self.reviewed[start + row]] *= self.config.negative_weight
            spread[row, self.masked[start + row]] = 0.0
        mass = spread.sum(axis=1)
        loss = 0.0
        pull = np.zeros(stop - start, np.float32)
        pushed: list[NDArray[np.float32]] = []
        for row in range(stop - start):
            answers, share = self.positives[start + row], self.shares[start + row]
            if mass[row] == 0.0:  # every document is an answer or masked: nothing to tell apart
                pushed.append(np.zeros_like(share))
                continue
            margin = np.log(mass[row]) + highest[row] - scores[row, answers]
            loss += float((share * np.logaddexp(0.0, margin)).sum())
            weight = share / (1.0 + np.exp(-np.clip(margin, -60, 60)))
            pull[row] = weight.sum()
            pushed.append(weight)
        spread *= (pull / np.maximum(mass, 1e-30))[:, None]
        for row, weight in enumerate(pushed):
            spread[row, self.positives[start + row]] -= weight
        towards = scale * (spread @ self.documents)
        across = (towards - (towards * unit).sum(axis=1, keepdims=True) * unit) / length
        return loss, np.asarray(across.T @ queries, np.float32)


def _choose_documents(count: int, labels: Sequence[AnchorLabels], config: AdapterConfig) -> NDArray[np.int64]:
    """Rows that serve as negatives, ascending: all, or every row a label names and a seeded sample of the others up to the cap."""
    if count <= config.max_documents:
        return np.arange(count)
    named = np.unique(np.array([row for label in labels for row in (*label.positives, *label.negatives, *label.masked)], np.int64))
    others = np.setdiff1d(np.arange(count), named)
    room = min(len(others), max(0, config.max_documents - len(named)))
    return np.sort(np.concatenate([named, np.random.default_rng(config.seed).choice(others, room, replace=False)]))
