"""A collection as a project whose expert is the oracle: imported, split, mined with the base model, every candidate of the queue answered from the qrels.

Kept in the work folder, so that every training starts from the same snapshot. Of the training part `TRAIN_ANCHORS` anchors are taken, with `ANSWERS` of their
best answers each: what a team labels in some days, the same budget for every collection. Development and test stay whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import sample_data
from core.curation.mine_run import mine_project
from core.curation.mining import Mining
from core.curation.near_duplicates import ensure_twins
from core.curation.oracle import answer_queue
from core.curation.snapshot import SnapshotData, read_snapshot, take_snapshot
from core.curation.split import plan_split
from core.ingest.read import import_path
from core.ingest.sample import read_oracle
from core.model import Document, ModelRecord, Part, hash_text
from core.retrieval.encoder import embed_documents
from core.retrieval.models import EMBEDDED_DEFAULT, ensure_base_model
from core.settings import Settings
from core.store import corpus, judgements, open_store, projects
from core.workspace import Workspace
from tests.conftest import COLLECTIONS

TRAIN_ANCHORS, ANSWERS = 100, 3
SOURCES = {"sample": sample_data.CONTRACTS, "cranfield": COLLECTIONS / "cranfield", "stackfaq": COLLECTIONS / "stackfaq"}
MARKER = "prepared.json"


@dataclass(frozen=True)
class Prepared:
    """What a training reads: nothing of it changes between trainings."""

    name: str
    home: Path
    """The folder of the project and of what is trained on it."""
    base: ModelRecord
    snapshot: SnapshotData
    documents: list[Document]
    twins: Mapping[str, str]
    groups: Mapping[str, str]
    """The component of each anchor, the unit that intervals resample."""
    warning: str
    """What had to be loosened in the split."""

    def count(self, part: Part) -> int:
        """Labelled anchors of a part."""
        return len(self.snapshot.part(part))


def prepare(name: str, work: Path) -> Prepared:
    """The collection as a project in `work`, made at the first call."""
    home = work / name
    settings = Settings(home=home, start_worker=False)
    workspace = Workspace(settings, open_store(settings.url))
    try:
        if not (home / MARKER).exists():
            _fill(workspace, name)
            (home / MARKER).write_text(json.dumps({"snapshot_id": take_snapshot(workspace, name).id}), encoding="utf-8")
        return _read(workspace, name, json.loads((home / MARKER).read_text(encoding="utf-8"))["snapshot_id"])
    finally:
        workspace.store.close()


def _fill(workspace: Workspace, name: str) -> None:
    with workspace.store.write() as conn:
        found = projects.find_project(conn, name)
        if found is None:
            projects.add_project(conn, name, base_model=EMBEDDED_DEFAULT)
    import_path(workspace, name, SOURCES[name])
    with workspace.store.read() as conn:
        base = ensure_base_model(workspace, name, EMBEDDED_DEFAULT)
        documents = corpus.read_documents(conn, name)
        grades = judgements.read_qrels(conn, name)
    embed_documents(workspace, base, documents)
    oracle = SOURCES[name] / "oracle.tsv"
    mine_project(workspace, name, base, Mining(), lambda *_: None)
    answer_queue(workspace, name, read_oracle(oracle) if oracle.exists() else grades)


def _read(workspace: Workspace, name: str, snapshot_id: str) -> Prepared:
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, name)
    base = ensure_base_model(workspace, name, EMBEDDED_DEFAULT)
    split = plan_split(workspace, name)
    snapshot = _limit(read_snapshot(workspace, snapshot_id))
    return Prepared(name, workspace.home, base, snapshot, documents, ensure_twins(workspace, name, base), split.groups, split.warning)


def _limit(snapshot: SnapshotData) -> SnapshotData:
    """The snapshot with its training part cut to the budget: anchors are drawn by the hash of their ids, answers by grade, then by the hash of theirs."""
    drawn = {anchor.id for anchor in sorted(snapshot.part(Part.TRAIN), key=lambda anchor: hash_text(anchor.id))[:TRAIN_ANCHORS]}
    kept = []
    for anchor in snapshot.anchors:
        if anchor.part != Part.TRAIN:
            kept.append(anchor)
        elif anchor.id in drawn:
            best = sorted(anchor.positives, key=lambda document_id: (-anchor.positives[document_id], hash_text(document_id)))[:ANSWERS]
            kept.append(replace(anchor, positives={document_id: anchor.positives[document_id] for document_id in best}))
    return replace(snapshot, anchors=kept)
