"""Documents and anchors as they were: what a writing replaces is kept first, so that every earlier revision can be read.

A row here holds what stood until the revision that replaced it. Invariant: at a revision, a document or an anchor that had not arrived yet does not
appear. Revisions from before the history was kept read as the oldest state that is known; `OLDEST` names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, literal, select

from core.model import Anchor, Document, Part, hash_text
from core.store.tables import anchors, documents, former_anchors, former_documents

OLDEST = -1
"""A revision before all others: what was there when the history began."""
_CHUNK = 500


def keep_documents(conn: Connection, project_id: str, ids: Sequence[str], until_revision: int) -> None:
    """Keep these documents as they are now, until the revision that is about to replace them."""
    _keep(conn, documents, former_documents, project_id, ids, until_revision)


def keep_anchors(conn: Connection, project_id: str, ids: Sequence[str], until_revision: int) -> None:
    """Keep these anchors' text, part and group as they are now, until the revision that is about to replace them."""
    _keep(conn, anchors, former_anchors, project_id, ids, until_revision)


def read_documents_at(conn: Connection, project_id: str, ids: Sequence[str], revision: int) -> dict[str, Document]:
    """The documents of these ids as they were at a corpus revision, by id; one that is unknown or arrived later is left out."""
    found: dict[str, Document] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = list(ids[start : start + _CHUNK])
        now = select(documents).where(_was_there(documents, project_id, revision), documents.c.id.in_(chunk))
        found.update((row.id, _to_document(row)) for row in conn.execute(now))
        then = _first_after(former_documents, project_id, revision).where(former_documents.c.id.in_(chunk))
        found.update((row.id, _to_document(row)) for row in conn.execute(then) if row.id in found)
    return found


def read_anchors_at(conn: Connection, project_id: str, revision: int) -> list[Anchor]:
    """The anchors with text, part and group as they were at an anchor revision, in order of arrival; those that arrived later are left out.

    Their fields are those of now: no revision counts them.
    """
    then = {row.id: row for row in conn.execute(_first_after(former_anchors, project_id, revision))}
    now = conn.execute(select(anchors).where(_was_there(anchors, project_id, revision)).order_by(anchors.c.position))
    return [_to_anchor(then.get(row.id, row), row.fields or {}) for row in now]


def find_text(conn: Connection, project_id: str, document_id: str, content_hash: str) -> Document | None:
    """The document as it was when its content had this hash, the newest of them; None where it never had, or that was not kept."""
    for table, order in ((documents, []), (former_documents, [former_documents.c.until_revision.desc()])):
        c = table.c
        query = select(table).where(c.project_id == project_id, c.id == document_id, c.content_hash == content_hash)
        row = conn.execute(query.order_by(*order).limit(1)).one_or_none()
        if row is not None:
            return _to_document(row)
    return None


def find_question(conn: Connection, project_id: str, anchor_id: str, text_hash: str) -> str | None:
    """The text of the anchor that has this hash, of now or of before; None where it never had, or that was not kept."""
    for table in (anchors, former_anchors):
        for text in conn.execute(select(table.c.text).where(table.c.project_id == project_id, table.c.id == anchor_id)).scalars():
            if hash_text(text) == text_hash:
                return str(text)
    return None


def _keep(conn: Connection, table: Table, kept: Table, project_id: str, ids: Sequence[str], until_revision: int) -> None:
    names = [column.name for column in kept.columns]
    values = [literal(until_revision) if name == "until_revision" else table.c[name] for name in names]
    for start in range(0, len(ids), _CHUNK):
        rows = select(*values).where(table.c.project_id == project_id, table.c.id.in_(list(ids[start : start + _CHUNK])))
        conn.execute(kept.insert().from_select(names, rows))


def _was_there(table: Table, project_id: str, revision: int) -> ColumnElement[bool]:
    since = table.c.since_revision
    return (table.c.project_id == project_id) & (since.is_(None) | (since <= revision))


def _first_after(kept: Table, project_id: str, revision: int) -> Select[Any]:
    """Of each id, what stood until the first revision after this one: that is what stood at it."""
    c = kept.c
    first = select(c.id, func.min(c.until_revision).label("until")).where(c.project_id == project_id, c.until_revision > revision).group_by(c.id).subquery()
    return select(kept).join(first, (first.c.id == c.id) & (first.c.until == c.until_revision)).where(c.project_id == project_id)


def _to_document(row: Row[tuple[object, ...]]) -> Document:
    return Document(id=row.id, text=row.text, title=row.title, fields=row.fields)


def _to_anchor(row: Row[tuple[object, ...]], fields: dict[str, str]) -> Anchor:
    return Anchor(id=row.id, text=row.text, part=Part(row.part) if row.part else None, group=row.group_id, fields=fields)
