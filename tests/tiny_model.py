"""A real sentence-transformers model small enough to make and train in a test: two layers, 32 dimensions, a vocabulary of the sample's words."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import sample_data

GENERAL = 170
"""Passages of the guard set whose words the vocabulary has: so many however large the set, since another vocabulary is another model."""


def make_tiny_model(folder: Path, *, seed: int = 0) -> Path:
    """Write the model into `folder` and return it. The same seed gives the same weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    general = (sample_data.GUARD / "corpus.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:GENERAL]
    text = ((sample_data.CONTRACTS / "corpus.jsonl").read_text(encoding="utf-8") + "".join(general)).lower()
    words = [word for word, _ in Counter(re.findall(r"[a-z]+", text)).most_common(3000)]
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *words,
        *(f"##{chr(c)}" for c in range(97, 123)),
        *(chr(c) for c in range(97, 123) if chr(c) not in words),
    ]
    source = folder.with_name(folder.name + "-source")
    source.mkdir(parents=True)
    (source / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)), encoding="utf-8")
    torch.manual_seed(seed)
    tokenizer = BertTokenizerFast(vocab=str(source / "vocab.txt"), model_max_length=64)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=64)
    BertModel(config).save_pretrained(source)
    tokenizer.save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=64)
    SentenceTransformer(modules=[transformer, Pooling(32), Normalize()]).save_pretrained(str(folder), create_model_card=False)
    return folder


def make_tiny_cross_encoder(folder: Path, tiny_model: Path, *, labels: int = 1) -> Path:
    """Write a real cross-encoder of one layer with the tiny model's tokenizer into `folder` and return it. Always the same weights."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    tokenizer = BertTokenizerFast.from_pretrained(tiny_model.with_name(tiny_model.name + "-source"))
    torch.manual_seed(1)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64}
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=labels, **shape)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
