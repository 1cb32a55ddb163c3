"""Everything that mining found, as a table: filtered, counted and paged in SQL. Reads only; the queue's own matters are in `core.store.candidates`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from core.model import Candidate, CandidateStatus
from core.store.candidates import FURTHER_REASON, to_candidate
from core.store.tables import anchors, candidates, documents, judgement_state


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


def read_candidates(conn: Connection, project_id: str, status: CandidateStatus) -> list[Candidate]:
    """All candidates of one status, judged or not, by anchor id, the most similar first, ties by document id."""
    c = candidates.c
    query = select(candidates).where(c.project_id == project_id, c.status == status.value).order_by(c.anchor_id, c.similarity.desc(), c.document_id)
    return [to_candidate(row) for row in conn.execute(query)]


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
    return [CandidateRow(to_candidate(row), row.anchor, row.document, row.label or "") for row in rows]


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
    return [to_candidate(row) for row in conn.execute(query)]


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
