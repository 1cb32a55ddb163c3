"""Documents and anchors: written in bulk, read in order, paged in SQL.

Invariant: what a writing replaces is kept first (`core.store.former`), under the revision that the writing makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.model import Anchor, Document, NotFound, Part, hash_text
from core.store import former
from core.store import projects as projects_store
from core.store.tables import anchors, documents, judgement_state

_CHUNK = 500


def insert_for(conn: Connection, table: Table) -> Any:
    """An INSERT of the connection's dialect, for `on_conflict_do_…`."""
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)


def _next_position(conn: Connection, table: Table, project_id: str) -> int:
    last = conn.execute(select(func.max(table.c.position)).where(table.c.project_id == project_id)).scalar()
    return 0 if last is None else int(last) + 1


def put_documents(conn: Connection, project_id: str, items: Iterable[Document]) -> int:
    """Add documents, or replace the content of those whose id is there. Returns how many were new or changed."""
    projects_store.take_turn(conn, project_id)
    stored = dict(conn.execute(select(documents.c.id, documents.c.content_hash).where(documents.c.project_id == project_id)).all())
    fields = dict(conn.execute(select(documents.c.id, documents.c.fields).where(documents.c.project_id == project_id)).all())
    position = _next_position(conn, documents, project_id)
    rows: list[dict[str, Any]] = []
    for item in {item.id: item for item in items}.values():
        digest = hash_text(item.content)
        if stored.get(item.id) == digest and fields.get(item.id) == dict(item.fields):
            continue
        rows.append(
            {"project_id": project_id, "id": item.id, "position": position, "title": item.title, "text": item.text, "content_hash": digest}
            | {"fields": dict(item.fields)}
        )
        position += 1
    if not rows:
        return 0
    revision = projects_store.bump_corpus(conn, project_id)
    former.keep_documents(conn, project_id, [row["id"] for row in rows if row["id"] in stored], revision)
    insert = insert_for(conn, documents).values(since_revision=revision)
    upsert = insert.on_conflict_do_update(
        index_elements=["project_id", "id"],
        set_={name: insert.excluded[name] for name in ("title", "text", "content_hash", "fields")},
    )
    for start in range(0, len(rows), _CHUNK):
        conn.execute(upsert, rows[start : start + _CHUNK])
    return len(rows)


def put_anchors(conn: Connection, project_id: str, items: Iterable[Anchor]) -> int:
    """Add anchors, or replace text, group and fields of those whose id is there. Returns how many were new or changed."""
    projects_store.take_turn(conn, project_id)
    stored = {row.id: (row.text, row.group_id, row.fields or {}) for row in conn.execute(select(anchors).where(anchors.c.project_id == project_id))}
    position = _next_position(conn, anchors, project_id)
    changed = [item for item in {item.id: item for item in items}.values() if stored.get(item.id) != (item.text, item.group, dict(item.fields))]
    if not changed:
        return 0
    rows = [
        {"project_id": project_id, "id": item.id, "position": position + i, "text": item.text, "group_id": item.group, "fields": dict(item.fields)}
        for i, item in enumerate(changed)
    ]
    revision = None
    if any(item.id not in stored or stored[item.id][:2] != (item.text, item.group) for item in changed):  # fields alone make no revision
        revision = projects_store.bump_anchors(conn, project_id)
        former.keep_anchors(conn, project_id, [item.id for item in changed if item.id in stored], revision)
    insert = insert_for(conn, anchors).values(since_revision=revision)
    upsert = insert.on_conflict_do_update(index_elements=["project_id", "id"], set_={name: insert.excluded[name] for name in ("text", "group_id", "fields")})
    for start in range(0, len(rows), _CHUNK):
        conn.execute(upsert, rows[start : start + _CHUNK])
    return len(rows)


def read_documents(conn: Connection, project_id: str, *, offset: int = 0, limit: int | None = None) -> list[Document]:
    """Documents in their order of arrival."""
    query = select(documents).where(documents.c.project_id == project_id).order_by(documents.c.position).offset(offset).limit(limit)
    return [_to_document(row) for row in conn.execute(query)]


def read_document_ids(conn: Connection, project_id: str) -> tuple[list[str], list[str]]:
    """Ids and content hashes of all documents, in order of arrival: enough to find their vectors."""
    query = select(documents.c.id, documents.c.content_hash).where(documents.c.project_id == project_id).order_by(documents.c.position)
    rows = conn.execute(query).all()
    return [row[0] for row in rows], [row[1] for row in rows]


def get_documents(conn: Connection, project_id: str, ids: Sequence[str]) -> dict[str, Document]:
    """The documents of these ids, by id; an unknown id is left out."""
    found: dict[str, Document] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(documents).where(documents.c.project_id == project_id, documents.c.id.in_(ids[start : start + _CHUNK]))
        found.update((row.id, _to_document(row)) for row in conn.execute(query))
    return found


def read_outlines(conn: Connection, project_id: str, ids: Sequence[str], *, width: int = 120) -> dict[str, Document]:
    """The documents of these ids with only the first `width` characters of their text, by id: what a map shows. An unknown id is left out."""
    columns: tuple[Any, ...] = (documents.c.id, documents.c.title, func.substr(documents.c.text, 1, width).label("text"), documents.c.fields)
    found: dict[str, Document] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(*columns).where(documents.c.project_id == project_id, documents.c.id.in_(ids[start : start + _CHUNK]))
        found.update((row.id, _to_document(row)) for row in conn.execute(query))
    return found


def read_anchors(conn: Connection, project_id: str, *, part: Part | None = None, offset: int = 0, limit: int | None = None) -> list[Anchor]:
    """Anchors in their order of arrival, those of one part where it is given."""
    query = select(anchors).where(anchors.c.project_id == project_id)
    if part is not None:
        query = query.where(anchors.c.part == part)
    return [_to_anchor(row) for row in conn.execute(query.order_by(anchors.c.position).offset(offset).limit(limit))]


def get_anchor(conn: Connection, project_id: str, anchor_id: str) -> Anchor:
    """The anchor. Raises `NotFound`."""
    row = conn.execute(select(anchors).where(anchors.c.project_id == project_id, anchors.c.id == anchor_id)).one_or_none()
    if row is None:
        raise NotFound(f"Project {project_id!r} has no anchor {anchor_id!r}.")
    return _to_anchor(row)


def get_anchors(conn: Connection, project_id: str, ids: Sequence[str]) -> dict[str, Anchor]:
    """The anchors of these ids, by id; an unknown id is left out."""
    found: dict[str, Anchor] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(anchors).where(anchors.c.project_id == project_id, anchors.c.id.in_(ids[start : start + _CHUNK]))
        found.update((row.id, _to_anchor(row)) for row in conn.execute(query))
    return found


def find_anchor(conn: Connection, project_id: str, text: str) -> Anchor | None:
    """The first anchor of exactly this text, or None."""
    query = select(anchors).where(anchors.c.project_id == project_id, anchors.c.text == text).order_by(anchors.c.position).limit(1)
    row = conn.execute(query).one_or_none()
    return _to_anchor(row) if row else None


def search_anchors(conn: Connection, project_id: str, containing: str = "", *, limit: int = 200) -> list[Anchor]:
    """Anchors that have an answer and whose text contains `containing` (case ignored for ASCII), in order of arrival, at most `limit`."""
    query = select(anchors).where(anchors.c.project_id == project_id, _answered())
    if containing:
        query = query.where(anchors.c.text.icontains(containing, autoescape=True))
    return [_to_anchor(row) for row in conn.execute(query.order_by(anchors.c.position).limit(limit))]


def count_anchors(conn: Connection, project_id: str, *, unlabelled: bool = False) -> int:
    """How many anchors there are, or how many still have no answer."""
    return int(conn.execute(_anchor_query(project_id, func.count(), unlabelled)).scalar_one())


def page_anchors(conn: Connection, project_id: str, *, unlabelled: bool = False, offset: int = 0, limit: int = 50) -> list[tuple[Anchor, int]]:
    """A page of anchors, each with how many answers it has."""
    state = judgement_state.c
    answers = (
        select(func.count())
        .where(state.project_id == anchors.c.project_id, state.anchor_id == anchors.c.id, state.label == "positive", state.grade > 0)
        .scalar_subquery()
    )
    query = _anchor_query(project_id, (anchors, answers.label("answers")), unlabelled).order_by(anchors.c.position).offset(offset).limit(limit)
    return [(_to_anchor(row), int(row.answers)) for row in conn.execute(query)]


def set_parts(conn: Connection, project_id: str, parts: Mapping[str, Part]) -> None:
    """Store the part of the split for each of these anchors."""
    _set_column(conn, project_id, anchors.c.part, {anchor_id: part.value for anchor_id, part in parts.items()})


def set_groups(conn: Connection, project_id: str, groups: Mapping[str, str | None]) -> int:
    """Store for each of these anchors the one that stands for it and its paraphrases; None takes it out of its group. Returns how many changed."""
    return _set_column(conn, project_id, anchors.c.group_id, groups)


def _set_column(conn: Connection, project_id: str, column: Column[Any], values: Mapping[str, str | None]) -> int:
    """Give anchors these values of a column, those that have another keep it as former. An unknown id is passed over. Returns how many changed."""
    projects_store.take_turn(conn, project_id)
    standing = dict(conn.execute(select(anchors.c.id, column).where(anchors.c.project_id == project_id)).all())
    changed = [anchor_id for anchor_id, value in values.items() if anchor_id in standing and standing[anchor_id] != value]
    if not changed:
        return 0
    former.keep_anchors(conn, project_id, changed, projects_store.bump_anchors(conn, project_id))
    for value in {values[anchor_id] for anchor_id in changed}:
        ids = [anchor_id for anchor_id in changed if values[anchor_id] == value]
        for start in range(0, len(ids), _CHUNK):
            conn.execute(update(anchors).where(anchors.c.project_id == project_id, anchors.c.id.in_(ids[start : start + _CHUNK])).values({column: value}))
    return len(changed)


def _anchor_query(project_id: str, columns: Any, unlabelled: bool) -> Any:
    query = select(*columns) if isinstance(columns, tuple) else select(columns).select_from(anchors)
    query = query.where(anchors.c.project_id == project_id)
    return query.where(~_answered()) if unlabelled else query


def _answered() -> Any:
    state = judgement_state.c
    return select(1).where(state.project_id == anchors.c.project_id, state.anchor_id == anchors.c.id, state.label == "positive", state.grade > 0).exists()


def _to_document(row: Row[tuple[object, ...]]) -> Document:
    return Document(id=row.id, text=row.text, title=row.title, fields=row.fields)


def _to_anchor(row: Row[tuple[object, ...]]) -> Anchor:
    return Anchor(id=row.id, text=row.text, part=Part(row.part) if row.part else None, group=row.group_id, fields=row.fields or {})
