"""Evaluating systems on a part of the anchors: figures with intervals, stored with what they knew, and compared in pairs.

The test part is opened for a verdict only; each opening leaves an evaluation behind and is counted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.curation.near_duplicates import ensure_twins
from core.curation.split import ensure_split
from core.evaluation.guard import measure_guard
from core.evaluation.measures import PRIMARY, Scores, average, score_ranking
from core.evaluation.significance import Difference, compare_scores, mean_interval
from core.evaluation.systems import BASE, BM25, OnProgress, find_system, rank_bm25, rank_model
from core.evaluation.verdict import Verdict, give_verdict
from core.model import Evaluation, PairsmithError, Part
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
    base = find_system(workspace, project_id, BASE)
    if base is not None:
        ensure_twins(workspace, project_id, base)
    groups = ensure_split(workspace, project_id).groups
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
    workspace: Workspace,
    project_id: str,
    base: str,
    tuned: str,
    part: str,
    *,
    run_id: str | None = None,
    on_progress: OnProgress | None = None,
    seed_spread: float | None = None,
) -> Comparison:
    """Evaluate two systems on the same anchors and give the verdict, the guard set measured for both. `seed_spread`: as in `give_verdict`."""
    figures = [evaluate_system(workspace, project_id, system, part, run_id=run_id, on_progress=on_progress) for system in (base, tuned)]
    split = ensure_split(workspace, project_id)
    scores = [{anchor_id: values[PRIMARY] for anchor_id, values in figure.scores.items()} for figure in figures]
    difference = compare_scores(scores[0], scores[1], split.groups)
    records = [find_system(workspace, project_id, system) for system in (base, tuned)]
    guard = {name: measure_guard(workspace, record) for name, record in zip(("base", "tuned"), records, strict=True) if record is not None}
    loss = guard["base"] - guard["tuned"] if len(guard) == 2 else None
    return Comparison(figures[0], figures[1], difference, guard, give_verdict(difference, guard_loss=loss, warning=split.warning, seed_spread=seed_spread))
