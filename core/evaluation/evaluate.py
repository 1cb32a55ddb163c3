"""Evaluating systems on a part of the anchors: figures with intervals, stored with what they knew, and compared in pairs.

The test part is opened for a verdict only; each opening leaves an evaluation behind and is counted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sample_data
from core.curation.split import ensure_split, group_names
from core.evaluation.measures import PRIMARY, Scores, average, score_ranking
from core.evaluation.significance import Difference, compare_scores, mean_interval
from core.evaluation.systems import BM25, OnProgress, find_system, rank_bm25, rank_model
from core.evaluation.verdict import Verdict, give_verdict
from core.ingest.beir import read_beir
from core.model import Evaluation, ModelRecord, PairsmithError, Part
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.ranking import search_dense
from core.store import artefacts, corpus, judgements
from core.workspace import Workspace

ALL = "all"


@dataclass(frozen=True)
class SystemFigures:
    """One system's figures: means, the interval of the primary measure, and scores by anchor id and measure."""

    system: str
    model_id: str
    measures: Mapping[str, float]
    interval: tuple[float, float]
    n: int
    scores: Scores
    evaluation_id: str

    def to_json(self) -> dict[str, Any]:
        """Means under their names, with `n`, `interval` and the evaluation's id."""
        return {**self.measures, "n": self.n, "interval": list(self.interval), "model_id": self.model_id, "evaluation_id": self.evaluation_id}


def evaluate_system(
    workspace: Workspace, project_id: str, system: str, part: str = ALL, *, run_id: str | None = None, on_progress: OnProgress | None = None
) -> SystemFigures:
    """Rank and score the anchors of a part (`all`, `train`, `dev` or `test`) that have an answer, and store the figures.

    Raises `PairsmithError` when that part has no anchor with an answer.
    """
    groups = group_names(ensure_split(workspace, project_id))
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id, part=None if part == ALL else Part(part))
        qrels = judgements.read_qrels(conn, project_id)
        last_seq = judgements.last_seq(conn, project_id)
    wanted = [anchor for anchor in anchors if any(grade > 0 for grade in qrels.get(anchor.id, {}).values())]
    if not wanted:
        raise PairsmithError(f"No anchor of the {part} part has an answer, so there is nothing to measure. Label answers on the label page first.")
    record = find_system(workspace, project_id, system)
    ranking = rank_bm25(workspace, project_id, wanted) if record is None else rank_model(workspace, project_id, record, wanted, on_progress=on_progress)
    scores = score_ranking({anchor.id: qrels[anchor.id] for anchor in wanted}, ranking)
    evaluation = Evaluation(
        id=artefacts.new_id(),
        system=system,
        model_id=record.id if record else BM25,
        part=part,
        measures=average(scores),
        n=len(scores),
        last_seq=last_seq,
        run_id=run_id,
        created_at=time.time(),
    )
    with workspace.store.write() as conn:
        artefacts.put_evaluation(conn, project_id, evaluation, scores)
    primary = {anchor_id: values[PRIMARY] for anchor_id, values in scores.items()}
    return SystemFigures(system, evaluation.model_id, evaluation.measures, mean_interval(primary, groups), len(scores), scores, evaluation.id)


@dataclass(frozen=True)
class Comparison:
    """Base against tuned on one part: both figures, the difference in the primary measure, the guard set, the verdict."""

    base: SystemFigures
    tuned: SystemFigures
    difference: Difference
    guard: Mapping[str, float]
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored with the run."""
        return {
            "base": self.base.to_json(),
            "tuned": self.tuned.to_json(),
            "difference": asdict(self.difference),
            "guard": dict(self.guard),
            "verdict": asdict(self.verdict),
        }


def compare_models(
    workspace: Workspace, project_id: str, base: str, tuned: str, part: str, *, run_id: str | None = None, on_progress: OnProgress | None = None
) -> Comparison:
    """Evaluate two systems on the same anchors and give the verdict, the guard set measured for both."""
    figures = [evaluate_system(workspace, project_id, system, part, run_id=run_id, on_progress=on_progress) for system in (base, tuned)]
    groups = group_names(ensure_split(workspace, project_id))
    scores = [{anchor_id: values[PRIMARY] for anchor_id, values in figure.scores.items()} for figure in figures]
    difference = compare_scores(scores[0], scores[1], groups)
    records = [find_system(workspace, project_id, system) for system in (base, tuned)]
    guard = {name: measure_guard(workspace, record) for name, record in zip(("base", "tuned"), records, strict=True) if record is not None}
    loss = guard["base"] - guard["tuned"] if len(guard) == 2 else None
    return Comparison(figures[0], figures[1], difference, guard, give_verdict(difference, guard_loss=loss))


def measure_guard(workspace: Workspace, record: ModelRecord, *, encoder: Encoder | None = None) -> float:
    """NDCG@5 of a model on the bundled guard set of everyday questions, which is never trained on."""
    bundle = read_beir(sample_data.GUARD)
    vectors = embed_documents(workspace, record, bundle.documents, encoder=encoder)
    rows, _ = search_dense(embed_anchors(workspace, record, [anchor.text for anchor in bundle.anchors], encoder=encoder), vectors, 10)
    qrels: dict[str, dict[str, int]] = {}
    for item in bundle.judgements:
        qrels.setdefault(item.anchor_id, {})[item.document_id] = item.grade
    ranking = {anchor.id: [bundle.documents[row].id for row in found] for anchor, found in zip(bundle.anchors, rows.tolist(), strict=True)}
    return average(score_ranking(qrels, ranking, [PRIMARY]))[PRIMARY]
