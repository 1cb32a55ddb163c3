"""Every loss and every way to limit what moves, with a tiny real model for a few steps."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from core.model import Document, ModelRecord, PairsmithError
from core.retrieval.encoder import load_transformer
from core.retrieval.models import describe_model
from core.tuning.config import TuneConfig
from core.tuning.dataset import Row
from core.tuning.held_out import HeldOut
from core.tuning.train import Trained, train_model
from core.tuning.trainer import TrainingStopped, newest_checkpoint

WORDS = ["termination", "assignment", "liability", "insurance", "audit", "payment", "interest", "renewal"]
ROWS = [
    Row(f"what of {word}", f"the {word} clause says so", [f"a schedule on {word}"] * 2, f"a{n}", frozenset([f"d{n}"]), frozenset([f"d{n}"]))
    for n, word in enumerate(WORDS)
]
DEV = HeldOut(["q"], ["what of notice"], {"q": {"d1": 1}}, [Document("d0", "the parties agree"), Document("d1", "notice is given in writing")])
FEW = TuneConfig(epochs=2, batch=4, evaluations=2, learning_rate=1e-3, mini_batch=2)


@pytest.fixture
def base(tiny_model: Path) -> ModelRecord:
    return describe_model(str(tiny_model))


def train(base: ModelRecord, work: Path, on_step: Callable[[int], bool] = lambda step: True, **values: Any) -> Trained:
    config = TuneConfig(**{**vars(FEW), **values})
    return train_model(base, ROWS, [], DEV, config, work, lambda step, total: None, lambda step, total, series: on_step(step))


def list_changed(base: ModelRecord, model: SentenceTransformer) -> set[str]:
    before = load_transformer(base).state_dict()
    assert before.keys() == model.state_dict().keys()
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("matryoshka", [(), (8,)])
@pytest.mark.parametrize("loss", ["mnrl", "cached_mnrl", "gist"])
def test_every_loss_moves_the_weights_with_shorter_vectors_or_without(base: ModelRecord, tmp_path: Path, loss: str, matryoshka: tuple[int, ...]):
    trained = train(base, tmp_path, loss=loss, matryoshka=matryoshka)
    assert trained.steps == 4
    assert list_changed(base, trained.model)
    assert all(torch.isfinite(tensor).all() for tensor in trained.model.state_dict().values())


def test_frozen_layers_and_embeddings_stay_as_they_were(base: ModelRecord, tmp_path: Path):
    changed = list_changed(base, train(base, tmp_path, frozen_layers=1).model)
    assert not any(".embeddings." in name or ".layer.0." in name for name in changed)
    assert any(".layer.1." in name for name in changed)


def test_more_frozen_layers_than_there_are_is_refused(base: ModelRecord, tmp_path: Path):
    with pytest.raises(PairsmithError, match="frozen_layers is 3, but the model has 2 layers"):
        train(base, tmp_path, frozen_layers=3)


def test_a_length_beyond_the_vectors_is_refused(base: ModelRecord, tmp_path: Path):
    with pytest.raises(PairsmithError, match="have 32 numbers: a length of 64 is too long"):
        train(base, tmp_path, matryoshka=(64,))


def test_low_rank_adapters_end_as_plain_weights_that_the_library_loads(base: ModelRecord, tmp_path: Path):
    pytest.importorskip("peft")
    model = train(base, tmp_path / "work", lora_rank=4).model
    changed = list_changed(base, model)
    assert changed
    assert all(name.endswith("weight") and ".embeddings." not in name for name in changed)
    model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    texts = ["payment is due"]
    again = SentenceTransformer(str(tmp_path / "saved")).encode(texts, show_progress_bar=False)
    assert torch.allclose(torch.tensor(again), torch.tensor(model.encode(texts, show_progress_bar=False)), atol=1e-6)


def test_without_peft_the_command_that_installs_it_is_named(base: ModelRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name == "peft":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PairsmithError, match=r"pip install 'pairsmith\[lora\]'"):
        train(base, tmp_path, lora_rank=4)


def test_a_training_told_to_stop_gives_back_its_best_checkpoint(base: ModelRecord, tmp_path: Path):
    trained = train(base, tmp_path, lambda step: step < 3)
    assert (trained.stopped, trained.steps) == (True, 3)
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    held = load_file(tmp_path / "checkpoint-2" / "model.safetensors")
    assert all(torch.equal(tensor, held[name]) for name, tensor in trained.model.state_dict().items() if name in held)


def test_a_training_told_to_stop_before_anything_was_measured_has_nothing_to_give(base: ModelRecord, tmp_path: Path):
    with pytest.raises(TrainingStopped):
        train(base, tmp_path, lambda step: step < 1)


def test_a_training_ends_by_itself_where_development_no_longer_rises(base: ModelRecord, tmp_path: Path):
    """The one development anchor is answered from the first measurement on, so none is a new best."""
    still = HeldOut(["q"], ["notice"], {"q": {"d1": 1}}, [Document("d1", "notice is given in writing")])
    config = TuneConfig(**{**vars(FEW), "epochs": 10, "evaluations": 20, "patience": 2})
    trained = train_model(base, ROWS, [], still, config, tmp_path, lambda step, total: None, lambda step, total, series: True)
    assert (trained.stopped_early, trained.steps) == (True, 3)


@pytest.mark.parametrize("values", [{}, {"loss": "cached_mnrl", "lora_rank": 4}])
def test_a_training_taken_up_from_its_checkpoint_ends_with_the_very_weights_of_one_that_was_not_interrupted(
    base: ModelRecord, tmp_path: Path, values: dict[str, Any]
):
    whole = train(base, tmp_path / "whole", **values)
    train(base, tmp_path / "again", lambda step: step < 3, **values)
    taken_up = train(base, tmp_path / "again", **values)
    assert (taken_up.steps, taken_up.best_dev) == (whole.steps, whole.best_dev)
    before = whole.model.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in taken_up.model.state_dict().items())
