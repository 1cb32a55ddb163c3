"""What a tuning run is told, and what it will cost. No torch here: pages show it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import sample_data
from core.model import ModelRecord, PairsmithError
from core.tuning.knobs import check_knobs, refuse_unknown

ADAPTER_S = 30.0
"""Seconds of fitting an adapter and of measuring it, as the vectors are there: a handful on a quiet machine."""
SLOWER = {"mnrl": 1.0, "cached_mnrl": 2.2, "gist": 2.6}
"""The losses, and how much longer a step takes than the first's: twice to 2.4 times in mini-batches, as the library says; a guide adds a forward pass."""
LOSSES = tuple(SLOWER)
METHODS = ("whole", "adapter")
"""What is trained: the model, or one matrix on its query vectors."""
MERGE_WEIGHTS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Shares of the tuned weights that a blend is looked for among; one more lies above the largest of them that forgets little (`core.tuning.merge`)."""
MERGE_MEASURED = 3
"""Of those that forget little, how many development NDCG@5 is measured at: it takes the time of many looks at the guard set."""
MIN_TRAIN_ANCHORS = 50
"""Below this, tuning a whole model mostly learns the few questions by heart."""
NEAR = 20
"""Documents that a development anchor has development NDCG@5 measured over: its nearest under the base model (`core.tuning.held_out`)."""
ASSUMED_TEXTS_PER_S = 18.0
"""Texts a second through a training step of MiniLM on two cores, until a run here has measured it."""


LIMITS = {
    "epochs": (1, 50),
    "batch": (2, 4096),
    "negatives": (0, 10),
    "evaluations": (1, 100),
    "min_grade": (1, 10),
    "mini_batch": (1, 1024),
    "frozen_layers": (0, 100),
    "lora_rank": (0, 256),
    "patience": (0, 100),
    "seeds": (1, 5),
}


@dataclass(frozen=True)
class TuneConfig:
    """A tuning run, frozen: the same configuration, snapshot and base give the same model."""

    method: str = "whole"
    """`whole`, the model; `adapter`, a matrix on query vectors, in seconds: of what follows it heeds `min_grade`, `scale` and `seed` alone."""
    epochs: int = 2
    batch: int = 32
    """Rows a step. Every other row's documents are negatives of an anchor, so larger is harder."""
    learning_rate: float = 5e-5
    warmup: float = 0.1
    """Share of the steps over which the rate rises."""
    negatives: int = 2
    """Reviewed hard negatives a row, at most."""
    unreviewed_negatives: bool = False
    """Fill rows up with mined negatives that nobody reviewed. Some of them are answers, and teach the opposite of the truth."""
    generic_share: float = 0.15
    """Share of rows that are everyday question–answer pairs, so that general knowledge stays."""
    generic_path: str = ""
    """A file of everyday pairs (`core.tuning.generic`); those bundled where empty."""
    loss: str = "mnrl"
    """`mnrl`; `cached_mnrl`, the same in mini-batches: less memory, more time; `gist`, where the base model takes out in-batch negatives that look like
    answers."""
    mini_batch: int = 32
    """Rows in memory at once, with a cached loss."""
    scale: float | None = None
    """Inverse temperature of the loss; None for the model family's own (`choose_scale`)."""
    frozen_layers: int = 0
    """The embeddings and so many of the first layers are left as they are; 0 trains everything."""
    lora_rank: int = 0
    """Rank of low-rank adapters trained instead of the weights, and merged into them at the end; 0 trains the weights themselves."""
    matryoshka: tuple[int, ...] = ()
    """Shorter lengths at which the first numbers of a vector shall serve alone."""
    min_grade: int = 2
    """Lowest grade that counts as an answer to train on."""
    evaluations: int = 2
    """How often development NDCG@5 is measured; the best checkpoint wins."""
    patience: int = 3
    """Stop after so many measurements without a new best; 0 never stops early."""
    merge: bool = True
    """Blend the tuned weights with the base's, by the weight that does best on development anchors without forgetting."""
    seed: int = 0
    seeds: int = 1
    """Trainings with as many seeds, the first `seed`, to see how far luck alone moves the result. The first is the model."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matryoshka", tuple(self.matryoshka))
        check_knobs(self, LIMITS)
        if self.scale is not None and not self.scale > 0:
            raise PairsmithError(f"scale is {self.scale}: it must be above 0; 20 is usual for MiniLM. Leave it out for the model's own.")
        if not 0 <= self.generic_share < 0.9 or not 0 <= self.warmup < 1:
            raise PairsmithError("generic_share must lie in [0, 0.9) and warmup in [0, 1).")
        if self.method not in METHODS:
            raise PairsmithError(f"method is {self.method!r}: it must be one of {', '.join(METHODS)}.")
        if self.loss not in LOSSES:
            raise PairsmithError(f"loss is {self.loss!r}: it must be one of {', '.join(LOSSES)}.")
        if any(not isinstance(length, int) or length < 1 for length in self.matryoshka) or len(set(self.matryoshka)) < len(self.matryoshka):
            raise PairsmithError(f"matryoshka is {list(self.matryoshka)}: it must be different whole numbers above 0.")
        if self.lora_rank and self.frozen_layers:
            raise PairsmithError("lora_rank and frozen_layers do not go together: low-rank adapters leave all weights as they are. Set one of them to 0.")

    def count_generic(self, pairs: int) -> int:
        """How many generic rows make up their share beside `pairs` rows of the project, whether or not there are so many."""
        return round(pairs * self.generic_share / (1 - self.generic_share))

    def to_json(self) -> dict[str, Any]:
        """As stored with the run."""
        return {**asdict(self), "matryoshka": list(self.matryoshka)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TuneConfig:
        """Read what `to_json` wrote; unknown names are an error. Raises `PairsmithError`."""
        return cls(**refuse_unknown(values, cls))


def choose_scale(config: TuneConfig, record: ModelRecord) -> float:
    """The scale in force: the configuration's, else the one the model's family was trained with, 50 for bge (temperature 0.02) and 20 for all others."""
    if config.scale is not None:
        return config.scale
    return 50.0 if "bge-" in f"{record.name} {record.location}".lower() else 20.0


@dataclass(frozen=True)
class Estimate:
    """What a run will do and take."""

    rows: int
    steps: int
    seconds: float


def count_bundled() -> int:
    """How many generic pairs are bundled: no run mixes in more."""
    return _count_lines(sample_data.GENERIC_PAIRS)


def count_guard() -> int:
    """Passages of the bundled guard set: what a look at it mostly takes, since its questions are short."""
    return _count_lines(sample_data.GUARD / "corpus.jsonl")


@lru_cache(maxsize=2)
def _count_lines(path: Path) -> int:
    return sum(bool(line.strip()) for line in path.read_text(encoding="utf-8").splitlines())


def estimate_run(
    config: TuneConfig,
    *,
    pairs: int,
    documents: int,
    dev_anchors: int,
    texts_per_s: float = ASSUMED_TEXTS_PER_S,
    generic_available: int | None = None,
) -> Estimate:
    """Rows and steps of a run over `pairs` anchor–answer pairs, and its seconds.

    `texts_per_s`: texts a second through a training step; encoding alone is taken as four times as fast (a training step is one forward and
    about two backward passes, and an update). Measured runs of the project replace the assumption.
    `generic_available`: generic pairs there are to mix in; those bundled unless given.
    """
    if config.method == "adapter":
        return Estimate(pairs, 60, ADAPTER_S)
    generic = min(config.count_generic(pairs), count_bundled() if generic_available is None else generic_available)
    rows = pairs + generic
    steps = math.ceil(rows / config.batch) * config.epochs
    trained = config.epochs * (pairs * (2 + config.negatives) + generic * 2) * SLOWER[config.loss] * config.seeds
    measured = min(documents, dev_anchors * NEAR) * (config.evaluations * config.seeds + MERGE_MEASURED * config.merge)
    whole = documents * (2 + (config.seeds if config.seeds > 1 else 0))  # before and after, and each seed on held-out anchors
    looked = count_guard() * (len(MERGE_WEIGHTS) + 2) * config.merge  # the base, the shares and one between
    encoded = measured + whole + looked + dev_anchors
    return Estimate(rows, steps, trained / texts_per_s + encoded / (4 * texts_per_s) + 15.0)
