"""Figures of systems with their scores by anchor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from core.model import Evaluation
from core.store.artefacts.places import read_values
from core.store.tables import anchors, evaluation_scores, evaluations

_CHUNK = 500


def put_evaluation(conn: Connection, project_id: str, evaluation: Evaluation, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Store figures of one system, with `scores` by anchor id and measure."""
    conn.execute(evaluations.insert().values(**vars(evaluation) | {"project_id": project_id, "measures": dict(evaluation.measures)}))
    rows = [
        {"evaluation_id": evaluation.id, "anchor_id": anchor_id, "measure": measure, "value": value}
        for anchor_id, values in scores.items()
        for measure, value in values.items()
    ]
    for start in range(0, len(rows), _CHUNK):
        conn.execute(evaluation_scores.insert(), rows[start : start + _CHUNK])


def list_evaluations(conn: Connection, project_id: str, *, part: str | None = None, run_id: str | None = None) -> list[Evaluation]:
    """Evaluations, newest first."""
    query = select(evaluations).where(evaluations.c.project_id == project_id)
    if part is not None:
        query = query.where(evaluations.c.part == part)
    if run_id is not None:
        query = query.where(evaluations.c.run_id == run_id)
    return [Evaluation(**read_values(row)) for row in conn.execute(query.order_by(evaluations.c.created_at.desc(), evaluations.c.id))]


def read_scores(conn: Connection, evaluation_id: str, measure: str) -> dict[str, float]:
    """One measure by anchor id."""
    c = evaluation_scores.c
    query = select(c.anchor_id, c.value).where(c.evaluation_id == evaluation_id, c.measure == measure).order_by(c.anchor_id)
    return dict(conn.execute(query).all())


@dataclass(frozen=True)
class ScoreChange:
    """One anchor's value of a measure under two systems."""

    anchor_id: str
    text: str
    base: float
    tuned: float

    @property
    def difference(self) -> float:
        """Tuned minus base."""
        return self.tuned - self.base


def page_changes(
    conn: Connection, project_id: str, base_id: str, tuned_id: str, measure: str, *, best_first: bool = False, offset: int = 0, limit: int = 50
) -> list[ScoreChange]:
    """A page of the anchors that both evaluations (by their ids) have a value for, the worst change first or the best; ties by anchor id."""
    before, after = evaluation_scores.alias("before"), evaluation_scores.alias("after")
    change = after.c.value - before.c.value
    query = (
        select(before.c.anchor_id, anchors.c.text, before.c.value.label("base"), after.c.value.label("tuned"))
        .join(after, (after.c.anchor_id == before.c.anchor_id) & (after.c.measure == before.c.measure))
        .join(anchors, (anchors.c.project_id == project_id) & (anchors.c.id == before.c.anchor_id))
        .where(before.c.evaluation_id == base_id, after.c.evaluation_id == tuned_id, before.c.measure == measure)
        .order_by(change.desc() if best_first else change, before.c.anchor_id)
    )
    return [ScoreChange(row.anchor_id, row.text, row.base, row.tuned) for row in conn.execute(query.offset(offset).limit(limit))]
