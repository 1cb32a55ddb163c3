"""The loss of a run, and which of the model's weights it moves: all, the upper layers, or low-rank adapters that are merged at the end.

Refuses what the model cannot do (more frozen layers than it has, vectors longer than its own) and names the command where `peft` is missing.
"""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedGISTEmbedLoss,
    CachedMultipleNegativesRankingLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)
from torch import nn

from core.model import ModelRecord, PairsmithError
from core.retrieval.encoder import load_transformer
from core.tuning.config import TuneConfig, choose_scale

INSTALL_LORA = "pip install 'pairsmith[lora]'"
_LAYERS = ("layer", "layers", "h", "block")


def build_loss(model: SentenceTransformer, record: ModelRecord, config: TuneConfig) -> nn.Module:
    """The configured loss over rows of anchor, positive and the same number of negatives each.

    `gist` has the base model as its guide (GISTEmbed, Solatorio 2024, arXiv 2402.16829): a document in the batch that the base finds nearer to the anchor than
    the row's own answer is no negative there. That goes for reviewed negatives too, so it suits data with few of them. Anchors and answers are not
    contrasted among themselves, as in the other losses. With `matryoshka` the loss is taken at each length and at the full one (Kusupati et al. 2022, arXiv
    2205.13147); for the cached losses the library shortens the cached vectors (`CachedLossDecorator`), so both go together.
    """
    scale = choose_scale(config, record)
    loss: nn.Module
    if config.loss == "cached_mnrl":
        loss = CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=config.mini_batch)
    elif config.loss == "gist":
        guide = load_transformer(record).requires_grad_(False)
        options: dict[str, Any] = {"temperature": 1 / scale, "mini_batch_size": config.mini_batch, "contrast_anchors": False, "contrast_positives": False}
        loss = CachedGISTEmbedLoss(model, guide, **options)
    else:
        loss = MultipleNegativesRankingLoss(model, scale=scale)
    if not config.matryoshka:
        return loss
    if too_long := [length for length in config.matryoshka if length > record.dimension]:
        raise PairsmithError(f"The vectors of {record.name!r} have {record.dimension} numbers: a length of {too_long[0]} is too long. Choose shorter ones.")
    shortened: nn.Module = MatryoshkaLoss(model, loss, sorted({record.dimension, *config.matryoshka}, reverse=True))
    return shortened


def prepare_weights(model: SentenceTransformer, config: TuneConfig) -> None:
    """Freeze what shall stay, or put low-rank adapters in. Raises `PairsmithError` where that is not possible."""
    if config.frozen_layers:
        _freeze_layers(model.transformers_model, config.frozen_layers)
    if config.lora_rank:
        _add_lora(model.transformers_model, config)


def merge_lora(model: SentenceTransformer) -> None:
    """Add the adapters to the weights they belong to and take them out: what is left are the plain weights of the base's own shapes."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, module.get_base_layer())
    model.requires_grad_(True)


def _freeze_layers(transformer: Any, count: int) -> None:
    stack = next((module for name, module in transformer.named_modules() if isinstance(module, nn.ModuleList) and name.rpartition(".")[2] in _LAYERS), None)
    if stack is None or count > len(stack):
        has = "no layers that Pairsmith knows" if stack is None else f"{len(stack)} layers"
        raise PairsmithError(f"frozen_layers is {count}, but the model has {has}. Choose fewer; 0 trains everything.")
    embeddings = getattr(transformer, "embeddings", None) or transformer.get_input_embeddings()
    for module in (embeddings, *list(stack)[:count]):
        module.requires_grad_(False)


def _add_lora(transformer: Any, config: TuneConfig) -> None:
    """Adapters of rank r on every linear layer but the pooler (Hu et al. 2021, arXiv 2106.09685), scaled by alpha / r = 2; started by the seed."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise PairsmithError(f"Low-rank adapters need a package that is not installed: {INSTALL_LORA}. Or set lora_rank to 0.") from error
    targets = [name for name, module in transformer.named_modules() if isinstance(module, nn.Linear) and not name.startswith("pooler")]
    torch.manual_seed(config.seed)
    inject_adapter_in_model(LoraConfig(r=config.lora_rank, lora_alpha=2 * config.lora_rank, lora_dropout=0.0, target_modules=targets), transformer)
