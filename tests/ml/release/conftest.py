"""A small project with two models of one dimension and other weights: what no database tells apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.model import ModelRecord
from core.release.reindex import reindex
from core.release.store import Store
from core.release.stores.faiss_files import FaissFiles
from core.retrieval.models import describe_model
from core.store import artefacts
from core.workspace import Workspace
from tests.tiny_model import make_tiny_model


class Quiet:
    """Hears what a run says."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.figures: dict[str, Any] = {}

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        self.stages.append(message)

    def report(self, step: int, total: int | None = None, message: str | None = None, figures: Mapping[str, Any] | None = None) -> None:
        self.figures |= figures or {}


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as `tiny_model`, its weights drawn by another seed."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "other", seed=1)


def register(workspace: Workspace, folder: Path, name: str) -> ModelRecord:
    record = replace(describe_model(str(folder)), name=name)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, "small", record)
    return record


@pytest.fixture
def old(workspace: Workspace, small_project: str, tiny_model: Path) -> ModelRecord:
    return register(workspace, tiny_model, "old model")


@pytest.fixture
def new(workspace: Workspace, small_project: str, other_model: Path) -> ModelRecord:
    return register(workspace, other_model, "new model")


@pytest.fixture
def files(workspace: Workspace) -> FaissFiles:
    return FaissFiles(workspace.home / "index", "clauses")


@pytest.fixture
def bring(workspace: Workspace, files: FaissFiles) -> Callable[..., dict[str, Any]]:
    """Re-indexes the small project with a model, into `files` unless another store is given."""

    def run(record: ModelRecord, store: Store | None = None, **options: Any) -> dict[str, Any]:
        return reindex(workspace, "small", record, store or files, options.pop("speaker", None) or Quiet(), **options)

    return run
