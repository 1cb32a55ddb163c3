"""A tuning run from end to end: snapshot → rows → training → model folder → verdict on the test part.

Files of a run lie in its folder: `checkpoints/` while it trains, `snapshot.json`, `extras.json`, `log.txt`.
A run that was killed goes on from its snapshot and newest checkpoint; the checkpoints go when the run is over (`core.jobs.engine`).
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

from sentence_transformers import SentenceTransformer

from core.curation.near_duplicates import ensure_twins
from core.curation.snapshot import SnapshotData, read_snapshot, take_snapshot
from core.curation.split import ensure_split
from core.evaluation.comparison import compare_models
from core.evaluation.guard import list_guard_texts
from core.evaluation.systems import BASE
from core.model import Document, ModelRecord, PairsmithError, Part
from core.retrieval.encoder import Encoder, embed_documents
from core.retrieval.models import ensure_base_model
from core.store import corpus, projects
from core.tuning.adapter_run import tune_adapter
from core.tuning.config import TuneConfig
from core.tuning.cost import read_peak_gb
from core.tuning.dataset import Row, RowPlan, build_rows, plan_rows
from core.tuning.extras import fix_extras
from core.tuning.forgetting import measure_neighbours_kept
from core.tuning.generic import mix_generic, read_generic_for
from core.tuning.merge import blend_with_base, merge_with_base
from core.tuning.save import Provenance, save_tuned
from core.tuning.train import DevSet, Trained, measure_dev, train_model
from core.tuning.trainer import OnBegin, OnStep, TrainingStopped
from core.workspace import CHECKPOINTS, Workspace, replace_file

SPLIT_ATTEMPTS = 5
DEV_POOL = 5_000
"""Documents that development NDCG is measured over while training; all of them where there are no more."""

T = TypeVar("T")


class Speaker(Protocol):
    """What a run needs of `core.jobs.reporter.Reporter`."""

    @property
    def should_stop(self) -> bool:
        """Whether to stop."""

    @property
    def was_cancelled(self) -> bool:
        """Whether it is to stop because a person said so."""

    def cancel(self, result: Mapping[str, Any]) -> NoReturn:
        """End the run as cancelled, with what it leaves."""

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
    snapshot = fix_snapshot(workspace, project_id, folder)
    extras = fix_extras(workspace, project_id, snapshot, folder, unreviewed=config.unreviewed_negatives)
    if config.method == "adapter":
        made = Provenance(project_id, run_id, base, snapshot, config)
        return {**tune_adapter(workspace, made, documents, twins, extras, speaker), "extras_id": extras.id}
    plan = plan_rows(snapshot, config, twins, extras)
    rows = build_rows(snapshot, config, twins, extras)
    generic = mix_generic(rows, read_generic_for(config, list_guard_texts()), config) if config.generic_share else []
    dev = _measured_set(snapshot, documents, Part.DEV, most=DEV_POOL)
    dev = replace(dev, base_vectors=embed_documents(workspace, base, dev.documents))
    made = Provenance(project_id, run_id, base, snapshot, config, tuple(_list_notes(config, plan)))
    speaker.stage("Measuring the base model")
    trained = _train(base, rows, generic, dev, config, folder / CHECKPOINTS, speaker)
    if trained.stopped:
        _keep_best(workspace, made, trained, speaker)
    train = {
        "rows": len(rows),
        "generic": len(generic),
        "generic_wanted": config.count_generic(len(rows)),
        "unreviewed": plan.unreviewed,
        "datasets": dict(trained.datasets),
        "steps": trained.steps,
        "stopped_early": trained.stopped_early,
        "seconds": trained.seconds,
        "texts_per_s": trained.texts_per_s,
        "peak_gb": read_peak_gb(),
    }
    speaker.stage("Saving the model")
    now = time.time()
    whole = save_tuned(workspace, made, trained.model, mark="unblended" if config.merge else "", now=now - 1 if config.merge else now)
    merge: dict[str, Any] | None = None
    record = whole
    if config.merge:
        speaker.stage("Blending with the base model")
        chosen, points, base_guard = merge_with_base(base, trained.model, dev, speaker.report, tuned_dev=trained.best_dev)
        merge = {"weight": chosen.weight, "dev": chosen.dev, "guard": chosen.guard, "base_guard": base_guard, "points": [asdict(point) for point in points]}
        record = save_tuned(workspace, made, trained.model, now=now)
    seeds = _try_seeds(made, trained.model, rows, generic, (dev, _measured_set(snapshot, documents, Part.TEST)), merge, folder / CHECKPOINTS, speaker)
    speaker.stage("Measuring on held-out anchors")
    spread = seeds["spread"] if seeds else None
    comparison = compare_models(workspace, project_id, BASE, record.id, Part.TEST.value, run_id=run_id, on_progress=speaker.report, seed_spread=spread)
    return {
        "model_id": record.id,
        "model_name": record.name,
        "unblended_id": whole.id,
        "base_id": base.id,
        "snapshot_id": snapshot.id,
        "extras_id": extras.id,
        "dev": {"base": trained.base_dev, "tuned": merge["dev"] if merge else trained.best_dev},
        "merge": merge,
        "train": train,
        "seeds": seeds,
        "forgetting": {"guard": dict(comparison.guard), "neighbours_kept": measure_neighbours_kept(workspace, base, record)},
        "test": comparison.to_json(),
    }


def _train(base: ModelRecord, rows: list[Row], generic: list[Row], dev: DevSet, config: TuneConfig, work: Path, speaker: Speaker) -> Trained:
    """One training that the speaker hears of."""
    return hear(lambda on_begin, on_step: train_model(base, rows, generic, dev, config, work, on_begin, on_step), speaker)


def hear(train: Callable[[OnBegin, OnStep], T], speaker: Speaker) -> T:
    """What `train` gives back, the speaker told of its steps and asked whether to go on. Raises what the speaker raises where it was stopped too early."""

    def on_begin(step: int, total: int) -> None:
        speaker.stage("Training", total, step)

    def on_step(step: int, total: int, series: Mapping[str, Any]) -> bool:
        speaker.report(step, total, "Training", series, check=False)
        return not speaker.should_stop

    try:
        return train(on_begin, on_step)
    except TrainingStopped:
        speaker.check()
        raise


def _keep_best(workspace: Workspace, made: Provenance[TuneConfig], trained: Trained, speaker: Speaker) -> None:
    """End a run that was told to stop: what a person cancelled leaves its best checkpoint as a model; a shutdown leaves all to the next attempt."""
    if not speaker.was_cancelled:
        speaker.check()
        raise TrainingStopped
    note = f"The run was cancelled at step {trained.steps}; this is its best checkpoint until then, not blended and not measured on held-out anchors."
    mark = f"cancelled at step {trained.steps}"
    record = save_tuned(workspace, replace(made, notes=(*made.notes, note)), trained.model, mark=mark)
    kept = {"step": trained.steps, "model_id": record.id, "model_name": record.name, "dev": {"base": trained.base_dev, "tuned": trained.best_dev}}
    speaker.cancel({"cancelled": kept, "base_id": made.base.id, "snapshot_id": made.snapshot.id})


def _try_seeds(
    made: Provenance[TuneConfig],
    first: SentenceTransformer,
    rows: list[Row],
    generic: list[Row],
    sets: tuple[DevSet, DevSet],
    merge: Mapping[str, Any] | None,
    work: Path,
    speaker: Speaker,
) -> dict[str, Any] | None:
    """Train with the further seeds, blended as the first was, and say how far held-out NDCG@5 spreads: the sample standard deviation. None for one seed.

    The models are thrown away: they are measured, never chosen from.
    """
    config, (dev, test) = made.config, sets
    if config.seeds < 2:
        return None
    values = [measure_dev(Encoder(made.base, first), test)]
    for seed in range(config.seed + 1, config.seed + config.seeds):
        speaker.stage(f"Training with seed {seed}")
        trained = _train(made.base, rows, generic, dev, replace(config, seed=seed), work / f"seed-{seed}", speaker)
        if trained.stopped:
            speaker.check()
            raise TrainingStopped
        if merge:
            blend_with_base(made.base, trained.model, merge["weight"])
        values.append(measure_dev(Encoder(made.base, trained.model), test))
    return {"first": config.seed, "values": values, "spread": statistics.stdev(values)}


def _list_notes(config: TuneConfig, plan: RowPlan) -> list[str]:
    found = []
    if plan.unreviewed:
        found.append(f"{plan.unreviewed} of the negatives shown were mined and reviewed by nobody.")
    if config.generic_path:
        found.append("Everyday pairs came from a file of the team's own.")
    return found


def fix_snapshot(workspace: Workspace, project_id: str, folder: Path) -> SnapshotData:
    """The run's snapshot: taken at its first attempt, the same ever after."""
    marker = folder / "snapshot.json"
    if not marker.exists():
        snapshot_id = _take_split_snapshot(workspace, project_id)
        with replace_file(marker) as path:
            path.write_text(json.dumps({"snapshot_id": snapshot_id}), encoding="utf-8")
    data = read_snapshot(workspace, json.loads(marker.read_text(encoding="utf-8"))["snapshot_id"])
    for part, what in ((Part.TRAIN, "train on"), (Part.DEV, "choose the checkpoint by"), (Part.TEST, "give a verdict on")):
        if not data.part(part):
            raise PairsmithError(
                f"No labelled anchor is left to {what}: {len(data.anchors)} anchors have answers, and those that share answers stay together. "
                "Label answers of at least ten unrelated anchors first."
            )
    return data


def _take_split_snapshot(workspace: Workspace, project_id: str) -> str:
    """The id of a snapshot all of whose anchors have a part: one that is answered for the first time between drawing parts and the snapshot would be trained
    on, and could be drawn into the test part later."""
    for _ in range(SPLIT_ATTEMPTS):
        split = ensure_split(workspace, project_id)
        snapshot = take_snapshot(workspace, project_id)
        if all(anchor.id in split.parts for anchor in read_snapshot(workspace, snapshot.id).anchors):
            return snapshot.id
    raise PairsmithError("New anchors were labelled faster than parts could be drawn for them. Start the run again when the import or the labelling is done.")


def _measured_set(snapshot: SnapshotData, documents: list[Document], part: Part, *, most: int = 0) -> DevSet:
    """A part's anchors over all documents, or over about `most` evenly spaced ones and all that answer."""
    anchors = snapshot.part(part)
    needed = {document_id for anchor in anchors for document_id in anchor.positives}
    pool = (
        documents
        if not most or len(documents) <= most
        else [doc for place, doc in enumerate(documents) if doc.id in needed or place % (len(documents) // most + 1) == 0]
    )
    qrels = {anchor.id: {**anchor.positives, **dict.fromkeys(anchor.hard_negatives, 0)} for anchor in anchors}
    return DevSet([anchor.id for anchor in anchors], [anchor.text for anchor in anchors], qrels, pool)
