"""Anchors as the label page lists them: a row for each question, its paraphrases behind it, filtered, counted and paged in SQL.

A row is named by the group where its anchor has one, by the anchor itself otherwise; the anchor whose id names the group stands for it, else the first to
arrive. Order: by arrival of the first of the group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, and_, case, func, or_, select

from core.model import Anchor, Part
from core.store.corpus import get_anchor
from core.store.tables import anchors, judgement_state

FEW = 3
"""Fewer answers than this are few."""


@dataclass(frozen=True)
class AnchorFilter:
    """Which questions are listed: those with fewer than `below` answers (0: all), one of whose wordings contains `containing` (case ignored for ASCII)."""

    containing: str = ""
    below: int = 0


@dataclass(frozen=True)
class AnchorRow:
    """A question of the list, with how far it is: documents that answer it, and hard negatives, each counted once for all its paraphrases."""

    anchor: Anchor
    paraphrases: int
    answers: int
    negatives: int


def count_questions(conn: Connection, project_id: str, chosen: AnchorFilter | None = None) -> int:
    """How many rows the filter leaves."""
    return int(conn.execute(select(func.count()).select_from(_choose(project_id, chosen or AnchorFilter()))).scalar_one())


def page_questions(conn: Connection, project_id: str, chosen: AnchorFilter | None = None, *, offset: int = 0, limit: int = 50) -> list[AnchorRow]:
    """Rows of the filter, in order, from `offset`."""
    listed = _choose(project_id, chosen or AnchorFilter())
    page = conn.execute(select(listed).order_by(listed.c.position).offset(offset).limit(limit)).all()
    return _to_rows(conn, project_id, [row.question for row in page])


def next_question(conn: Connection, project_id: str, after: Anchor | None = None, chosen: AnchorFilter | None = None) -> Anchor | None:
    """The anchor that stands for the question after that of `after`, the first where it is None or was the last; None when there is no other."""
    listed = _choose(project_id, chosen or AnchorFilter())
    query = select(listed.c.question).order_by(listed.c.position).limit(1)
    if after is not None:
        own = after.question
        place = select(func.min(anchors.c.position)).where(anchors.c.project_id == project_id, _question() == own).scalar_subquery()
        found = conn.execute(query.where(listed.c.position > place)).scalar() or conn.execute(query.where(listed.c.question != own)).scalar()
    else:
        found = conn.execute(query).scalar()
    return _to_rows(conn, project_id, [found])[0].anchor if found is not None else None


def read_members(conn: Connection, project_id: str, anchor_id: str) -> list[Anchor]:
    """The anchor and its paraphrases, those of the same `Anchor.question`, by id. Raises `NotFound`."""
    question = get_anchor(conn, project_id, anchor_id).question
    query = select(anchors).where(anchors.c.project_id == project_id, or_(anchors.c.group_id == question, _is_named(question))).order_by(anchors.c.id)
    return [_to_anchor(row) for row in conn.execute(query)]


def _is_named(question: str) -> ColumnElement[bool]:
    """The anchor that names a question, without a group of its own. Apart from the group, so that each is found by its index."""
    return and_(anchors.c.id == question, anchors.c.group_id.is_(None))


def _question() -> ColumnElement[str]:
    return func.coalesce(anchors.c.group_id, anchors.c.id)


def _choose(project_id: str, chosen: AnchorFilter) -> Subquery:
    """`question` and `position` of the rows that the filter leaves."""
    query = select(_question().label("question"), func.min(anchors.c.position).label("position")).where(anchors.c.project_id == project_id)
    if chosen.below:
        many = (
            select(_question())
            .select_from(anchors.join(judgement_state, _belongs()))
            .where(anchors.c.project_id == project_id, _is_answer())
            .group_by(_question())
            .having(func.count(judgement_state.c.document_id.distinct()) >= chosen.below)
        )
        query = query.where(_question().not_in(many))
    if chosen.containing:
        said = select(_question()).where(anchors.c.project_id == project_id, anchors.c.text.icontains(chosen.containing, autoescape=True))
        query = query.where(_question().in_(said))
    return query.group_by(_question()).subquery("listed")


def _to_rows(conn: Connection, project_id: str, questions: list[str]) -> list[AnchorRow]:
    members: dict[str, list[Any]] = {}
    query = select(anchors, _question().label("question")).where(anchors.c.project_id == project_id, _question().in_(questions))
    for row in conn.execute(query.order_by(anchors.c.position)):
        members.setdefault(row.question, []).append(row)
    state = judgement_state.c
    counted = (
        select(
            _question().label("question"),
            func.count(case((_is_answer(), state.document_id)).distinct()).label("answers"),
            func.count(case((state.label == "hard_negative", state.document_id)).distinct()).label("negatives"),
        )
        .select_from(anchors.join(judgement_state, _belongs()))
        .where(anchors.c.project_id == project_id, _question().in_(questions))
        .group_by(_question())
    )
    counts = {row.question: (row.answers, row.negatives) for row in conn.execute(counted)}
    rows = []
    for question in questions:
        found = members[question]
        first = next((row for row in found if row.id == question), found[0])
        rows.append(AnchorRow(_to_anchor(first), len(found) - 1, *counts.get(question, (0, 0))))
    return rows


def _to_anchor(row: Any) -> Anchor:
    return Anchor(id=row.id, text=row.text, part=Part(row.part) if row.part else None, group=row.group_id, fields=row.fields or {})


def _belongs() -> ColumnElement[bool]:
    return and_(judgement_state.c.project_id == anchors.c.project_id, judgement_state.c.anchor_id == anchors.c.id)


def _is_answer() -> ColumnElement[bool]:
    return and_(judgement_state.c.label == "positive", judgement_state.c.grade > 0)
