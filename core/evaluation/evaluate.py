"""Evaluating systems on a part of the anchors: every system asked the same, scored by the same function, and stored with what it knew and its lists.

The test part is opened for a verdict only; an evaluation is its log, and all systems of one run are one opening.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from core.curation.near_duplicates import ensure_twins
from core.curation.split import ensure_split
from core.evaluation.lists import write_lists
from core.evaluation.measures import PRIMARY, Qrels, Scores, average, score_ranking
from core.evaluation.rerank import order_perfectly
from core.evaluation.significance import mean_intervals
from core.evaluation.systems import BASE, Answer, System, Task, find_system, open_system
from core.model import Anchor, Document, Evaluation, PairsmithError, Part
from core.store import artefacts, corpus, judgements, projects
from core.workspace import Workspace

ALL = "all"
OnStage = Callable[[str, int, int], None]
"""Called with a message, the step and the number of steps; may raise to stop."""


@dataclass(frozen=True)
class Ground:
    """What all systems of an evaluation are measured against: the answered anchors of the part, and the state of the project they come from."""

    part: str
    anchors: Sequence[Anchor]
    documents: Sequence[Document]
    qrels: Qrels
    groups: Mapping[str, str]
    warning: str
    last_seq: int
    corpus_revision: int
    anchor_revision: int


@dataclass(frozen=True)
class SystemFigures:
    """One system's figures: means, the interval of the primary measure, and scores by anchor id and measure."""

    system: str
    title: str
    model_id: str
    measures: Mapping[str, float]
    interval: tuple[float, float]
    n: int
    scores: Scores
    evaluation_id: str
    cost: Mapping[str, float | None] = field(default_factory=dict)
    """`latency_ms`, `bytes_per_document`, `added_ms`; None for what was not measured."""
    reranked: int = 0
    ceiling: float | None = None
    """With a reranker: NDCG@5 that one without error would reach on the same lists."""
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Means under their names, with the rest of the fields but the scores, which are stored."""
        rest = {name: value for name, value in asdict(self).items() if name not in ("measures", "scores", "cost", "interval", "notes")}
        return {**self.measures, **self.cost, **rest, "interval": list(self.interval), "notes": list(self.notes)}


def lay_ground(workspace: Workspace, project_id: str, part: str) -> Ground:
    """The anchors of a part (`all`, `train`, `dev` or `test`) that have an answer, with their grades. Raises `PairsmithError` when there are none."""
    base = find_system(workspace, project_id, BASE)
    if base is not None:
        ensure_twins(workspace, project_id, base)
    split = ensure_split(workspace, project_id)
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id, part=None if part == ALL else Part(part))
        documents = corpus.read_documents(conn, project_id)
        qrels = judgements.read_qrels(conn, project_id)
        last_seq = judgements.last_seq(conn, project_id)
    wanted = [anchor for anchor in anchors if any(grade > 0 for grade in qrels.get(anchor.id, {}).values())]
    if not wanted:
        raise PairsmithError(f"No anchor of the {part} part has an answer, so there is nothing to measure. Label answers on the label page first.")
    grades = {anchor.id: qrels[anchor.id] for anchor in wanted}
    return Ground(part, wanted, documents, grades, split.groups, split.warning, last_seq, project.corpus_revision, project.anchor_revision)


def measure_systems(
    workspace: Workspace, project_id: str, systems: Sequence[System], ground: Ground, *, run_id: str | None = None, on_stage: OnStage | None = None
) -> list[SystemFigures]:
    """Rank and score with each system, and store figures and lists: all of them or, where one fails, none."""
    answers: list[Answer] = []
    for system in systems:

        def on_progress(step: int, total: int, title: str = system.title) -> None:
            if on_stage:
                on_stage(f"Measuring {title}", step, total)

        on_progress(0, 1)
        answers.append(system.answer(Task(workspace, project_id, ground.anchors, ground.documents, on_progress)))
    found = _score_answers(systems, answers, ground)
    at = time.time()
    for figures, answer in zip(found, answers, strict=True):
        write_lists(workspace, figures.evaluation_id, answer.ranking)
    with workspace.store.write() as conn:
        for figures in found:
            evaluation = Evaluation(
                id=figures.evaluation_id,
                system=figures.system,
                model_id=figures.model_id,
                part=ground.part,
                measures=figures.measures,
                n=figures.n,
                last_seq=ground.last_seq,
                run_id=run_id,
                created_at=at,
            )
            artefacts.put_evaluation(conn, project_id, evaluation, figures.scores)
    return found


def _score_answers(systems: Sequence[System], answers: Sequence[Answer], ground: Ground) -> list[SystemFigures]:
    scores = [score_ranking(ground.qrels, answer.ranking) for answer in answers]
    intervals = mean_intervals([{anchor_id: values[PRIMARY] for anchor_id, values in item.items()} for item in scores], ground.groups)
    return [_gather_figures(*each, ground) for each in zip(systems, answers, scores, intervals, strict=True)]


def _gather_figures(system: System, answer: Answer, scores: Scores, interval: tuple[float, float], ground: Ground) -> SystemFigures:
    ceiling = None
    if answer.reranked:
        perfect = score_ranking(ground.qrels, order_perfectly(ground.qrels, answer.ranking, answer.reranked), [PRIMARY])
        ceiling = float(np.mean([values[PRIMARY] for values in perfect.values()]))
    return SystemFigures(
        system=system.name,
        title=system.title,
        model_id=answer.model_id,
        measures=average(scores),
        interval=interval,
        n=len(scores),
        scores=scores,
        evaluation_id=artefacts.new_id(),
        cost={"latency_ms": answer.latency_ms, "bytes_per_document": answer.bytes_per_document, "added_ms": answer.added_ms},
        reranked=answer.reranked,
        ceiling=ceiling,
        notes=answer.notes,
    )


def evaluate_system(workspace: Workspace, project_id: str, name: str, part: str = ALL, *, run_id: str | None = None) -> SystemFigures:
    """Evaluate one system by its name; see `lay_ground` for the part and what is raised."""
    ground = lay_ground(workspace, project_id, part)
    return measure_systems(workspace, project_id, [open_system(workspace, project_id, name, {})], ground, run_id=run_id)[0]
