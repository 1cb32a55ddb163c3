"""The points of the value meter: what a quick adapter reached after so many judgements.

Invariants: one point a position in the log, put again it is replaced; points are the machine's and can be measured anew. A curve is of one truth: what
the development anchors' answers were, and the corpus. Points of another truth are dropped when it is measured again, since a rise could come from an
easier question as well as from better judgements.
"""

from __future__ import annotations

from sqlalchemy import Connection, Row, delete, func, or_, select

from core.model import Added, Label, Part, Source, ValuePoint
from core.store.corpus import insert_for
from core.store.tables import anchors, judgement_state, judgements, value_points


def put_point(conn: Connection, project_id: str, point: ValuePoint) -> None:
    """Store a point; another of the same `last_seq` is replaced."""
    values = vars(point) | {"project_id": project_id, "scores": dict(point.scores), "added": vars(point.added) if point.added else None}
    insert = insert_for(conn, value_points).values(**values)
    kept = {name: insert.excluded[name] for name in values if name not in ("project_id", "last_seq")}
    conn.execute(insert.on_conflict_do_update(index_elements=["project_id", "last_seq"], set_=kept))


def list_points(conn: Connection, project_id: str, *, truth: str | None = None) -> list[ValuePoint]:
    """The points in the order of the log; those of one truth where given."""
    query = select(value_points).where(value_points.c.project_id == project_id)
    if truth is not None:
        query = query.where(value_points.c.truth == truth)
    return [_to_point(row) for row in conn.execute(query.order_by(value_points.c.last_seq))]


def drop_points(conn: Connection, project_id: str, *, keep_truth: str | None = None) -> int:
    """Drop the project's points, those of `keep_truth` excepted. Returns how many went."""
    c = value_points.c
    where = [c.project_id == project_id]
    if keep_truth is not None:
        where.append(or_(c.truth.is_(None), c.truth != keep_truth))
    return conn.execute(delete(value_points).where(*where)).rowcount


def newest_seq(conn: Connection, project_id: str) -> int:
    """The position in the log of the newest point; 0 without any."""
    return int(conn.execute(select(func.max(value_points.c.last_seq)).where(value_points.c.project_id == project_id)).scalar() or 0)


def count_decisions(conn: Connection, project_id: str, *, after_seq: int = 0) -> int:
    """Decisions of people in the log after `after_seq`: undos, what was taken back, what followed from another decision, and imports are left out."""
    c, undo = judgements.c, judgements.alias("undo")
    made = (c.project_id == project_id, c.seq > after_seq, c.undoes.is_(None), c.caused_by.is_(None), c.source != Source.IMPORT.value)
    # An undo comes after what it takes back. It names an event: said as a range, SQLite finds the few undos by their index, said as "not null" it does not.
    undone = (undo.c.project_id == project_id, undo.c.seq > after_seq, undo.c.undoes > "")
    taken_back = select(func.count(undo.c.undoes.distinct())).join(judgements, (c.project_id == undo.c.project_id) & (c.client_id == undo.c.undoes))
    total = conn.execute(select(func.count()).select_from(judgements).where(*made)).scalar_one()
    return int(total) - int(conn.execute(taken_back.where(*undone, *made)).scalar_one())


def count_answered(conn: Connection, project_id: str) -> dict[Part, int]:
    """Anchors with an answer by the part they stand in; those without a part yet are left out."""
    state = judgement_state.c
    query = (
        select(anchors.c.part, func.count(state.anchor_id.distinct()))
        .join(judgement_state, (state.project_id == anchors.c.project_id) & (state.anchor_id == anchors.c.id))
        .where(anchors.c.project_id == project_id, anchors.c.part.is_not(None), state.label == Label.POSITIVE.value, state.grade > 0)
        .group_by(anchors.c.part)
    )
    return dict.fromkeys(Part, 0) | {Part(part): int(count) for part, count in conn.execute(query)}


def count_negatives(conn: Connection, project_id: str) -> list[int]:
    """Reviewed hard negatives of each training anchor that has an answer, in no order."""
    state, other = judgement_state.c, judgement_state.alias("other")
    answered = select(1).where(
        other.c.project_id == anchors.c.project_id, other.c.anchor_id == anchors.c.id, other.c.label == Label.POSITIVE.value, other.c.grade > 0
    )
    query = (
        select(func.count(state.document_id))
        .select_from(anchors)
        .outerjoin(
            judgement_state,
            (state.project_id == anchors.c.project_id) & (state.anchor_id == anchors.c.id) & (state.label == Label.HARD_NEGATIVE.value),
        )
        .where(anchors.c.project_id == project_id, anchors.c.part == Part.TRAIN.value, answered.exists())
        .group_by(anchors.c.id)
    )
    return [int(count) for count in conn.execute(query).scalars()]


def recent_active_ms(conn: Connection, project_id: str, limit: int, *, author: str | None = None) -> list[int]:
    """Milliseconds that the newest timed decisions took, newest first: those of `author`, or everybody's where that one has none."""
    c = judgements.c
    query = select(c.active_ms).where(c.project_id == project_id, c.active_ms.is_not(None), c.caused_by.is_(None), c.undoes.is_(None))
    query = query.order_by(c.seq.desc()).limit(limit)
    own = list(conn.execute(query.where(c.author == author)).scalars()) if author is not None else []
    return own or list(conn.execute(query).scalars())


def recent_labels(conn: Connection, project_id: str, limit: int) -> list[Label]:
    """The labels of the newest decisions on mined candidates, newest first."""
    c = judgements.c
    sources = [Source.MINED.value, Source.ORACLE.value]
    query = select(c.label).where(c.project_id == project_id, c.source.in_(sources), c.undoes.is_(None), c.caused_by.is_(None))
    return [Label(label) for label in conn.execute(query.order_by(c.seq.desc()).limit(limit)).scalars()]


def _to_point(row: Row[tuple[object, ...]]) -> ValuePoint:
    values = {name: value for name, value in row._mapping.items() if name != "project_id"}
    return ValuePoint(**values | {"truth": row.truth or "", "scores": row.scores or {}, "added": Added(**row.added) if row.added else None})
