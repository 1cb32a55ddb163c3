"""How often the test part was opened: each look at it makes a good figure likelier by chance."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select

from core.model import ModelKind
from core.store.tables import evaluations, models

_OPENS_TEST = ("test", "all")
ADAPTER_ID = "adapter:"
"""How the id of an adapter begins, which is trained though no model of its own."""


def count_openings(conn: Connection, project_id: str, model_id: str) -> int:
    """How often the test part was opened for a model."""
    c = evaluations.c
    query = select(func.count()).select_from(evaluations).where(c.project_id == project_id, c.model_id == model_id, c.part == "test")
    return int(conn.execute(query).scalar_one())


@dataclass(frozen=True)
class Openings:
    """How often the test part of a project was opened to measure tuned models, and for how many of them."""

    looks: int
    models: int


def count_test_openings(conn: Connection, project_id: str) -> Openings:
    """The openings of the test part over all tuned models of the project. All figures of one run, on it or on all anchors, are one look."""
    c = evaluations.c
    trained = or_(models.c.kind.in_([kind.value for kind in ModelKind if kind.is_trained]), c.model_id.startswith(ADAPTER_ID))
    query = (
        select(func.count(_opening().distinct()), func.count(c.model_id.distinct()))
        .select_from(evaluations.outerjoin(models, (models.c.project_id == c.project_id) & (models.c.id == c.model_id)))
        .where(c.project_id == project_id, c.part.in_(_OPENS_TEST), trained)
    )
    looks, tuned = conn.execute(query).one()
    return Openings(int(looks), int(tuned))


def count_part_openings(conn: Connection, project_id: str) -> int:
    """How often the test part was opened in all, for whatever system."""
    query = select(func.count(_opening().distinct())).where(evaluations.c.project_id == project_id, evaluations.c.part.in_(_OPENS_TEST))
    return int(conn.execute(query).scalar_one())


def _opening() -> ColumnElement[str]:
    """What opens once: a run, or an evaluation outside of any."""
    return func.coalesce(evaluations.c.run_id, evaluations.c.id)
