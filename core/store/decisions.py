"""The decisions that the present words come from, read in bulk.

The last event of a pair need not be the decision that its word comes from: an undo restores an earlier word under a name of its own, and a word that
another expert's skip left as it was is said again as a consequence of the skip. Invariant: what is returned is an event that was not taken back; what
followed from a decision on another pair is returned as nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, exists, false, func, or_, select

from core.model import Judgement, Label, Source
from core.store.judgements import to_judgement
from core.store.tables import candidates, judgement_state, judgements


def read_decisions(
    conn: Connection, project_id: str, *, labels: Sequence[Label], source: Source, but: Sequence[str] = (), audit: bool = False
) -> list[Judgement]:
    """The decision behind each pair's present word, as it was made, with what was shown then, by anchor and document id.

    Left out are decisions of another source, of the authors in `but`, and words that followed from a decision on another pair. `audit`: only those on items
    drawn at random, as what was shown says, else the candidate as last mined.
    """
    state, decision = judgement_state, judgements.alias("decision")
    standing = judgements.alias("standing")
    joined = state.join(standing, standing.c.seq == _standing_seq(state)).join(decision, decision.c.seq == _made_at(standing))
    query = select(decision).where(
        state.c.project_id == project_id,
        state.c.label.in_([label.value for label in labels]),
        decision.c.source == source.value,
        decision.c.author.not_in(list(but)),
    )
    if audit:  # rows that speak for themselves are sorted out before anything is joined to them: nearly all of them
        mined = select(candidates.c.audit).where(_same_pair(candidates, state)).scalar_subquery()
        own, behind = (func.coalesce(row.c.shown["audit"].as_boolean(), mined, false()) for row in (state, decision))
        query = query.where(or_(state.c.undoes.is_not(None), state.c.caused_by.is_not(None), own), behind)
    return [to_judgement(row) for row in conn.execute(query.select_from(joined).order_by(decision.c.anchor_id, decision.c.document_id))]


def read_own(
    conn: Connection, project_id: str, author: str, *, label: Label | None = None, sources: Sequence[Source] = (), limit: int | None = None
) -> list[Judgement]:
    """One person's words that stand, each as the event that an undo may take back, newest first.

    Left out is what followed from a decision on another pair. A word that another expert's skip left as it was is here still, as the event that said it again.
    """
    state, standing = judgement_state, judgements.alias("standing")
    query = select(standing).where(
        state.c.project_id == project_id, or_(state.c.author == author, state.c.undoes.is_not(None)), standing.c.author == author, ~_is_consequence(standing)
    )
    if label is not None:
        query = query.where(state.c.label == label.value)
    if sources:
        query = query.where(standing.c.source.in_([source.value for source in sources]))
    query = query.select_from(state.join(standing, standing.c.seq == _standing_seq(state)))
    return [to_judgement(row) for row in conn.execute(query.order_by(standing.c.seq.desc()).limit(limit))]


def _standing_seq(state: FromClause) -> ColumnElement[int]:
    """The position of the event that the pair's word comes from: the last that was not taken back, as `judgements.find_standing`."""
    said = judgements.alias("said")
    newest = select(func.max(said.c.seq)).where(_same_pair(said, state), said.c.undoes.is_(None), ~_is_taken_back(said)).scalar_subquery()
    return case((state.c.undoes.is_(None), state.c.seq), else_=newest)


def _made_at(standing: FromClause) -> ColumnElement[Any]:
    """The position of the decision that the standing event says again, its own where it says nothing again; null for a consequence of another pair."""
    made = judgements.alias("made")
    again = (made.c.author == standing.c.author, made.c.label == standing.c.label, made.c.grade == standing.c.grade, made.c.seq < standing.c.seq)
    newest = select(func.max(made.c.seq)).where(_same_pair(made, standing), *again, made.c.undoes.is_(None), made.c.caused_by.is_(None), ~_is_taken_back(made))
    own = case((~_is_consequence(standing), newest.scalar_subquery()))
    return case((standing.c.caused_by.is_(None), standing.c.seq), else_=own)


def _is_consequence(event: FromClause) -> ColumnElement[bool]:
    """Whether an event followed from a decision on another pair."""
    cause = judgements.alias("cause")
    same = exists().where(_same_pair(cause, event), cause.c.client_id == event.c.caused_by)
    return and_(event.c.caused_by.is_not(None), ~same)


def _is_taken_back(event: FromClause) -> ColumnElement[bool]:
    undo = judgements.alias("undo")
    return exists().where(undo.c.project_id == event.c.project_id, undo.c.undoes == event.c.client_id)


def _same_pair(left: FromClause, right: FromClause) -> ColumnElement[bool]:
    return and_(left.c.project_id == right.c.project_id, left.c.anchor_id == right.c.anchor_id, left.c.document_id == right.c.document_id)
