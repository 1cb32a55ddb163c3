"""The append-only log of judgements, and the present state that follows from it.

Invariants: nothing here updates or deletes an event; an event whose client id is already in the log changes nothing; an undo is a new event that
restores what the pair was before the event it takes back; `judgement_state` holds the last event of every pair, those that opened it again left out,
and is brought up to date in the transaction of every append.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, tuple_

from core.model import Judgement, Label, PairsmithError, Part, Source
from core.store.candidates import mark_judged
from core.store.corpus import insert_for
from core.store.projects import take_turn
from core.store.tables import anchors, documents, judgement_state, judgements

_CHUNK = 500


def append_judgements(conn: Connection, project_id: str, events: Iterable[Judgement], *, now: float | None = None, keep_times: bool = False) -> int:
    """Append events to the log in the order given; those whose client id is known are passed over. Returns how many were new.

    Each is recorded at `now` (seconds since the epoch), with `keep_times` at its own `recorded_at` where it has one, as an event of another home does.
    Raises `PairsmithError`, before anything is written, when an event names an anchor or a document the project does not have.
    """
    recorded_at = time.time() if now is None else now
    rows = [_to_row(project_id, event, event.recorded_at if keep_times and event.recorded_at is not None else recorded_at) for event in events]
    _refuse_unknown(conn, project_id, rows)
    insert = insert_for(conn, judgements).on_conflict_do_nothing(index_elements=["project_id", "client_id"])
    take_turn(conn, project_id)
    before = last_seq(conn, project_id)
    for start in range(0, len(rows), _CHUNK):
        conn.execute(insert, rows[start : start + _CHUNK])
    _bring_state_up(conn, project_id, before)
    return count_events(conn, project_id, after_seq=before)


def _bring_state_up(conn: Connection, project_id: str, after_seq: int) -> None:
    """Put the last of the events after `after_seq` in place of each pair's state; a pair that was opened again has none."""
    log, state = judgements.c, judgement_state.c
    newest = select(func.max(log.seq)).where(log.project_id == project_id, log.seq > after_seq).group_by(log.anchor_id, log.document_id)
    columns = [column.name for column in judgement_state.columns]
    said = select(*(log[name] for name in columns)).where(log.seq.in_(newest))
    insert = insert_for(conn, judgement_state).from_select(columns, said)
    keys = ["project_id", "anchor_id", "document_id"]
    conn.execute(insert.on_conflict_do_update(index_elements=keys, set_={name: insert.excluded[name] for name in columns if name not in keys}))
    conn.execute(delete(judgement_state).where(state.project_id == project_id, state.label == Label.UNJUDGED.value, state.seq > after_seq))
    mark_judged(conn, project_id, select(log.anchor_id, log.document_id).where(log.project_id == project_id, log.seq > after_seq))


def undo_judgement(
    conn: Connection,
    project_id: str,
    client_id: str,
    *,
    author: str,
    undo_id: str | None = None,
    caused_by: str | None = None,
    now: float | None = None,
) -> Judgement | None:
    """Take back the event `client_id`: append what stood before it. Returns the new event, or None when it was already taken back.

    `caused_by`: the undo that this one follows from. What followed from the event itself is taken back by `core.curation.fan_out.undo_decision`.
    Raises `PairsmithError` when there is no such event, when it is an undo itself, or when the pair was judged again since (the later word stands).
    """
    take_turn(conn, project_id)
    event = find_event(conn, project_id, client_id)
    if event is None:
        raise PairsmithError(f"There is no judgement {client_id!r} to take back. It may not have been saved yet: wait until the panel says saved.")
    if event.undoes is not None:
        raise PairsmithError(f"{client_id!r} took a judgement back; that cannot be taken back in turn. Judge the pair again.")
    log = read_pair(conn, project_id, event.anchor_id, event.document_id)
    if any(other.undoes == client_id for other in log):
        return None
    standing = list_standing(log)
    if standing[-1].client_id != client_id:
        raise PairsmithError("This pair was judged again since, and the later judgement stands. Take that one back first.")
    before = standing[-2] if len(standing) > 1 else None
    undo = Judgement(
        client_id=undo_id or uuid.uuid4().hex,
        anchor_id=event.anchor_id,
        document_id=event.document_id,
        label=before.label if before else Label.UNJUDGED,
        grade=before.grade if before else 0,
        source=before.source if before else event.source,
        author=author,
        reason=before.reason if before else "",
        note=before.note if before else "",
        decided_at=time.time() if now is None else now,
        undoes=client_id,
        caused_by=caused_by,
    )
    append_judgements(conn, project_id, [undo], now=now)
    return undo


def find_event(conn: Connection, project_id: str, client_id: str) -> Judgement | None:
    """The event of the log with this client id, or None."""
    row = conn.execute(select(judgements).where(judgements.c.project_id == project_id, judgements.c.client_id == client_id)).one_or_none()
    return to_judgement(row) if row else None


def read_caused(conn: Connection, project_id: str, *client_ids: str) -> list[Judgement]:
    """The events that followed from these events, in order."""
    found: list[Judgement] = []
    for start in range(0, len(client_ids), _CHUNK):
        query = select(judgements).where(judgements.c.project_id == project_id, judgements.c.caused_by.in_(client_ids[start : start + _CHUNK]))
        found += [to_judgement(row) for row in conn.execute(query.order_by(judgements.c.seq))]
    return found


def known_events(conn: Connection, project_id: str, client_ids: Sequence[str]) -> set[str]:
    """Those of the client ids that the log holds already."""
    known: set[str] = set()
    for start in range(0, len(client_ids), _CHUNK):
        query = select(judgements.c.client_id).where(judgements.c.project_id == project_id, judgements.c.client_id.in_(client_ids[start : start + _CHUNK]))
        known.update(conn.execute(query).scalars())
    return known


def read_pair(conn: Connection, project_id: str, anchor_id: str, document_id: str) -> list[Judgement]:
    """Everything ever said of one pair, in order."""
    table = judgements.c
    query = select(judgements).where(table.project_id == project_id, table.anchor_id == anchor_id, table.document_id == document_id)
    return [to_judgement(row) for row in conn.execute(query.order_by(table.seq))]


def find_standing(conn: Connection, project_id: str, anchor_id: str, document_id: str) -> Judgement | None:
    """The event that the pair's present word comes from: the last that was not taken back, and so the one an undo may take back."""
    standing = list_standing(read_pair(conn, project_id, anchor_id, document_id))
    return standing[-1] if standing else None


def list_standing(log: Sequence[Judgement]) -> list[Judgement]:
    """Those events of a pair's log that nobody took back, in order: the last gives the pair's word. Undos are none of them."""
    taken_back = {other.undoes for other in log if other.undoes}
    return [other for other in log if other.undoes is None and other.client_id not in taken_back]


def read_log(conn: Connection, project_id: str, *, after_seq: int = 0, limit: int | None = None, newest_first: bool = False) -> list[Judgement]:
    """Events of the log, in order or newest first."""
    query = select(judgements).where(judgements.c.project_id == project_id, judgements.c.seq > after_seq)
    order = judgements.c.seq.desc() if newest_first else judgements.c.seq
    return [to_judgement(row) for row in conn.execute(query.order_by(order).limit(limit))]


def read_shared_pairs(conn: Connection, project_id: str, *, but: Sequence[str] = ()) -> dict[tuple[str, str], list[Judgement]]:
    """Everything said of the pairs that at least two authors judged, those in `but` not counted: events in order, by anchor and document id."""
    c = judgements.c
    people = (c.project_id == project_id, c.author.not_in(list(but)), c.caused_by.is_(None))
    shared = select(c.anchor_id, c.document_id).where(*people).group_by(c.anchor_id, c.document_id).having(func.count(c.author.distinct()) > 1)
    found: dict[tuple[str, str], list[Judgement]] = {}
    query = select(judgements).where(c.project_id == project_id, tuple_(c.anchor_id, c.document_id).in_(shared)).order_by(c.seq)
    for row in conn.execute(query):
        found.setdefault((row.anchor_id, row.document_id), []).append(to_judgement(row))
    return found


def read_state(conn: Connection, project_id: str, *, labels: Sequence[Label] | None = None, anchor_ids: Sequence[str] | None = None) -> list[Judgement]:
    """The present word on each judged pair, by anchor and document id."""
    state = judgement_state.c
    query = select(judgement_state).where(state.project_id == project_id)
    if labels is not None:
        query = query.where(state.label.in_([label.value for label in labels]))
    if anchor_ids is not None:
        query = query.where(state.anchor_id.in_(list(anchor_ids)))
    return [to_judgement(row) for row in conn.execute(query.order_by(state.anchor_id, state.document_id))]


def read_state_at(conn: Connection, project_id: str, seq: int, *, labels: Sequence[Label] | None = None) -> list[Judgement]:
    """The word on each judged pair as it stood when event `seq` was the newest, by anchor and document id."""
    log = judgements.c
    newest = select(func.max(log.seq)).where(log.project_id == project_id, log.seq <= seq).group_by(log.anchor_id, log.document_id)
    said = [label for label in labels or Label if label != Label.UNJUDGED]
    query = select(judgements).where(log.seq.in_(newest), log.label.in_([label.value for label in said]))
    return [to_judgement(row) for row in conn.execute(query.order_by(log.anchor_id, log.document_id))]


def read_qrels(conn: Connection, project_id: str) -> dict[str, dict[str, int]]:
    """Grades by anchor id and document id: positives with their grade, reviewed hard negatives with 0.

    Ambiguous, skipped and cannot-judge pairs are left out: they count as unjudged.
    """
    qrels: dict[str, dict[str, int]] = {}
    for item in read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE]):
        qrels.setdefault(item.anchor_id, {})[item.document_id] = item.grade if item.label == Label.POSITIVE else 0
    return qrels


def last_seq(conn: Connection, project_id: str) -> int:
    """The number of the newest event, 0 for an empty log."""
    return int(conn.execute(select(func.max(judgements.c.seq)).where(judgements.c.project_id == project_id)).scalar() or 0)


def newest_event(conn: Connection) -> int:
    """The number of the newest event of all projects, 0 where nothing was ever judged: one look at the primary key."""
    return int(conn.execute(select(func.max(judgements.c.seq))).scalar() or 0)


def count_events(conn: Connection, project_id: str, *, after_seq: int = 0) -> int:
    """How many events the log holds, those up to `after_seq` left out."""
    query = select(func.count()).select_from(judgements).where(judgements.c.project_id == project_id, judgements.c.seq > after_seq)
    return int(conn.execute(query).scalar_one())


def count_changes(conn: Connection, project_id: str, part: Part, after_seq: int) -> int:
    """On how many pairs of the part's anchors the events after `after_seq` changed what measures go by.

    That is the grade of an answer, a hard negative, or neither; a skip, a note, or a word taken back again changes nothing.
    """
    log, then = judgements.alias("log"), judgements.alias("then")
    touched = (
        select(log.c.anchor_id, log.c.document_id, func.max(log.c.seq).label("last"))
        .join(anchors, (anchors.c.project_id == log.c.project_id) & (anchors.c.id == log.c.anchor_id))
        .where(log.c.project_id == project_id, log.c.seq > after_seq, anchors.c.part == part.value)
        .group_by(log.c.anchor_id, log.c.document_id)
        .subquery("touched")
    )
    earlier = judgements.alias("earlier")
    before = (
        select(func.max(earlier.c.seq))
        .where(
            earlier.c.project_id == project_id,
            earlier.c.anchor_id == touched.c.anchor_id,
            earlier.c.document_id == touched.c.document_id,
            earlier.c.seq <= after_seq,
        )
        .correlate(touched)
        .scalar_subquery()
    )
    now = judgements.alias("now")
    query = (
        select(now.c.label, now.c.grade, then.c.label.label("label_then"), then.c.grade.label("grade_then"))
        .select_from(touched)
        .join(now, now.c.seq == touched.c.last)
        .outerjoin(then, then.c.seq == before)
    )
    return sum(_relevance(row.label, row.grade) != _relevance(row.label_then, row.grade_then) for row in conn.execute(query))


def _relevance(label: str | None, grade: int | None) -> int | None:
    """What measures go by: the grade of an answer, 0 for a hard negative, None for what counts as unjudged."""
    return grade if label == Label.POSITIVE else 0 if label == Label.HARD_NEGATIVE else None


def _refuse_unknown(conn: Connection, project_id: str, rows: Sequence[dict[str, Any]]) -> None:
    for table, column, what in ((anchors, "anchor_id", "anchor"), (documents, "document_id", "document")):
        wanted = sorted({row[column] for row in rows})
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            known = set(conn.execute(select(table.c.id).where(table.c.project_id == project_id, table.c.id.in_(chunk))).scalars())
            unknown = [item for item in chunk if item not in known]
            if unknown:
                raise PairsmithError(f"A judgement names {what} {unknown[0]!r}, which project {project_id!r} does not have. Nothing was saved.")


def _to_row(project_id: str, event: Judgement, recorded_at: float) -> dict[str, Any]:
    row = {name: value for name, value in vars(event).items() if name not in ("seq", "recorded_at")}
    row |= {"label": event.label.value, "source": event.source.value}
    return row | {"project_id": project_id, "recorded_at": recorded_at}


def to_judgement(row: Row[tuple[object, ...]]) -> Judgement:
    """A row of the log or of the state."""
    values = {name: value for name, value in row._mapping.items() if name != "project_id"}
    return Judgement(**values | {"label": Label(row.label), "source": Source(row.source)})
