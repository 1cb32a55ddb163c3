"""A tuning run from end to end: snapshot → rows → training → model folder → verdict on the test part.

Files of a run lie in its folder: `checkpoints/` while it trains, `snapshot.json`, `extras.json`, `log.txt`.
A run that was killed goes on from its snapshot and newest checkpoint; the checkpoints go when the run is over (`core.jobs.engine`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from sentence_transformers import SentenceTransformer

from core.curation.near_duplicates import ensure_twins
from core.evaluation.comparison import compare_models
from core.evaluation.guard import list_guard_texts
from core.evaluation.systems import BASE
from core.model import ModelRecord, Part
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.models import ensure_base_model
from core.store import corpus, projects
from core.tuning.adapter_run import tune_adapter
from core.tuning.config import TuneConfig
from core.tuning.cost import read_peak_gb
from core.tuning.dataset import Row, RowPlan, plan_rows, require_rows
from core.tuning.extras import fix_extras
from core.tuning.fixed import fix_snapshot
from core.tuning.forgetting import measure_neighbours_kept
from core.tuning.generic import mix_generic, read_generic_for
from core.tuning.held_out import HeldOut, measure_held_out, narrow, read_held_out
from core.tuning.merge import blend_with_base, merge_with_base
from core.tuning.save import Provenance, save_tuned
from core.tuning.speaker import Speaker, hear
from core.tuning.train import Trained, train_model
from core.tuning.trainer import TrainingStopped
from core.workspace import CHECKPOINTS, Workspace


@dataclass(frozen=True)
class _Material:
    """What every training of a run reads, whatever its seed."""

    rows: list[Row]
    generic: list[Row]
    dev: HeldOut
    test: HeldOut
    work: Path
    """Where checkpoints go."""


def run_tuning(workspace: Workspace, project_id: str, run_id: str, settings: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """Tune the project's base model and give the verdict. Returns what the run shows; raises `PairsmithError` with what is missing."""
    config = TuneConfig.from_json(settings)
    folder = workspace.run_folder(run_id)
    speaker.stage("Preparing the data")
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        documents = corpus.read_documents(conn, project_id)
    base = ensure_base_model(workspace, project_id, project.base_model)
    vectors = embed_documents(workspace, base, documents, on_progress=lambda step, total: speaker.report(step, total, "Encoding documents"))
    twins = ensure_twins(workspace, project_id, base)
    snapshot = fix_snapshot(workspace, project_id, folder)
    extras = fix_extras(workspace, project_id, snapshot, folder, unreviewed=config.unreviewed_negatives)
    if config.method == "adapter":
        made = Provenance(project_id, run_id, base, snapshot, config)
        return {**tune_adapter(workspace, made, documents, twins, extras, speaker), "extras_id": extras.id}
    plan = plan_rows(snapshot, config, twins, extras)
    rows = require_rows(plan)
    generic = mix_generic(rows, read_generic_for(config, list_guard_texts()), config) if config.generic_share else []
    dev, test = (read_held_out(snapshot, documents, part) for part in (Part.DEV, Part.TEST))
    material = _Material(rows, generic, narrow(dev, embed_anchors(workspace, base, dev.anchors), vectors), test, folder / CHECKPOINTS)
    made = Provenance(project_id, run_id, base, snapshot, config, tuple(_list_notes(config, plan)))
    speaker.stage("Measuring the base model")
    trained = _train(made, material, speaker)
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
    record = whole = save_tuned(workspace, made, trained.model, mark="unblended" if config.merge else "", now=now - 1 if config.merge else now)
    merge: dict[str, Any] | None = None
    try:
        if config.merge:
            speaker.stage("Blending with the base model")
            merge = _blend(made, trained, material, speaker)
            record = save_tuned(workspace, made, trained.model, now=now)
        found = _measure(workspace, made, trained, material, record, merge, speaker)
    except Exception:
        if speaker.was_cancelled:
            _leave(made, record, trained, merge, speaker)
        raise
    made_from = {"unblended_id": whole.id, "base_id": base.id, "snapshot_id": snapshot.id, "extras_id": extras.id}
    return {"model_id": record.id, "model_name": record.name, **made_from, "train": train, "merge": merge, **found}


def _blend(made: Provenance[TuneConfig], trained: Trained, material: _Material, speaker: Speaker) -> dict[str, Any]:
    """Leave the trained model at the share of its weights that does best, and say how it was found."""
    chosen, points, base_guard = merge_with_base(made.base, trained.model, material.dev, speaker.report, tuned_dev=trained.best_dev)
    found = {"weight": chosen.weight, "dev": chosen.dev, "guard": chosen.guard}
    return {**found, "base_guard": base_guard, "points": [asdict(point) for point in points]}


def _measure(
    workspace: Workspace,
    made: Provenance[TuneConfig],
    trained: Trained,
    material: _Material,
    record: ModelRecord,
    merge: Mapping[str, Any] | None,
    speaker: Speaker,
) -> dict[str, Any]:
    """Further seeds, the verdict on `record`, and what it forgot."""
    seeds = _try_seeds(made, trained.model, material, merge, speaker)
    speaker.stage("Measuring on held-out anchors")
    spread = seeds["spread"] if seeds else None
    comparison = compare_models(
        workspace, made.project_id, BASE, record.id, Part.TEST.value, run_id=made.run_id, on_progress=speaker.report, seed_spread=spread
    )
    return {
        "dev": {"base": trained.base_dev, "tuned": merge["dev"] if merge else trained.best_dev},
        "seeds": seeds,
        "forgetting": {"guard": dict(comparison.guard), "neighbours_kept": measure_neighbours_kept(workspace, made.base, record)},
        "test": comparison.to_json(),
    }


def _train(made: Provenance[TuneConfig], material: _Material, speaker: Speaker) -> Trained:
    """One training that the speaker hears of."""
    return hear(lambda *heard: train_model(made.base, material.rows, material.generic, material.dev, made.config, material.work, *heard), speaker)


def _keep_best(workspace: Workspace, made: Provenance[TuneConfig], trained: Trained, speaker: Speaker) -> None:
    """End a training that was told to stop: what a person cancelled leaves its best checkpoint as a model; a shutdown leaves all to the next attempt."""
    if not speaker.was_cancelled:
        speaker.check()
        raise TrainingStopped
    note = f"The run was cancelled at step {trained.steps}; this is its best checkpoint until then, not blended and not measured on held-out anchors."
    mark = f"cancelled at step {trained.steps}"
    record = save_tuned(workspace, replace(made, notes=(*made.notes, note)), trained.model, mark=mark)
    _leave(made, record, trained, None, speaker)


def _leave(made: Provenance[TuneConfig], record: ModelRecord, trained: Trained, merge: Mapping[str, Any] | None, speaker: Speaker) -> NoReturn:
    """End the run as cancelled, with the newest model it leaves."""
    dev = {"base": trained.base_dev, "tuned": merge["dev"] if merge else trained.best_dev}
    kept = {"step": trained.steps, "is_trained": not trained.stopped, "model_id": record.id, "model_name": record.name, "dev": dev}
    speaker.cancel({"cancelled": kept, "base_id": made.base.id, "snapshot_id": made.snapshot.id})


def _try_seeds(
    made: Provenance[TuneConfig], first: SentenceTransformer, material: _Material, merge: Mapping[str, Any] | None, speaker: Speaker
) -> dict[str, Any] | None:
    """Train with the further seeds, blended as the first was, and say how far held-out NDCG@5 spreads: the sample standard deviation. None for one seed.

    The models are thrown away: they are measured, never chosen from.
    """
    config = made.config
    if config.seeds < 2:
        return None
    values = [measure_held_out(Encoder(made.base, first), material.test)]
    for seed in range(config.seed + 1, config.seed + config.seeds):
        speaker.stage(f"Training with seed {seed}")
        trained = _train(replace(made, config=replace(config, seed=seed)), replace(material, work=material.work / f"seed-{seed}"), speaker)
        if trained.stopped:
            speaker.check()
            raise TrainingStopped
        if merge:
            blend_with_base(made.base, trained.model, merge["weight"])
        values.append(measure_held_out(Encoder(made.base, trained.model), material.test))
    return {"first": config.seed, "values": values, "spread": statistics.stdev(values)}


def _list_notes(config: TuneConfig, plan: RowPlan) -> list[str]:
    found = []
    if plan.unreviewed:
        found.append(f"{plan.unreviewed} of the negatives shown were mined and reviewed by nobody.")
    if config.generic_path:
        found.append("Everyday pairs came from a file of the team's own.")
    return found
