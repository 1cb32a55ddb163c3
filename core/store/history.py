"""The log of judgements as people look back on it: filtered, newest first, paged in SQL, each event with what it changed and what became of it.

Nothing here writes. Order: position in the log, newest first; positions are unique, so there are no ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, Row, Select, and_, case, cast, func, or_, select

from core.model import Judgement, Label, NotFound, Source
from core.store.tables import anchors, documents, judgements

_OUTLINE = 160


@dataclass(frozen=True)
class EventFilter:
    """Which events of the log are wanted; what is empty or None leaves all in."""

    author: str = ""
    label: Label | None = None
    source: Source | None = None
    anchor: str = ""
    """Part of the anchor's text as it is now (case ignored for ASCII), or its id."""
    document_id: str = ""
    since: float | None = None
    """Recorded at this moment or later; seconds since the epoch."""
    until: float | None = None
    """Recorded before this moment."""


@dataclass(frozen=True)
class PastEvent:
    """One event of the log with what it changed and what became of it."""

    event: Judgement
    anchor: str
    """The anchor's text as it is now."""
    document: str
    """The document's title, or the beginning of its text, as they are now."""
    label_before: Label | None
    """What was said of the pair before; None where nothing was."""
    grade_before: int
    taken_back_by: str | None
    """Who took it back; None where nobody did."""
    taken_back_at: float | None
    caused: int
    """How many other events followed from it."""


@dataclass(frozen=True)
class AuthorFigures:
    """What one person decided: undoing and what followed by itself are not counted as decisions."""

    author: str
    decisions: int
    median_s: float | None
    """Median of the active seconds of a decision; None where none was timed."""
    taken_back: int
    first_at: float
    last_at: float

    @property
    def share_taken_back(self) -> float:
        """Share of the decisions that was taken back, by anyone, in [0, 1]."""
        return self.taken_back / self.decisions if self.decisions else 0.0


def count_past(conn: Connection, project_id: str, wanted: EventFilter = EventFilter()) -> int:
    """How many events of the log are wanted."""
    return int(conn.execute(select(func.count()).select_from(judgements).where(_matches(project_id, wanted))).scalar_one())


def page_events(conn: Connection, project_id: str, wanted: EventFilter = EventFilter(), *, offset: int = 0, limit: int = 50) -> list[PastEvent]:
    """A page of the wanted events, newest first."""
    page = select(judgements).where(_matches(project_id, wanted)).order_by(judgements.c.seq.desc()).offset(offset).limit(limit)
    return [_to_past(row) for row in conn.execute(_tell(page))]


def get_past(conn: Connection, project_id: str, client_id: str) -> PastEvent:
    """The event with this client id. Raises `NotFound`."""
    row = conn.execute(_tell(select(judgements).where(judgements.c.project_id == project_id, judgements.c.client_id == client_id))).one_or_none()
    if row is None:
        raise NotFound(f"Project {project_id!r} has no event {client_id!r} in its log. `pairsmith history {project_id}` lists them.")
    return _to_past(row)


def list_caused(conn: Connection, project_id: str, client_id: str, *, limit: int = 50) -> list[PastEvent]:
    """The first `limit` events that followed from this one, newest first."""
    caused = select(judgements).where(judgements.c.project_id == project_id, judgements.c.caused_by == client_id)
    return [_to_past(row) for row in conn.execute(_tell(caused.order_by(judgements.c.seq.desc()).limit(limit)))]


def list_authors(conn: Connection, project_id: str) -> list[str]:
    """Everybody who stands in the log, by name."""
    return list(conn.execute(select(judgements.c.author).where(judgements.c.project_id == project_id).distinct().order_by(judgements.c.author)).scalars())


def measure_authors(conn: Connection, project_id: str) -> list[AuthorFigures]:
    """The figures of everybody who decided something, most decisions first, then by name."""
    log, undo = judgements.c, judgements.alias("undo")
    is_back = select(1).where(_undoes(undo, judgements)).exists()
    decided = select(log.author, log.active_ms, log.recorded_at, case((is_back, 1), else_=0).label("is_back"))
    decisions = decided.where(log.project_id == project_id, log.undoes.is_(None), log.caused_by.is_(None)).cte("decisions")
    c = decisions.c
    timed = select(
        c.author,
        c.active_ms,
        func.row_number().over(partition_by=c.author, order_by=c.active_ms).label("place"),
        func.count().over(partition_by=c.author).label("n"),
    ).where(c.active_ms.is_not(None))
    ranked = timed.cte("ranked")
    r = ranked.c
    # the one in the middle, or the two: places (n + 1) / 2 and (n + 2) / 2, both rounded down
    middle = (
        select(r.author, func.avg(cast(r.active_ms, Float)).label("median")).where(r.place * 2 >= r.n, r.place * 2 <= r.n + 2).group_by(r.author).cte("middle")
    )
    query = (
        select(
            c.author,
            func.count().label("decisions"),
            func.sum(c.is_back).label("back"),
            func.min(c.recorded_at).label("first_at"),
            func.max(c.recorded_at).label("last_at"),
            func.max(middle.c.median).label("median"),
        )
        .select_from(decisions.outerjoin(middle, middle.c.author == c.author))
        .group_by(c.author)
        .order_by(func.count().desc(), c.author)
    )
    return [
        AuthorFigures(row.author, int(row.decisions), None if row.median is None else row.median / 1000, int(row.back), row.first_at, row.last_at)
        for row in conn.execute(query)
    ]


def _matches(project_id: str, wanted: EventFilter) -> ColumnElement[bool]:
    log = judgements.c
    terms: list[ColumnElement[bool]] = [log.project_id == project_id]
    if wanted.author:
        terms.append(log.author == wanted.author)
    if wanted.label is not None:
        terms.append(log.label == wanted.label.value)
    if wanted.source is not None:
        terms.append(log.source == wanted.source.value)
    if wanted.anchor:
        named = or_(anchors.c.text.icontains(wanted.anchor, autoescape=True), anchors.c.id == wanted.anchor)
        terms.append(log.anchor_id.in_(select(anchors.c.id).where(anchors.c.project_id == project_id, named)))
    if wanted.document_id:
        terms.append(log.document_id == wanted.document_id)
    if wanted.since is not None:
        terms.append(log.recorded_at >= wanted.since)
    if wanted.until is not None:
        terms.append(log.recorded_at < wanted.until)
    return and_(*terms)


def _tell(page: Select[Any]) -> Select[Any]:
    """The events of `page` with what each changed and what became of it: looked up for these rows only."""
    e = page.subquery("e")
    before, earlier, undo, followed = judgements.alias("before"), judgements.alias("earlier"), judgements.alias("undo"), judgements.alias("followed")
    same_pair = and_(earlier.c.project_id == e.c.project_id, earlier.c.anchor_id == e.c.anchor_id, earlier.c.document_id == e.c.document_id)
    last = select(func.max(earlier.c.seq)).where(same_pair, earlier.c.seq < e.c.seq).correlate(e).scalar_subquery()
    caused = select(func.count()).where(followed.c.project_id == e.c.project_id, followed.c.caused_by == e.c.client_id).correlate(e).scalar_subquery()
    return (
        select(
            e,
            anchors.c.text.label("anchor_text"),
            documents.c.title.label("document_title"),
            func.substr(documents.c.text, 1, _OUTLINE).label("document_outline"),
            before.c.label.label("label_before"),
            before.c.grade.label("grade_before"),
            undo.c.author.label("undo_author"),
            undo.c.recorded_at.label("undo_at"),
            caused.label("caused"),
        )
        .select_from(e)
        .join(anchors, and_(anchors.c.project_id == e.c.project_id, anchors.c.id == e.c.anchor_id))
        .join(documents, and_(documents.c.project_id == e.c.project_id, documents.c.id == e.c.document_id))
        .outerjoin(before, before.c.seq == last)
        .outerjoin(undo, _undoes(undo, e))
        .order_by(e.c.seq.desc())
    )


def _undoes(undo: Any, event: Any) -> ColumnElement[bool]:
    """`undo` takes `event` back: looked for within its pair, where an undo stands."""
    same_pair = and_(undo.c.project_id == event.c.project_id, undo.c.anchor_id == event.c.anchor_id, undo.c.document_id == event.c.document_id)
    return and_(same_pair, undo.c.undoes == event.c.client_id)


_EVENT: Sequence[str] = [column.name for column in judgements.columns if column.name != "project_id"]


def _to_past(row: Row[tuple[object, ...]]) -> PastEvent:
    values = {name: row._mapping[name] for name in _EVENT}
    said = Label(row.label_before) if row.label_before else None
    return PastEvent(
        event=Judgement(**values | {"label": Label(row.label), "source": Source(row.source)}),
        anchor=row.anchor_text,
        document=row.document_title or row.document_outline,
        label_before=None if said == Label.UNJUDGED else said,
        grade_before=row.grade_before or 0,
        taken_back_by=row.undo_author,
        taken_back_at=row.undo_at,
        caused=int(row.caused),
    )
