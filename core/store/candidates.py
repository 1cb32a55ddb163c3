"""Mined candidates and the leases by which several people share one queue.

Invariants: a candidate is handed out only while its pair is unjudged and nobody else's lease on it runs; handing out is one statement; an
expired lease needs no clean-up, since expiry is computed in the query. Candidates are the machine's and are replaced by the next mining, but those
that a reviewer has in hand. `judged` says
that nothing more is to be said of their pair; it is set here and with every append to the log, so that the queue's head is read without looking at
what is done. Of a pair that several experts are wanted for nobody is asked twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, false, func, or_, select, tuple_, update

from core.model import MACHINES, Candidate, CandidateStatus, Source
from core.store.projects import take_turn
from core.store.tables import candidates, judgement_state, judgements

_CHUNK = 500
_FIELDS = {field.name for field in fields(Candidate)}
FURTHER_REASON = "further down than the queue reaches"
"""Why a candidate is set aside that does not look like an answer and has only too many before it."""
HOLES_REASON = "among the first of a system that is compared"
"""Why a candidate is asked about for the sake of an evaluation, where its documents were judged by nobody. It does not say which system."""
_QUEUED = (CandidateStatus.SUSPICIOUS.value, CandidateStatus.PROPOSED.value)


def replace_candidates(
    conn: Connection, project_id: str, items: Iterable[Candidate], *, refused: frozenset[str] = frozenset(), now: float | None = None
) -> int:
    """Put these in place of all candidates of the project. Returns how many there are.

    A pair that somebody has before them (its lease runs and it is unjudged) keeps its lease, and stays in the queue as it was where it is not among the
    new ones, unless its document is `refused`: nothing vanishes under a reviewer's hands. So does what an evaluation asks about, refused or not: that is
    about anchors that are held out, which mining never looks at.
    """
    at = time.time() if now is None else now
    take_turn(conn, project_id)
    c = candidates.c
    asked = c.reason == HOLES_REASON
    held = select(candidates).where(c.project_id == project_id, c.judged == false(), c.status.in_(_QUEUED), or_(c.lease_until > at, asked))
    leased = {(row.anchor_id, row.document_id): dict(row._mapping) for row in conn.execute(held)}
    conn.execute(delete(candidates).where(candidates.c.project_id == project_id))
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for item in items:
        row = vars(item) | {"project_id": project_id, "status": item.status.value, "wanted": 1, "judged": False, "lease_author": None, "lease_until": 0.0}
        rows[item.anchor_id, item.document_id] = row
    for pair, old in leased.items():
        if old["document_id"] not in refused or old["reason"] == HOLES_REASON:
            is_queued = pair in rows and rows[pair]["status"] in _QUEUED
            rows[pair] = rows[pair] | {name: old[name] for name in ("lease_author", "lease_until")} if is_queued else old
    stored = list(rows.values())
    for start in range(0, len(stored), _CHUNK):
        conn.execute(candidates.insert(), stored[start : start + _CHUNK])
    mark_judged(conn, project_id)
    return len(stored)


def list_queued_pairs(conn: Connection, project_id: str) -> list[tuple[str, str]]:
    """Anchor and document id of everything in the queue, judged or not, by id."""
    c = candidates.c
    query = select(c.anchor_id, c.document_id).where(c.project_id == project_id, c.status.in_(_QUEUED)).order_by(c.anchor_id, c.document_id)
    return [(row.anchor_id, row.document_id) for row in conn.execute(query)]


def set_wanted(conn: Connection, project_id: str, pairs: Sequence[tuple[str, str]], wanted: int) -> None:
    """Have so many experts judge these pairs, and one each of the others."""
    c = candidates.c
    take_turn(conn, project_id)
    conn.execute(update(candidates).where(c.project_id == project_id, c.wanted != 1).values(wanted=1))
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        conn.execute(update(candidates).where(c.project_id == project_id, tuple_(c.anchor_id, c.document_id).in_(chunk)).values(wanted=wanted))
    mark_judged(conn, project_id)


def mark_judged(conn: Connection, project_id: str, pairs: Select[tuple[str, str]] | None = None) -> None:
    """Bring `judged` up to what is said of the pairs that the query gives (anchor id, document id), of all candidates without one."""
    c, state = candidates.c, judgement_state.c
    pair = (state.project_id == c.project_id, state.anchor_id == c.anchor_id, state.document_id == c.document_id)
    words = select(func.count(judgements.c.author.distinct())).where(*_standing_words()).scalar_subquery()
    settled = select(1).where(*pair, state.source == Source.SETTLED.value).exists()
    waits = and_(c.wanted > 1, ~settled, words.between(1, c.wanted - 1))
    statement = update(candidates).where(c.project_id == project_id).values(judged=and_(select(1).where(*pair).exists(), ~waits))
    conn.execute(statement if pairs is None else statement.where(tuple_(c.anchor_id, c.document_id).in_(pairs)))


def lease_candidates(conn: Connection, project_id: str, author: str, *, n: int, lease_s: float, now: float | None = None) -> list[Candidate]:
    """Hand `author` up to `n` unjudged candidates, highest priority first, those already theirs included, until `now + lease_s`."""
    at = time.time() if now is None else now
    c = candidates.c
    free = or_(c.lease_until <= at, c.lease_author == author)
    wanted = (
        select(c.anchor_id, c.document_id).where(_open(project_id, author), free).order_by(c.priority.desc(), c.anchor_id, c.document_id).limit(n)
    ).with_for_update(skip_locked=True)
    chosen = wanted.cte("wanted")  # as a plain subquery PostgreSQL may run it once a row, each time past the rows it has locked, and hand out all
    statement = (
        update(candidates)
        .where(c.project_id == project_id, tuple_(c.anchor_id, c.document_id).in_(select(chosen.c.anchor_id, chosen.c.document_id)))
        .values(lease_author=author, lease_until=at + lease_s)
        .returning(*candidates.columns)
    )
    rows = [to_candidate(row) for row in conn.execute(statement)]
    return sorted(rows, key=lambda item: (-item.priority, item.anchor_id, item.document_id))


def put_first(conn: Connection, project_id: str, items: Sequence[Candidate], *, author: str, lease_s: float, now: float | None = None) -> int:
    """Put candidates before all others, in their order, leased to `author`. Returns how many of them wait there now that did not before.

    Passed over: pairs that are judged, that somebody else holds, that stand in the queue for the same reason already, and audit items, which are a
    sample only while they come in random order.
    """
    at = time.time() if now is None else now
    take_turn(conn, project_id)
    c, state = candidates.c, judgement_state.c
    wanted = {(item.anchor_id, item.document_id): item for item in items}
    keys = list(wanted)
    if not keys:
        return 0
    judged = select(state.anchor_id, state.document_id).where(state.project_id == project_id, tuple_(state.anchor_id, state.document_id).in_(keys))
    for row in conn.execute(judged):
        wanted.pop((row.anchor_id, row.document_id), None)
    standing = {(row.anchor_id, row.document_id): row for row in conn.execute(select(candidates).where(c.project_id == project_id, _one_of(keys)))}
    highest = float(conn.execute(select(func.max(c.priority)).where(c.project_id == project_id)).scalar() or 0.0)
    placed = 0
    for place, (key, item) in enumerate(wanted.items()):
        values = {"status": item.status.value, "reason": item.reason, "priority": highest + len(wanted) - place}
        lease = {"lease_author": author, "lease_until": at + lease_s}
        known = standing.get(key)
        if known is None:
            conn.execute(candidates.insert().values(**vars(item) | {"project_id": project_id} | values | lease))
        elif known.audit or known.reason == item.reason or (known.lease_until > at and known.lease_author != author):
            continue
        else:
            conn.execute(update(candidates).where(c.project_id == project_id, c.anchor_id == key[0], c.document_id == key[1]).values(**values | lease))
        placed += 1
    mark_judged(conn, project_id, select(c.anchor_id, c.document_id).where(c.project_id == project_id, _one_of(keys)))
    return placed


def find_candidate(conn: Connection, project_id: str, anchor_id: str, document_id: str) -> Candidate | None:
    """The candidate of this pair, in whatever state, or None."""
    c = candidates.c
    row = conn.execute(select(candidates).where(c.project_id == project_id, c.anchor_id == anchor_id, c.document_id == document_id)).one_or_none()
    return to_candidate(row) if row else None


def count_queue(conn: Connection, project_id: str, author: str, *, now: float | None = None) -> dict[str, int]:
    """How many candidates are `open` for this person, and how many are `held` by others."""
    at = time.time() if now is None else now
    c = candidates.c
    total = conn.execute(select(func.count()).select_from(candidates).where(_open(project_id, author))).scalar_one()
    leased = (c.project_id == project_id, c.lease_until > at)  # few of many, so that the index of leases is the one to use
    held = conn.execute(select(func.count().filter(_open(project_id, author), c.lease_author != author)).where(*leased)).scalar_one()
    return {"open": int(total) - int(held), "held": int(held)}


def count_open_by_reason(conn: Connection, project_id: str, reason: str) -> int:
    """How many candidates of exactly this reason are in the queue and not judged."""
    c = candidates.c
    query = select(func.count()).select_from(candidates).where(c.project_id == project_id, c.judged == false(), c.status.in_(_QUEUED), c.reason == reason)
    return int(conn.execute(query).scalar_one())


def read_blind(conn: Connection, project_id: str, anchor_id: str, author: str) -> frozenset[str]:
    """The documents of an anchor that several experts are to judge without each other's word, and of which `author` has yet to say theirs."""
    c = candidates.c
    query = select(c.document_id).where(_open(project_id, author), c.wanted > 1, c.anchor_id == anchor_id)
    return frozenset(conn.execute(query).scalars())


@dataclass(frozen=True)
class Holder:
    """How many open candidates somebody holds, and until when the last of them."""

    author: str
    count: int
    until: float


def read_holders(conn: Connection, project_id: str, author: str, *, now: float | None = None) -> list[Holder]:
    """Who else holds open candidates: most first, then by name."""
    at = time.time() if now is None else now
    c = candidates.c
    query = (
        select(c.lease_author, func.count().label("held"), func.max(c.lease_until).label("until"))
        .where(_open(project_id, author), c.lease_until > at, c.lease_author != author)
        .group_by(c.lease_author)
    )
    return sorted((Holder(row.lease_author, int(row.held), float(row.until)) for row in conn.execute(query)), key=lambda item: (-item.count, item.author))


def take_over(conn: Connection, project_id: str, author: str, holder: str, *, lease_s: float, now: float | None = None) -> int:
    """Lease to `author` what `holder` holds of the open candidates. Returns how many. What the former holder still answers counts as ever.

    Who may do this is for the caller to decide: `core.curation.review_queue.take_over_records`.
    """
    at = time.time() if now is None else now
    c = candidates.c
    statement = update(candidates).where(_open(project_id, author), c.lease_author == holder, c.lease_until > at)
    return conn.execute(statement.values(lease_author=author, lease_until=at + lease_s)).rowcount


def _one_of(keys: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    return tuple_(candidates.c.anchor_id, candidates.c.document_id).in_(keys)


def _open(project_id: str, author: str) -> ColumnElement[bool]:
    """Queued pairs of which more is to be said, those that wait for another expert's word only where `author` has said nothing of them."""
    c = candidates.c
    own = select(1).where(*_standing_words(), judgements.c.author == author).exists()
    return and_(c.project_id == project_id, c.judged == false(), c.status.in_(_QUEUED), or_(c.wanted == 1, ~own))


def _standing_words() -> list[ColumnElement[bool]]:
    """What people said of a candidate's pair and nobody took back; what followed from another pair is no word of its own."""
    c, log, undo = candidates.c, judgements.c, judgements.alias("undo").c
    taken_back = select(1).where(undo.project_id == log.project_id, undo.undoes == log.client_id)
    pair = [log.project_id == c.project_id, log.anchor_id == c.anchor_id, log.document_id == c.document_id]
    return [*pair, log.author.not_in(MACHINES), log.undoes.is_(None), log.caused_by.is_(None), ~taken_back.exists()]


def to_candidate(row: Row[tuple[object, ...]]) -> Candidate:
    """A row of the table, or of a join that holds its columns."""
    values = {name: value for name, value in row._mapping.items() if name in _FIELDS}
    return Candidate(**values | {"status": CandidateStatus(row.status)})
