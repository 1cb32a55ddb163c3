"""Training a cross-encoder from end to end: snapshot → judged pairs → training → model folder → what it adds to the base model on the test part.

The split is the tuning runs': nothing of a held-out anchor is trained on, development chooses the checkpoint, test is opened once and the opening is logged.
A run that was killed goes on from its snapshot and newest checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from core.curation.near_duplicates import ensure_twins
from core.curation.split import ensure_split
from core.evaluation.measures import PRIMARY, average, score_ranking
from core.evaluation.options import RERANK
from core.evaluation.significance import compare_scores
from core.evaluation.systems import BASE
from core.model import Evaluation, ModelRecord, PairsmithError, Part
from core.retrieval.encoder import embed_anchors, embed_documents
from core.retrieval.hub import tell_megabytes
from core.retrieval.models import ensure_base_model
from core.retrieval.ranking import search_dense
from core.retrieval.reranker import Reranker
from core.retrieval.rerankers import find_reranker, take_reranker
from core.retrieval.vectors import Floats
from core.store import artefacts, corpus, projects
from core.tuning.cost import read_peak_gb
from core.tuning.dataset import list_lessons
from core.tuning.fixed import fix_snapshot
from core.tuning.held_out import HeldOut, read_held_out
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_pairs import list_pairs
from core.tuning.save import Provenance, save_reranker
from core.tuning.speaker import Speaker, hear
from core.tuning.train_reranker import Lists, TrainedReranker, describe_training, rerank, train_cross_encoder
from core.tuning.trainer import TrainingStopped
from core.workspace import CHECKPOINTS, Workspace

SYSTEM = BASE + RERANK


def run_reranker_training(workspace: Workspace, project_id: str, run_id: str, settings: Mapping[str, Any], speaker: Speaker) -> dict[str, Any]:
    """Train a cross-encoder and measure it. Returns what the run shows; raises `PairsmithError` with what is missing."""
    config = RerankerConfig.from_json(settings)
    folder = workspace.run_folder(run_id)
    speaker.stage("Preparing the data")
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        documents = corpus.read_documents(conn, project_id)
    base = ensure_base_model(workspace, project_id, project.base_model)
    vectors = embed_documents(workspace, base, documents, on_progress=lambda step, total: speaker.report(step, total, "Encoding documents"))
    twins = ensure_twins(workspace, project_id, base)
    snapshot = fix_snapshot(workspace, project_id, folder)
    start = base
    if config.start:
        start = take_reranker(workspace, project_id, find_reranker(workspace, project_id, config.start), tell_megabytes(speaker.report))
    pairs = list_pairs(list_lessons(snapshot, config.min_grade, twins).lessons, snapshot.contents)
    dev, test = (_find_lists(workspace, base, read_held_out(snapshot, documents, part), vectors, config.depth) for part in (Part.DEV, Part.TEST))
    speaker.stage("Measuring the base model")
    trained = hear(
        lambda on_begin, on_step: train_cross_encoder(start.location, pairs, dev, config, folder / CHECKPOINTS, on_begin, on_step),
        speaker,
    )
    made = Provenance(project_id, run_id, start, snapshot, config)
    if trained.stopped:
        _keep_best(workspace, made, trained, speaker)
    speaker.stage("Saving the model")
    record = save_reranker(workspace, made, trained.model)
    speaker.stage("Measuring on held-out anchors")
    return {
        "model_id": record.id,
        "model_name": record.name,
        "base_id": base.id,
        "start_id": start.id,
        "snapshot_id": snapshot.id,
        "dev": {"base": trained.first_dev, "reranked": trained.best_dev},
        "train": {**describe_training(trained, pairs), "peak_gb": read_peak_gb()},
        "test": _measure_test(workspace, made, record, test, {"corpus_revision": project.corpus_revision, "base_id": base.id}),
    }


def _keep_best(workspace: Workspace, made: Provenance[RerankerConfig], trained: TrainedReranker, speaker: Speaker) -> None:
    """As in a tuning run: what a person cancelled leaves its best checkpoint as a model; a shutdown leaves all to the next attempt."""
    if not speaker.was_cancelled:
        speaker.check()
        raise TrainingStopped
    note = f"The run was cancelled at step {trained.steps}; this is its best checkpoint until then, not measured on held-out anchors."
    record = save_reranker(workspace, replace(made, notes=(note,)), trained.model, mark=f"cancelled at step {trained.steps}")
    kept = {"step": trained.steps, "model_id": record.id, "model_name": record.name, "dev": {"base": trained.first_dev, "tuned": trained.best_dev}}
    speaker.cancel({"cancelled": kept, "snapshot_id": made.snapshot.id})


def _find_lists(workspace: Workspace, base: ModelRecord, asked: HeldOut, vectors: Floats, depth: int) -> Lists:
    """The first `depth` documents that the base model finds for each anchor; `vectors` (n, d) float32, those of the documents under it."""
    rows, _ = search_dense(embed_anchors(workspace, base, asked.anchors), vectors, depth)
    return Lists(
        anchors=dict(zip(asked.anchor_ids, asked.anchors, strict=True)),
        found={anchor_id: [asked.documents[row].id for row in found] for anchor_id, found in zip(asked.anchor_ids, rows.tolist(), strict=True)},
        contents={document.id: document.content for document in asked.documents},
        qrels=asked.qrels,
    )


def _measure_test(workspace: Workspace, made: Provenance[RerankerConfig], record: ModelRecord, test: Lists, facts: Mapping[str, Any]) -> dict[str, Any]:
    """NDCG@5 of the first lists and of the reranked ones, with the interval of the difference; the opening is stored. `facts`: what they were found in."""
    if not test.anchors:
        raise PairsmithError("No labelled anchor is held out, so there is nothing to measure on.")
    before, after = score_ranking(test.qrels, test.found), score_ranking(test.qrels, rerank(Reranker(record.location), test))
    first, reranked = ({anchor_id: values[PRIMARY] for anchor_id, values in scores.items()} for scores in (before, after))
    difference = compare_scores(first, reranked, ensure_split(workspace, made.project_id).groups)
    with workspace.store.write() as conn:
        last_seq = artefacts.get_snapshot(conn, made.project_id, made.snapshot.id).last_seq
        evaluation = Evaluation(
            id=artefacts.new_id(),
            system=SYSTEM,
            model_id=record.id,
            part=Part.TEST.value,
            measures=average(after),
            n=len(after),
            last_seq=last_seq,
            run_id=made.run_id,
            created_at=time.time(),
        )
        artefacts.put_evaluation(conn, made.project_id, evaluation, after)
    told = {"part": Part.TEST.value, "last_seq": last_seq, **facts}
    return {"base": average(before)[PRIMARY], "reranked": average(after)[PRIMARY], "difference": asdict(difference), "facts": told}
