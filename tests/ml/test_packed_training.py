"""Training by packs of like length: the numbers of the padded batch, without its padding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss, MultipleNegativesRankingLoss

from core.retrieval.encoder import load_transformer
from core.retrieval.models import describe_model
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
