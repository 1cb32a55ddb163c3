"""A query-side adapter in a release: documents as the base has them, queries by the matrix; the two query sides are never mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from core.model import ModelKind, ModelRecord
from core.release.guard import FilesReader, GuardedIndex, IndexRefused, encode_by, fingerprint_of
from core.release.live import look_at_live, roll_back, search_live
from core.release.model_zip import export_model
from core.release.plan import make_plan
from core.release.probes import encode_with
from core.release.store import ReleaseRefused
from core.release.stores.faiss_files import FaissFiles
from core.retrieval.encoder import Encoder, embed_anchors
from core.retrieval.fingerprint import fingerprint_folder
from core.store import artefacts
from core.tuning.adapter_run import build_model
from core.workspace import Workspace
from tests.ml.release.test_failures import QUESTION, ask

Bring = Callable[..., dict[str, Any]]


def make_adapter(workspace: Workspace, base: ModelRecord, folder: Path) -> ModelRecord:
    """An adapter of the base that turns queries far enough for the ranking to change."""
    turned = np.eye(base.dimension, dtype=np.float32) + np.random.default_rng(0).normal(0, 0.3, (base.dimension, base.dimension)).astype(np.float32)
    build_model(base, turned).save_pretrained(str(folder), create_model_card=False)
    fingerprint = fingerprint_folder(folder, query_prompt=base.query_prompt, document_prompt=base.document_prompt, max_length=base.max_length)
    record = replace(base, id=fingerprint, name="an adapter", kind=ModelKind.ADAPTER, location=str(folder), base_id=base.id)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, "small", record)
    return record


@pytest.fixture
def adapter(workspace: Workspace, old: ModelRecord, tmp_path: Path) -> ModelRecord:
    return make_adapter(workspace, old, tmp_path / "adapter")


def test_it_is_released_without_encoding_a_document_and_its_queries_go_through_the_matrix(
    workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord, adapter: ModelRecord, tmp_path: Path
) -> None:
    first = bring(old)
    before = ask(files, old)
    assert make_plan(workspace, "small", adapter, files).to_encode == 0
    second = bring(adapter)
    assert (second["encoded"], second["written"], second["previous"]) == (0, 24, first["version"])
    export_model(workspace, "small", adapter, tmp_path / "model")
    encode = encode_by(SentenceTransformer(str(tmp_path / "model")), tmp_path / "model")
    index = GuardedIndex(FilesReader(files.root.parent, files.alias), encode, fingerprint_of(tmp_path / "model"))
    found = index.search([QUESTION], 3)[0]
    assert found != before
    documents, _ = (FilesReader(files.root.parent, files.alias)._load(name)[1] for name in (first["version"], second["version"]))
    query = Encoder(adapter).encode_queries([QUESTION])[0]
    assert [score for _, score in found] == pytest.approx(sorted((documents @ query).tolist(), reverse=True)[:3], abs=1e-5)
    embed_anchors(workspace, adapter, [QUESTION])
    assert [hit.document.id for hit in search_live(workspace, "small", files, QUESTION, 3)[1]] == [item for item, _ in found]
    assert roll_back(files) == (second["version"], first["version"])
    assert ask(files, old) == before


def test_queries_of_the_other_side_are_refused_both_ways(files: FaissFiles, bring: Bring, old: ModelRecord, adapter: ModelRecord) -> None:
    """The documents are the same, so that no score and no dimension would give it away."""
    first = bring(old)
    with pytest.raises(IndexRefused, match="cannot be compared"):
        ask(files, adapter)
    with pytest.raises(IndexRefused, match="A probe text"):
        ask(files, adapter, fingerprint=old.id)
    bring(adapter)
    with pytest.raises(IndexRefused, match="cannot be compared"):
        ask(files, old)
    with pytest.raises(IndexRefused, match="A probe text"):
        ask(files, old, fingerprint=adapter.id)
    assert len(ask(files, adapter)) == 3
    roll_back(files, first["version"])
    assert len(ask(files, old)) == 3


def test_an_application_that_encodes_queries_as_documents_is_refused(files: FaissFiles, bring: Bring, adapter: ModelRecord) -> None:
    bring(adapter)
    encode = encode_with(Encoder(adapter))
    with pytest.raises(IndexRefused, match="A probe text"):
        GuardedIndex(files, lambda texts, role: encode(texts, "document"), adapter.id)


def test_documents_of_another_base_keep_an_adapter_from_going_live(
    workspace: Workspace, files: FaissFiles, bring: Bring, old: ModelRecord, new: ModelRecord, adapter: ModelRecord
) -> None:
    """A record that names the wrong base: the vectors in its cache are another model's, of the same dimension."""
    first = bring(new)
    with pytest.raises(ReleaseRefused, match=rf"was not put live.*Documents encoded again.*{first['version']} still serves"):
        bring(replace(adapter, base_id=new.id))
    assert look_at_live(files).name == first["version"]
    assert len(ask(files, new)) == 3
