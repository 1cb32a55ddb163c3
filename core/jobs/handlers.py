"""What each kind of run does, in the child process. A handler returns the run's result; progress goes through the reporter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from core.curation.mine_run import mine_project
from core.curation.mining import Mining
from core.evaluation.comparison import compare_systems
from core.evaluation.evaluate import lay_ground, measure_systems
from core.evaluation.options import EvaluateOptions
from core.evaluation.systems import BASE, TUNED, find_system, open_systems
from core.geometry.map_run import draw_maps
from core.jobs.reporter import Reporter
from core.model import ModelKind, PairsmithError, Run
from core.release.reindex import reindex
from core.release.stores import opened
from core.release.target import read_target
from core.retrieval.encoder import embed_anchors, embed_documents
from core.store import artefacts, corpus
from core.tuning.columns import list_openers
from core.tuning.quantise import Form, quantise_model
from core.tuning.reranker_run import run_reranker_training
from core.tuning.truncation import measure_cut_share
from core.tuning.tune_run import run_tuning
from core.tuning.value_meter import measure_value
from core.workspace import Workspace


def embed(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Register the base model and encode what the cache lacks of the corpus and the anchors."""
    record = _system(workspace, run.project_id, str(run.config.get("system", BASE)))
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, run.project_id)
        anchors = corpus.read_anchors(conn, run.project_id)
    reporter.stage("Encoding documents", total=len(documents))
    encoded, began = [0], time.monotonic()

    def on_progress(step: int, total: int) -> None:
        encoded[0] = step
        reporter.report(step, total)

    embed_documents(workspace, record, documents, on_progress=on_progress)
    seconds = time.monotonic() - began
    embed_anchors(workspace, record, [anchor.text for anchor in anchors])
    cut_share = measure_cut_share(record, [doc.content for doc in documents])
    return {"model_id": record.id, "documents": len(documents), "encoded": encoded[0], "seconds": seconds, "cut_share": cut_share}


def mine(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Mine candidates for the anchors in training."""
    record = _system(workspace, run.project_id, str(run.config.get("system", BASE)))
    options = Mining(**{name: value for name, value in run.config.items() if name != "system"})
    return mine_project(workspace, run.project_id, record, options, lambda message, step, total: reporter.report(step, total, message))


def tune(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Tune, choose, save, and give the verdict."""
    return run_tuning(workspace, run.project_id, run.id, run.config, reporter)


def train_reranker(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Train a cross-encoder on the reviewed pairs, and measure what it adds to the base model."""
    return run_reranker_training(workspace, run.project_id, run.id, run.config, reporter)


def evaluate(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Evaluate systems on a part: one, or several compared with the reference among them."""
    options = EvaluateOptions.read(run.config)
    reporter.stage("Measuring")

    def on_stage(message: str, step: int, total: int) -> None:
        reporter.report(step, total, message)

    systems = open_systems(workspace, run.project_id, options.systems, list_openers(workspace, run.project_id, options))
    if len(systems) > 1 and options.reference in options.systems:
        found = compare_systems(
            workspace, run.project_id, systems, options.part, reference=options.reference, run_id=run.id, on_stage=on_stage, settings=options.to_json()
        )
        return {"test": found.to_json()}
    ground = lay_ground(workspace, run.project_id, options.part)
    figures = measure_systems(workspace, run.project_id, systems, ground, run_id=run.id, on_stage=on_stage)
    return {"systems": {item.system: item.to_json() for item in figures}}


def draw_map(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Draw the maps of base and tuned and measure clumping; base alone while nothing is tuned, unless a model was asked for by its id."""
    base, name = _system(workspace, run.project_id, BASE), str(run.config.get("system", TUNED))
    if name == TUNED:
        with workspace.store.read() as conn:
            tuned = artefacts.find_tuned(conn, run.project_id, whole=True)
    else:
        tuned = _system(workspace, run.project_id, name)
        if tuned.kind is ModelKind.ADAPTER:
            raise PairsmithError(f"{tuned.name} leaves every document where the base model has it: its map is the base's. Draw that of a tuned model.")
    reporter.stage("Encoding documents")
    density = bool(run.config.get("density"))
    projection = draw_maps(workspace, run.project_id, base, tuned, lambda message, step, total: reporter.report(step, total, message), density=density)
    return {"projection_id": projection.id, "verdict": projection.figures.get("verdict", "none")}


def meter(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Measure what the judgements so far are worth."""
    is_fresh = bool(run.config.get("fresh", False))
    return measure_value(workspace, run.project_id, lambda message, step, total: reporter.report(step, total, message), fresh=is_fresh)


def quantise(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Make a model's 8-bit form and measure what it costs."""
    reporter.stage("Making the graph and measuring it")
    return quantise_model(workspace, run.project_id, str(run.config["system"]), Form(str(run.config["form"])), on_progress=reporter.report)


def reindex_project(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Bring the project's vector database to a model."""
    record = _system(workspace, run.project_id, str(run.config.get("system", TUNED)))
    with opened(read_target(workspace, run.project_id), workspace.settings) as store:
        return reindex(workspace, run.project_id, record, store, reporter)


def _system(workspace: Workspace, project_id: str, name: str) -> Any:
    record = find_system(workspace, project_id, name)
    if record is None:
        raise PairsmithError("BM25 has no vectors. Name a model instead: base, tuned, or a model's id.")
    return record
