"""Training by packs of like length: the numbers of the padded batch, without its padding."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss, MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling

from core.model import ModelRecord
from core.retrieval.encoder import load_transformer
from core.retrieval.models import describe_model
from core.tuning.config import LOSSES, TuneConfig
from core.tuning.losses import build_loss
from core.tuning.packed import pack_forward

COLUMNS = (
    ["termination", "payment of interest is late " * 3, "insurance of the goods", "a", "notice"],
    ["the contract ends " * 9, "interest runs", "the goods are insured by the seller " * 4, "audit", "notice is given in writing"],
)


@pytest.fixture
def model(tiny_model: Path) -> SentenceTransformer:
    return load_transformer(describe_model(str(tiny_model)))


def compute(model: SentenceTransformer, loss: torch.nn.Module) -> tuple[float, torch.Tensor]:
    """Loss and the gradient of all weights, without dropout."""
    model.zero_grad()
    value = loss([model.preprocess(list(column)) for column in COLUMNS], torch.zeros(5))
    value.backward()
    return float(value.detach()), torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


@pytest.mark.parametrize("kind", [MultipleNegativesRankingLoss, CachedMultipleNegativesRankingLoss])
def test_loss_and_gradient_are_those_of_the_padded_batch(model: SentenceTransformer, kind: type[torch.nn.Module]):
    options = {"mini_batch_size": 3} if kind is CachedMultipleNegativesRankingLoss else {}
    wanted, slope = compute(model, kind(model, scale=20.0, **options))
    with pack_forward(model, budget=24):
        found, packed_slope = compute(model, kind(model, scale=20.0, **options))
    assert found == pytest.approx(wanted, abs=1e-5)
    assert torch.allclose(packed_slope, slope, atol=1e-5)


PROMPTS = ("query: ", "passage: ")


def compute_as_configured(record: ModelRecord, *, packed: bool, loss: str, matryoshka: tuple[int, ...], prompts: tuple[str, str]) -> tuple[float, torch.Tensor]:
    """Loss and gradient of a run's own loss, each column under its prompt as the trainer's collator has it."""
    model = load_transformer(record)
    module = build_loss(model, record, TuneConfig(loss=loss, matryoshka=matryoshka, mini_batch=3))
    columns = zip((*COLUMNS, COLUMNS[1][::-1]), (*prompts, prompts[1]), strict=True)
    with pack_forward(model, budget=24) if packed else nullcontext():
        value = module([model.preprocess(list(column), prompt=prompt or None) for column, prompt in columns], torch.zeros(5))
        value.backward()
    return float(value.detach()), torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


@pytest.mark.parametrize("prompts", [("", ""), PROMPTS], ids=["no prompts", "prompts"])
@pytest.mark.parametrize("matryoshka", [(), (8,)], ids=["whole", "shortened"])
@pytest.mark.parametrize("loss", LOSSES)
def test_it_holds_for_every_loss_of_a_run_with_shorter_vectors_and_with_prompts(
    tiny_model: Path, loss: str, matryoshka: tuple[int, ...], prompts: tuple[str, str]
):
    record = describe_model(str(tiny_model))
    wanted, slope = compute_as_configured(record, packed=False, loss=loss, matryoshka=matryoshka, prompts=prompts)
    found, packed_slope = compute_as_configured(record, packed=True, loss=loss, matryoshka=matryoshka, prompts=prompts)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert (packed_slope - slope).abs().max() < 1e-4 * slope.abs().max()


def test_a_prompt_that_pooling_leaves_out_is_left_out_of_every_pack(tiny_model: Path, tmp_path: Path):
    plain = SentenceTransformer(str(tiny_model))
    folder = tmp_path / "without-prompt"
    SentenceTransformer(modules=[plain[0], Pooling(32, include_prompt=False), plain[2]]).save_pretrained(str(folder), create_model_card=False)
    model = load_transformer(describe_model(str(folder)))
    features = model.preprocess(COLUMNS[1], prompt=PROMPTS[1])
    assert features["prompt_length"]
    wanted = model({**features})["sentence_embedding"]
    with pack_forward(model, budget=24):
        found = model(features)["sentence_embedding"]
    assert torch.allclose(found, wanted, atol=1e-6)
    assert not torch.allclose(found, model(model.preprocess(COLUMNS[1]))["sentence_embedding"], atol=1e-3)


def test_no_pack_holds_more_than_its_budget_and_the_model_is_itself_again_afterwards(model: SentenceTransformer):
    seen: list[tuple[int, int]] = []
    model[0].register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0]["input_ids"].shape)))
    plain = model.forward
    features = model.preprocess(COLUMNS[1])
    wanted = model({**features})["sentence_embedding"]
    with pack_forward(model, budget=24):
        found = model(features)["sentence_embedding"]
    (padded, *packs) = seen
    assert torch.allclose(found, wanted, atol=1e-6)
    assert all(rows == 1 or rows * tokens <= 24 for rows, tokens in packs)
    assert sum(rows * tokens for rows, tokens in packs) < padded[0] * padded[1] / 1.5
    assert model.forward == plain
