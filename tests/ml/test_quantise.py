"""An 8-bit model of a project's model: a model of its own, refused where it loses, and nothing of a refused one stays."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from core.evaluation.systems import find_system
from core.model import ModelKind, PairsmithError
from core.retrieval.encoder import Encoder, embed_documents
from core.retrieval.vectors import open_cache
from core.store import artefacts, corpus
from core.tuning import quantise
from core.tuning.quantise import quantise_model
from core.workspace import Workspace

pytest.importorskip("openvino")
pytest.importorskip("nncf")
pytestmark = pytest.mark.slow


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model knows nothing, so that its order of documents is luck: any loss is allowed."""
    monkeypatch.setattr(quantise, "MOST_LOST", 1.0)


@pytest.mark.usefixtures("lenient")
def test_it_is_registered_under_a_fingerprint_of_its_own_and_encodes_both_sides_by_itself(workspace: Workspace, small_project: str):
    told = quantise_model(workspace, small_project, "base")
    base, made = find_system(workspace, small_project, "base"), find_system(workspace, small_project, told["id"])
    assert base is not None
    assert made is not None
    assert (made.kind, made.name, made.base_id, made.dimension) == (ModelKind.INT8, "tiny int8", base.id, base.dimension)
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, small_project)
    held = open_cache(workspace, made)
    assert len(held) == len(documents)
    stored, exact = (embed_documents(workspace, record, documents) for record in (made, base))
    again = Encoder(made)
    assert again.is_compiled
    assert np.abs(again.encode([document.content for document in documents]) - stored).max() < 1e-5
    assert 1e-5 < np.abs(stored - exact).max() < 0.2
    with pytest.raises(PairsmithError, match="cannot be made an 8-bit model of"):
        quantise_model(workspace, small_project, told["id"])


def test_one_that_loses_too_much_is_refused_and_leaves_nothing(workspace: Workspace, small_project: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quantise, "MOST_LOST", -1.0)
    with pytest.raises(PairsmithError, match="stays as it is"):
        quantise_model(workspace, small_project, "base")
    base = find_system(workspace, small_project, "base")
    with workspace.store.read() as conn:
        assert artefacts.list_models(conn, small_project) == [base]
    assert list(workspace.folder("models").iterdir()) == []
    assert [path.name for path in workspace.folder("vectors").iterdir()] == [base.id[:32]]


@pytest.mark.usefixtures("lenient")
def test_without_the_extra_it_cannot_be_made_nor_read(workspace: Workspace, small_project: str, monkeypatch: pytest.MonkeyPatch):
    told = quantise_model(workspace, small_project, "base")
    record = find_system(workspace, small_project, told["id"])
    for name in ("openvino", "nncf"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PairsmithError, match=r"pip install 'pairsmith\[fast\]'"):
        quantise_model(workspace, small_project, "base")
    with pytest.raises(PairsmithError, match="is in int8, which needs a package that is not installed"):
        Encoder(record)


def test_what_has_no_weights_or_nothing_to_measure_on_is_refused(workspace: Workspace, small_project: str, tiny_model: Path):
    from core.store import projects

    with workspace.store.write() as conn:
        projects.add_project(conn, "bare", base_model=str(tiny_model))
    for project, system, words in ((small_project, "bm25", "cannot be made an 8-bit model of"), ("bare", "base", "No development anchor has an answer")):
        with pytest.raises(PairsmithError, match=words):
            quantise_model(workspace, project, system)
