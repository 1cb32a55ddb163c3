"""Mined candidates and the leases by which several people share one queue.

Invariants: a candidate is handed out only while its pair is unjudged and nobody else's lease on it runs; handing out is one statement; an
expired lease needs no clean-up, since expiry is computed in the query. Candidates are the machine's and are replaced by the next mining.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, tuple_, update

from core.model import Candidate, CandidateStatus
from core.store.tables import candidates, judgement_state

_CHUNK = 500
_QUEUED = (CandidateStatus.SUSPICIOUS.value, CandidateStatus.PROPOSED.value)


def replace_candidates(conn: Connection, project_id: str, items: Iterable[Candidate]) -> int:
    """Put these in place of all candidates of the project; leases end. Returns how many there are."""
    conn.execute(delete(candidates).where(candidates.c.project_id == project_id))
    rows = [vars(item) | {"project_id": project_id, "status": item.status.value, "lease_until": 0.0} for item in items]
    for start in range(0, len(rows), _CHUNK):
        conn.execute(candidates.insert(), rows[start : start + _CHUNK])
    return len(rows)


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


def read_candidates(conn: Connection, project_id: str, status: CandidateStatus) -> list[Candidate]:
    """All candidates of one status, judged or not, by anchor id, the most similar first, ties by document id."""
    c = candidates.c
    query = select(candidates).where(c.project_id == project_id, c.status == status.value).order_by(c.anchor_id, c.similarity.desc(), c.document_id)
    return [_to_candidate(row) for row in conn.execute(query)]


def _open(project_id: str) -> ColumnElement[bool]:
    c, state = candidates.c, judgement_state.c
    judged = select(1).where(state.project_id == c.project_id, state.anchor_id == c.anchor_id, state.document_id == c.document_id)
    return and_(c.project_id == project_id, c.status.in_(_QUEUED), ~judged.exists())


def _to_candidate(row: Row[tuple[object, ...]]) -> Candidate:
    values = {name: value for name, value in row._mapping.items() if name not in ("project_id", "lease_author", "lease_until")}
    return Candidate(**values | {"status": CandidateStatus(row.status)})
