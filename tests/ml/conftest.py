"""One thread for the tiny model: more only wait for each other, minutes long where the machine is shared. `every_thread` undoes it for a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.tiny_model import make_tiny_cross_encoder


@pytest.fixture(autouse=True, scope="package")
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep torch to one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cross_encoder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real cross-encoder of one layer, made once."""
    return make_tiny_cross_encoder(tmp_path_factory.mktemp("models") / "cross", tiny_model)


@pytest.fixture
def every_thread() -> Iterator[None]:
    """As many threads as there are cores."""
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(1)
