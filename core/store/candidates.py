"""Mined candidates and the leases by which several people share one queue.

Invariants: a candidate is handed out only while its pair is unjudged and nobody else's lease on it runs; handing out is one statement; an
expired lease needs no clean-up, since expiry is computed in the query. Candidates are the machine's and are replaced by the next mining, but those that a
reviewer has in hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, or_, select, tuple_, update

from core.model import Candidate, CandidateStatus
from core.store.tables import anchors, candidates, documents, judgement_state

_CHUNK = 500
_FIELDS = {field.name for field in fields(Candidate)}
FURTHER_REASON = "further down than the queue reaches"
"""Why a candidate is set aside that does not look like an answer and has only too many before it."""
_QUEUED = (CandidateStatus.SUSPICIOUS.value, CandidateStatus.PROPOSED.value)


def replace_candidates(
    conn: Connection, project_id: str, items: Iterable[Candidate], *, refused: frozenset[str] = frozenset(), now: float | None = None
) -> int:
    """Put these in place of all candidates of the project. Returns how many there are.

    A pair that somebody has before them (its lease runs and it is unjudged) keeps its lease, and stays in the queue as it was where it is not among the
    new ones, unless its document is `refused`: nothing vanishes under a reviewer's hands.
    """
    at = time.time() if now is None else now
    held = select(candidates).where(_open(project_id), candidates.c.lease_until > at)
    leased = {(row.anchor_id, row.document_id): dict(row._mapping) for row in conn.execute(held)}
    conn.execute(delete(candidates).where(candidates.c.project_id == project_id))
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for item in items:
        row = vars(item) | {"project_id": project_id, "status": item.status.value, "lease_author": None, "lease_until": 0.0}
        rows[item.anchor_id, item.document_id] = row
    for pair, old in leased.items():
        if old["document_id"] not in refused:
            is_queued = pair in rows and rows[pair]["status"] in _QUEUED
            rows[pair] = rows[pair] | {name: old[name] for name in ("lease_author", "lease_until")} if is_queued else old
    stored = list(rows.values())
    for start in range(0, len(stored), _CHUNK):
        conn.execute(candidates.insert(), stored[start : start + _CHUNK])
    return len(stored)


def lease_candidates(conn: Connection, project_id: str, author: str, *, n: int, lease_s: float, now: float | None = None) -> list[Candidate]:
    """Hand `author` up to `n` unjudged candidates, highest priority first, those already theirs included, until `now + lease_s`."""
    at = time.time() if now is None else now
    c = candidates.c
    free = or_(c.lease_until <= at, c.lease_author == author)
    wanted = (
        select(c.anchor_id, c.document_id).where(_open(project_id), free).order_by(c.priority.desc(), c.anchor_id, c.document_id).limit(n)
    ).with_for_update(skip_locked=True)
    chosen = wanted.cte("wanted")  # as a plain subquery PostgreSQL may run it once a row, each time past the rows it has locked, and hand out all
    statement = (
        update(candidates)
        .where(c.project_id == project_id, tuple_(c.anchor_id, c.document_id).in_(select(chosen.c.anchor_id, chosen.c.document_id)))
        .values(lease_author=author, lease_until=at + lease_s)
        .returning(*candidates.columns)
    )
    rows = [_to_candidate(row) for row in conn.execute(statement)]
    return sorted(rows, key=lambda item: (-item.priority, item.anchor_id, item.document_id))


def count_queue(conn: Connection, project_id: str, author: str, *, now: float | None = None) -> dict[str, int]:
    """How many candidates are `open` for this person, and how many are `held` by others."""
    at = time.time() if now is None else now
    c = candidates.c
    held = and_(c.lease_until > at, c.lease_author != author)
    row = conn.execute(select(func.count().label("all"), func.count().filter(held).label("held")).select_from(candidates).where(_open(project_id))).one()
    return {"open": int(row.all) - int(row.held), "held": int(row.held)}


def first_release(conn: Connection, project_id: str, author: str, *, now: float | None = None) -> float | None:
    """When the first open candidate that somebody else holds is free again; None when nobody else holds one."""
    at = time.time() if now is None else now
    c = candidates.c
    query = select(func.min(c.lease_until)).where(_open(project_id), c.lease_until > at, c.lease_author != author)
    found = conn.execute(query).scalar_one()
    return None if found is None else float(found)


def _open(project_id: str) -> ColumnElement[bool]:
    c = candidates.c
    return and_(c.project_id == project_id, c.status.in_(_QUEUED), ~_judged())


def _to_candidate(row: Row[tuple[object, ...]]) -> Candidate:
    values = {name: value for name, value in row._mapping.items() if name in _FIELDS}
    return Candidate(**values | {"status": CandidateStatus(row.status)})


@dataclass(frozen=True)
class CandidateRow:
    """A candidate as a table shows it: with the anchor's text, the beginning of the document's, and what was said of the pair."""

    candidate: Candidate
    anchor: str
    document: str
    label: str
    """The standing label; empty while the pair is unjudged."""


@dataclass(frozen=True)
class CandidateFilter:
    """Which candidates are wanted; empty fields want all."""

    status: str = ""
    reason: str = ""
    """The beginning of the reason."""
    anchor: str = ""
    """Part of the anchor's text (case ignored for ASCII), or its whole id."""
    audit: bool = False
    """Audit items alone."""


def count_candidates(conn: Connection, project_id: str, wanted: CandidateFilter = CandidateFilter()) -> int:
    """How many candidates the filter lets through."""
    return int(conn.execute(_filter(select(func.count()), project_id, wanted)).scalar_one())


def page_candidates(
    conn: Connection, project_id: str, wanted: CandidateFilter = CandidateFilter(), *, offset: int = 0, limit: int = 50, width: int = 160
) -> list[CandidateRow]:
    """A page of the candidates that the filter lets through, in the queue's order, set-aside ones last; documents cut to `width` characters."""
    state, c = judgement_state, candidates.c
    text = func.substr(func.trim(documents.c.title + " " + documents.c.text), 1, width)
    query = _filter(select(candidates, anchors.c.text.label("anchor"), text.label("document"), state.c.label.label("label")), project_id, wanted).join(
        documents, and_(documents.c.project_id == c.project_id, documents.c.id == c.document_id)
    )
    same = and_(state.c.project_id == c.project_id, state.c.anchor_id == c.anchor_id, state.c.document_id == c.document_id)
    rows = conn.execute(query.outerjoin(state, same).order_by(c.priority.desc(), c.anchor_id, c.document_id).offset(offset).limit(limit)).all()
    return [CandidateRow(_to_candidate(row), row.anchor, row.document, row.label or "") for row in rows]


def count_reasons(conn: Connection, project_id: str) -> dict[str, int]:
    """How many candidates each reason has, without the ids that some name, the most frequent first."""
    counts: dict[str, int] = {}
    for reason, n in conn.execute(select(candidates.c.reason, func.count()).where(candidates.c.project_id == project_id).group_by(candidates.c.reason)):
        start = "near-duplicate of " if reason.startswith("near-duplicate of ") and reason != "near-duplicate of an answer" else reason
        counts[start] = counts.get(start, 0) + int(n)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def count_statuses(conn: Connection, project_id: str) -> dict[str, int]:
    """How many candidates there are of each status, `audit` items among them, and how many are `judged`."""
    c = candidates.c
    columns = [func.count().filter(c.status == status.value).label(status.value) for status in CandidateStatus]
    columns += [func.count().filter(c.audit).label("audit"), func.count().filter(_judged()).label("judged")]
    return {name: int(n) for name, n in conn.execute(select(*columns).where(c.project_id == project_id)).one()._mapping.items()}


def read_judged(conn: Connection, project_id: str) -> list[Candidate]:
    """The candidates, as last mined, whose pairs are judged now, by anchor and document id."""
    c = candidates.c
    query = select(candidates).where(c.project_id == project_id, _judged()).order_by(c.anchor_id, c.document_id)
    return [_to_candidate(row) for row in conn.execute(query)]


def count_unlikely(conn: Connection, project_id: str) -> int:
    """How many unjudged candidates do not look like answers: proposed, or only further down than the queue reaches."""
    c = candidates.c
    safe = or_(c.status == CandidateStatus.PROPOSED.value, and_(c.status == CandidateStatus.SET_ASIDE.value, c.reason == FURTHER_REASON))
    return int(conn.execute(select(func.count()).select_from(candidates).where(c.project_id == project_id, safe, ~_judged())).scalar_one())


def _judged() -> ColumnElement[bool]:
    c, state = candidates.c, judgement_state.c
    return select(1).where(state.project_id == c.project_id, state.anchor_id == c.anchor_id, state.document_id == c.document_id).exists()


def _filter(query: Select[Any], project_id: str, wanted: CandidateFilter) -> Select[Any]:
    c = candidates.c
    chosen = (
        query.select_from(candidates).join(anchors, and_(anchors.c.project_id == c.project_id, anchors.c.id == c.anchor_id)).where(c.project_id == project_id)
    )
    if wanted.status:
        chosen = chosen.where(c.status == wanted.status)
    if wanted.reason:
        chosen = chosen.where(c.reason.startswith(wanted.reason, autoescape=True))
    if wanted.anchor:
        chosen = chosen.where(or_(anchors.c.text.icontains(wanted.anchor, autoescape=True), c.anchor_id == wanted.anchor))
    return chosen.where(c.audit) if wanted.audit else chosen
