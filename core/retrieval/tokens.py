"""How long texts are in tokens, by the model's own fast tokenizer. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.model import ModelRecord

CHARACTERS_A_TOKEN = 4.0
"""Of English prose, about; used where no tokenizer was asked."""
_BLOCK = 2_000

CountTokens = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, special ones included."""


def count_tokens(record: ModelRecord) -> CountTokens | None:
    """A counter by the model's `tokenizer.json`, uncut; None where the model has none."""
    found = sorted(Path(record.location).rglob("tokenizer.json"))
    if not found:
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(found[0]))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        lengths: list[int] = []
        for start in range(0, len(texts), _BLOCK):
            lengths += [len(item.ids) for item in tokenizer.encode_batch(list(texts[start : start + _BLOCK]))]
        return lengths

    return count


def estimate_tokens(texts: Sequence[str]) -> list[int]:
    """Tokens of each text from its characters."""
    return [round(len(text) / CHARACTERS_A_TOKEN) + 2 for text in texts]
