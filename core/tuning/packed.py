"""Training that computes on no more padding than it must: the same embeddings, hence the same loss, from batches of like length.

A column of a training batch is padded to its longest text. Its rows go through the model in packs of like length instead, each cut to its own longest, and
come back in their order. What a row is contrasted with does not change. Dropout draws other numbers than one large batch would, by the same seed always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from core.retrieval.encoder import BATCH_TOKENS, pack_by_length


@contextmanager
def pack_forward(model: SentenceTransformer, budget: int = BATCH_TOKENS) -> Iterator[None]:
    """While it is open, the model's forward pass goes by packs of at most `budget` tokens; it gives the sentence embeddings alone.

    Nothing changes where the model is not on the processor: an accelerator is faster with one large batch.
    """
    if model.device.type != "cpu":
        yield
        return
    plain = model.forward

    def forward(features: Mapping[str, Any], **options: Any) -> dict[str, torch.Tensor]:
        mask = features["attention_mask"]
        packs = pack_by_length([int(length) for length in mask.sum(dim=1)], budget, len(mask))
        parts = [plain(_take_rows(features, rows), **options)["sentence_embedding"] for rows in packs]
        place = torch.tensor([row for rows in packs for row in rows], device=mask.device).argsort()
        return {"sentence_embedding": torch.cat(parts)[place]}

    model.forward = forward
    try:
        yield
    finally:
        del model.forward


def _take_rows(features: Mapping[str, Any], rows: list[int]) -> dict[str, Any]:
    """The rows of every tensor of shape (n, tokens), cut to the longest among them; padding may stand on either side."""
    mask = features["attention_mask"]
    used = mask[rows].any(dim=0)
    return {name: value[rows][:, used] if isinstance(value, torch.Tensor) and value.shape == mask.shape else value for name, value in features.items()}
