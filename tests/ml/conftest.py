"""One thread for the tiny model: more only wait for each other, minutes long where the machine is shared. `every_thread` undoes it for a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep torch to one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def every_thread() -> Iterator[None]:
    """As many threads as there are cores."""
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cross_encoder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real cross-encoder on the tiny model's own configuration, with weights of a fixed seed."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    source = tiny_model.with_name(tiny_model.name + "-source")
    tokenizer = BertTokenizerFast.from_pretrained(source)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, max_position_embeddings=64, num_labels=1
    )
    folder = tmp_path_factory.mktemp("models") / "cross"
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
