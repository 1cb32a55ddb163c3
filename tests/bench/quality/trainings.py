"""The trainings that are compared: the recipe that articles print, through the plain library, and ours, through what a tuning run calls."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from core.evaluation.guard import list_guard_texts, measure_encoder
from core.model import Part, hash_text
from core.retrieval.encoder import Encoder, load_transformer
from core.tuning.config import MERGE_WEIGHTS, NEAR, TuneConfig
from core.tuning.dataset import build_rows
from core.tuning.generic import mix_generic, read_generic_for
from core.tuning.held_out import narrow, read_held_out, score_held_out
from core.tuning.merge import merge_with_base
from core.tuning.recipes import choose_recipe
from core.tuning.train import train_model
from tests.bench.quality.prepare import ANSWERS, TRAIN_ANCHORS, Prepared

ARTICLE = {"epochs": 3, "batch": 16, "warmup_steps": 0.1, "learning_rate": 2e-5}
"""Three epochs, batches of 16; such scripts call `fit` and leave the rate at its default, 2e-5. They warm up for 100 steps, which is more than so few rows
have: the rate would never be reached. A tenth of the steps is used instead, to the recipe's favour."""


@dataclass(frozen=True)
class Result:
    """A trained model's scores by anchor id, guard NDCG@5, and what it took."""

    scores: Mapping[str, float]
    guard: float
    seconds: float
    cpu_s: float
    rows: int
    more: Mapping[str, Any]
    settings: Mapping[str, Any]
    """What it was trained with, the snapshot included: a cell of other settings is trained again."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "scores": dict(self.scores)}


def measure_base(data: Prepared, part: Part) -> Result:
    """The base model as it is."""
    encoder = Encoder(data.base)
    scores = score_held_out(encoder, read_held_out(data.snapshot, data.documents, part))
    return Result(scores, measure_encoder(encoder), 0.0, 0.0, 0, {}, name_settings(data, "base", 0))


def name_settings(data: Prepared, recipe: str, seed: int, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a cell depends on: the snapshot, the budget, the guard set, and the recipe's settings."""
    ours = {**our_config(data, seed).to_json(), **(changes or {}), "weights": MERGE_WEIGHTS, "near": NEAR}
    settings = {"base": {}, "article": ARTICLE, "ours": ours}[recipe]
    return json.loads(json.dumps({"snapshot": data.snapshot.id, "budget": [TRAIN_ANCHORS, ANSWERS], "guard": name_guard(), **settings}))


def name_guard() -> str:
    """A name for the contents of the guard set: blending looks at it, and every cell is measured on it."""
    return hash_text("\n".join(sorted(list_guard_texts())))


def model_folder(data: Prepared, recipe: str, seed: int) -> Path:
    """Where the model of a cell is kept, for what looks at it later."""
    return data.home / "models" / f"{recipe}-{seed}"


def train_article(data: Prepared, seed: int, part: Part) -> Result:
    """MultipleNegativesRankingLoss on the same pairs as ours, each with a document drawn at random as its negative; no mixing, the last weights."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    rows = build_rows(data.snapshot, our_config(data, seed), data.twins)
    rng = random.Random(seed)
    contents = [document.content for document in data.documents]
    columns = {"anchor": [row.anchor for row in rows], "positive": [row.positive for row in rows], "negative": [rng.choice(contents) for _ in rows]}
    model = load_transformer(data.base)
    began = (time.perf_counter(), time.process_time())
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=folder,
            num_train_epochs=ARTICLE["epochs"],
            per_device_train_batch_size=int(ARTICLE["batch"]),
            warmup_steps=ARTICLE["warmup_steps"],
            learning_rate=ARTICLE["learning_rate"],
            seed=seed,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        SentenceTransformerTrainer(model=model, args=arguments, train_dataset=Dataset.from_dict(columns), loss=MultipleNegativesRankingLoss(model)).train()
    taken = (time.perf_counter() - began[0], time.process_time() - began[1])
    model.save(str(model_folder(data, "article", seed)), create_model_card=False)
    return _result(data, model, part, taken, len(rows), {}, name_settings(data, "article", seed))


def train_ours(data: Prepared, seed: int, part: Part, changes: Mapping[str, Any] | None = None, *, keep_as: str = "") -> Result:
    """The recipe for so many anchors, with its data, batches, checkpoint choice and blending.

    `changes` to its settings are for choosing defaults by; `keep_as`: the recipe under which the model is kept, not at all where empty.
    """
    config = replace(our_config(data, seed), **(changes or {}))
    rows = build_rows(data.snapshot, config, data.twins)
    generic = mix_generic(rows, read_generic_for(config, list_guard_texts()), config) if config.generic_share else []
    everywhere = read_held_out(data.snapshot, data.documents, Part.DEV)
    encoder = Encoder(data.base)
    vectors = encoder.encode([document.content for document in data.documents], data.base.document_prompt)
    dev = narrow(everywhere, encoder.encode_queries(everywhere.anchors), vectors)
    began = (time.perf_counter(), time.process_time())
    with tempfile.TemporaryDirectory() as folder:
        trained = train_model(data.base, rows, generic, dev, config, Path(folder), lambda *_: None, lambda *_: True)
    more: dict[str, Any] = {"dev_base": trained.base_dev, "dev_best": trained.best_dev, "steps": trained.steps}
    if config.merge:
        chosen, points, base_guard = merge_with_base(data.base, trained.model, dev, lambda *_: None, tuned_dev=trained.best_dev)
        more |= {"weight": chosen.weight, "points": [asdict(point) for point in points], "base_guard": base_guard}
    taken = (time.perf_counter() - began[0], time.process_time() - began[1])
    if keep_as:
        trained.model.save(str(model_folder(data, keep_as, seed)), create_model_card=False)
    return _result(data, trained.model, part, taken, len(rows), more, name_settings(data, "ours", seed, changes))


def our_config(data: Prepared, seed: int) -> TuneConfig:
    """The settings that the app would choose for the project."""
    config = choose_recipe(data.count(Part.TRAIN)).config
    if config is None:
        raise ValueError(f"{data.name} has too few training anchors for a recipe")
    return replace(config, seed=seed)


def _result(
    data: Prepared, model: SentenceTransformer, part: Part, taken: tuple[float, float], rows: int, more: Mapping[str, Any], settings: Mapping[str, Any]
) -> Result:
    encoder = Encoder(data.base, model.eval())
    return Result(score_held_out(encoder, read_held_out(data.snapshot, data.documents, part)), measure_encoder(encoder), *taken, rows, more, settings)
