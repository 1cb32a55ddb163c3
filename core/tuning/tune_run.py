"""A tuning run from end to end: snapshot → rows → training → model folder → verdict on the test part.

Files of a run lie in its folder: `checkpoints/` while it trains, `snapshot.json`, `log.txt`.
A run that was killed goes on from its snapshot and newest checkpoint; the checkpoints go when the run is over (`core.jobs.engine`).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import sample_data
from core.curation.near_duplicates import ensure_twins
from core.curation.snapshot import SnapshotData, read_snapshot, take_snapshot
from core.curation.split import ensure_split
from core.evaluation.evaluate import compare_models
from core.evaluation.systems import BASE
from core.model import Document, ModelKind, ModelRecord, PairsmithError, Part
from core.retrieval.encoder import embed_documents
from core.retrieval.fingerprint import fingerprint_folder
from core.retrieval.models import ensure_base_model
from core.store import artefacts, corpus, projects
from core.tuning.config import TuneConfig
from core.tuning.dataset import build_rows, mix_generic, read_generic
from core.tuning.merge import merge_with_base
from core.tuning.train import DevSet, Trained, TrainingStopped, train_model
from core.workspace import CHECKPOINTS, Workspace, replace_file

DEV_POOL = 5_000
"""Documents that development NDCG is measured over while training; all of them where there are no more."""


class Speaker(Protocol):
    """What a run needs of `core.jobs.reporter.Reporter`."""

    @property
    def should_stop(self) -> bool:
        """Whether to stop."""

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        """Begin a stage."""

    def report(self, step: int, total: int | None = None, message: str | None = None, figures: Mapping[str, Any] | None = None, *, check: bool = True) -> None:
        """Say how far it is."""

    def check(self) -> None:
        """Raise where the run must not go on."""


def run_tuning(workspace: Workspace, project_id: str, run_id: str, settings: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """Tune the project's base model and give the verdict. Returns what the run shows; raises `PairsmithError` with what is missing."""
    config = TuneConfig.from_json(settings)
    folder = workspace.run_folder(run_id)
    speaker.stage("Preparing the data")
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        documents = corpus.read_documents(conn, project_id)
    base = ensure_base_model(workspace, project_id, project.base_model)
    embed_documents(workspace, base, documents, on_progress=lambda step, total: speaker.report(step, total, "Encoding documents"))
    twins = ensure_twins(workspace, project_id, base)
    snapshot = _fix_snapshot(workspace, project_id, folder)
    rows = build_rows(snapshot, config, twins)
    generic = mix_generic(rows, read_generic(sample_data.GENERIC_PAIRS), config)
    dev = _dev_set(snapshot, documents)

    def on_begin(step: int, total: int) -> None:
        speaker.stage("Training", total, step)

    def on_step(step: int, total: int, series: Mapping[str, Any]) -> bool:
        speaker.report(step, total, "Training", series, check=False)
        return not speaker.should_stop

    speaker.stage("Measuring the base model")
    try:
        trained = train_model(base, rows, generic, dev, config, folder / CHECKPOINTS, on_begin, on_step)
    except TrainingStopped:
        speaker.check()
        raise
    merge: dict[str, Any] | None = None
    if config.merge:
        speaker.stage("Blending with the base model")
        chosen, points, base_guard = merge_with_base(base, trained.model, dev, speaker.report)
        merge = {"weight": chosen.weight, "dev": chosen.dev, "guard": chosen.guard, "base_guard": base_guard, "points": [asdict(point) for point in points]}
    speaker.stage("Saving the model")
    record = _save_model(workspace, project_id, run_id, snapshot, base, trained, config)
    speaker.stage("Measuring on held-out anchors")
    comparison = compare_models(workspace, project_id, BASE, record.id, Part.TEST.value, run_id=run_id, on_progress=speaker.report)
    return {
        "model_id": record.id,
        "model_name": record.name,
        "base_id": base.id,
        "snapshot_id": snapshot.id,
        "dev": {"base": trained.base_dev, "tuned": merge["dev"] if merge else trained.best_dev},
        "merge": merge,
        "train": {
            "rows": len(rows),
            "generic": len(generic),
            "generic_wanted": config.count_generic(len(rows)),
            "steps": trained.steps,
            "seconds": trained.seconds,
            "texts_per_s": trained.texts_per_s,
        },
        "test": comparison.to_json(),
    }


def _fix_snapshot(workspace: Workspace, project_id: str, folder: Path) -> SnapshotData:
    """The run's snapshot: taken at its first attempt, the same ever after."""
    marker = folder / "snapshot.json"
    if not marker.exists():
        ensure_split(workspace, project_id)
        snapshot = take_snapshot(workspace, project_id)
        with replace_file(marker) as path:
            path.write_text(json.dumps({"snapshot_id": snapshot.id}), encoding="utf-8")
    data = read_snapshot(workspace, json.loads(marker.read_text(encoding="utf-8"))["snapshot_id"])
    for part, what in ((Part.TRAIN, "train on"), (Part.DEV, "choose the checkpoint by"), (Part.TEST, "give a verdict on")):
        if not data.part(part):
            raise PairsmithError(
                f"No labelled anchor is left to {what}: {len(data.anchors)} anchors have answers, and those that share answers stay together. "
                "Label answers of at least ten unrelated anchors first."
            )
    return data


def _dev_set(snapshot: SnapshotData, documents: list[Document]) -> DevSet:
    anchors = snapshot.part(Part.DEV)
    needed = {document_id for anchor in anchors for document_id in anchor.positives}
    pool = (
        documents
        if len(documents) <= DEV_POOL
        else [doc for place, doc in enumerate(documents) if doc.id in needed or place % (len(documents) // DEV_POOL + 1) == 0]
    )
    qrels = {anchor.id: {**anchor.positives, **dict.fromkeys(anchor.hard_negatives, 0)} for anchor in anchors}
    return DevSet([anchor.id for anchor in anchors], [anchor.text for anchor in anchors], qrels, pool)


def _save_model(
    workspace: Workspace, project_id: str, run_id: str, snapshot: SnapshotData, base: ModelRecord, trained: Trained, config: TuneConfig
) -> ModelRecord:
    """Write the model under its fingerprint and register it."""
    unfinished = workspace.folder("models") / f".{run_id}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    trained.model.save_pretrained(str(unfinished), create_model_card=False)
    fingerprint = fingerprint_folder(unfinished, query_prompt=base.query_prompt, document_prompt=base.document_prompt, max_length=base.max_length)
    (unfinished / "README.md").write_text(_model_card(base, snapshot, config), encoding="utf-8")
    target = workspace.folder("models") / fingerprint[:32]
    if target.exists():
        shutil.rmtree(unfinished)
    else:
        unfinished.rename(target)
    record = replace(
        base,
        id=fingerprint,
        name=f"{base.name} tuned {time.strftime('%Y-%m-%d %H:%M', time.gmtime())}",
        kind=ModelKind.TUNED,
        location=str(target),
        base_id=base.id,
        snapshot_id=snapshot.id,
        run_id=run_id,
        created_at=time.time(),
    )
    with workspace.store.write() as conn:
        artefacts.put_model(conn, project_id, record)
        return artefacts.get_model(conn, project_id, fingerprint)


def _model_card(base: ModelRecord, snapshot: SnapshotData, config: TuneConfig) -> str:
    """A card that says how the model came to be and holds no text of the corpus."""
    parts = {part: len(snapshot.part(part)) for part in Part}
    settings = "\n".join(f"- {name}: {value}" for name, value in config.to_json().items())
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---

# Tuned from {base.name}

Made by Pairsmith. Base model fingerprint `{base.id}`, snapshot of the judgements `{snapshot.id}`.
Trained on {parts[Part.TRAIN]} labelled anchors, checkpoint chosen on {parts[Part.DEV]}, held out for the verdict: {parts[Part.TEST]}.

Query prompt: `{base.query_prompt}` · document prompt: `{base.document_prompt}` · longest text: {base.max_length} tokens.

## Settings
{settings}
"""
