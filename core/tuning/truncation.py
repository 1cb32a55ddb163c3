"""The share of texts that a model cuts. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

from core.model import ModelRecord
from core.retrieval.tokens import count_tokens


def measure_cut_share(record: ModelRecord, texts: Sequence[str]) -> float | None:
    """The share of texts that the model cuts, prompt included; None without a tokenizer, 0 without texts."""
    count = count_tokens(record)
    if count is None:
        return None
    lengths = count([record.document_prompt + text for text in texts])
    return sum(length > record.max_length for length in lengths) / max(len(lengths), 1)
