"""Projects: make, list, find."""

from __future__ import annotations

import itertools
import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Row, ScalarSelect, false, func, select, update
from sqlalchemy.exc import IntegrityError

from core.model import NotFound, PairsmithError, Project
from core.store.tables import anchors, candidates, documents, judgement_state, projects

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def add_project(conn: Connection, project_id: str, *, name: str = "", base_model: str, now: float | None = None) -> Project:
    """Make a project. Raises `PairsmithError` when the id is not a plain lower-case name or is taken."""
    if not _ID.fullmatch(project_id):
        raise PairsmithError(
            f"{project_id!r} cannot name a project: use lower-case letters, digits, '-' and '_', beginning with a letter or digit, 63 at most."
        )
    project = Project(id=project_id, name=name or project_id, created_at=time.time() if now is None else now, base_model=base_model)
    try:
        conn.execute(projects.insert().values(**vars(project)))
    except IntegrityError as error:
        raise PairsmithError(f"A project named {project_id!r} exists already. Choose another name, or open that one.") from error
    return project


def suggest_id(conn: Connection, name: str) -> str:
    """An id made from a name in plain language: letters without accents, words joined by '-', numbered where it is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or "project"
    taken = {project.id for project in list_projects(conn)}
    return next(item for item in itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2))) if item not in taken)


def list_projects(conn: Connection) -> list[Project]:
    """All projects, oldest first."""
    return [_to_project(row) for row in conn.execute(select(projects).order_by(projects.c.created_at, projects.c.id))]


def find_project(conn: Connection, project_id: str) -> Project | None:
    """The project, or None."""
    row = conn.execute(select(projects).where(projects.c.id == project_id)).one_or_none()
    return _to_project(row) if row else None


def get_project(conn: Connection, project_id: str) -> Project:
    """The project. Raises `NotFound` naming those there are."""
    found = find_project(conn, project_id)
    if found is None:
        names = ", ".join(project.id for project in list_projects(conn)) or "none yet"
        raise NotFound(f"There is no project named {project_id!r} (there are: {names}). `pairsmith init` makes one.")
    return found


def count_contents(conn: Connection, project_id: str) -> dict[str, int]:
    """How much a project holds: `documents`, `anchors`, `labelled_anchors`, `positives`, `hard_negatives`, `to_review`."""

    state = judgement_state.c
    labelled = (
        select(func.count(state.anchor_id.distinct())).where(state.project_id == project_id, state.label == "positive", state.grade > 0).scalar_subquery()
    )
    row = conn.execute(
        select(
            _count(documents, project_id).label("documents"),
            _count(anchors, project_id).label("anchors"),
            labelled.label("labelled_anchors"),
            _count(judgement_state, project_id, state.label == "positive", state.grade > 0).label("positives"),
            _count(judgement_state, project_id, state.label == "hard_negative").label("hard_negatives"),
            _count(candidates, project_id, candidates.c.judged == false(), candidates.c.status != "set_aside").label("to_review"),
        )
    ).one()
    return dict(row._mapping)


def _count(table: FromClause, project_id: str, *where: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(table.c.project_id == project_id, *where).scalar_subquery()


def take_turn(conn: Connection, project_id: str) -> None:
    """Have those who write to one project do so one after the other, so that the order of its log and revisions is that of its transactions.

    SQLite's writers do; on PostgreSQL the transaction waits here until those before it ended, and what it reads from here on holds their work.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtext(project_id))))


def bump_corpus(conn: Connection, project_id: str) -> int:
    """Say that the corpus changes: caches keyed by its revision are left behind. Returns the new revision."""
    return _bump(conn, project_id, projects.c.corpus_revision)


def bump_anchors(conn: Connection, project_id: str) -> int:
    """Say that an anchor's text, part or group changes; returns the new revision."""
    return _bump(conn, project_id, projects.c.anchor_revision)


def _bump(conn: Connection, project_id: str, column: Column[int]) -> int:
    return int(conn.execute(update(projects).where(projects.c.id == project_id).values({column: column + 1}).returning(column)).scalar_one())


def set_guideline(conn: Connection, project_id: str, guideline: str) -> None:
    """Replace what the project tells its reviewers (Markdown)."""
    conn.execute(update(projects).where(projects.c.id == project_id).values(guideline=guideline))


def update_options(conn: Connection, project_id: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Put what `change` makes of the project's curation settings in their place, and return it. It sees what those before it in turn left.

    Raises `NotFound` for an unknown project.
    """
    take_turn(conn, project_id)
    options = dict(change(get_project(conn, project_id).options))
    conn.execute(update(projects).where(projects.c.id == project_id).values(options=options))
    return options


def _to_project(row: Row[tuple[object, ...]]) -> Project:
    return Project(**dict(row._mapping) | {"guideline": row.guideline or "", "options": row.options or {}})
