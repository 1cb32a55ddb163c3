"""The review queue: handing out records to judge, and applying what came back, once and in order.

Invariants: an event is applied once, by its client id, however often it is sent; an event that cannot be applied is refused by itself with a reason
and does not stop the others; nothing that can be applied is ever dropped, a late answer included; a decision and what follows from it
(`core.curation.fan_out`) are one transaction. No torch here: pages call this.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.curation.alike import propose_alike
from core.curation.fan_out import Followed, Twins, apply_decision, retell, undo_decision
from core.curation.shown import add_shown, describe_figures, recall_candidate
from core.curation.twins import read_twins
from core.model import Candidate, Document, Judgement, Label, PairsmithError, Source
from core.roles import require_lead
from core.store import candidates, corpus, decisions, judgements
from core.store.projects import take_turn
from core.workspace import Workspace

LEASE_S = 900.0
BATCH = 50
POSITIVE_SHOWN = 2
RECENT = 50
"""Decisions of a person that undo can go back through after a reload."""


@dataclass(frozen=True)
class ReviewRecord:
    """One candidate with what an expert needs to judge it."""

    anchor_id: str
    document_id: str
    anchor: str
    candidate: Document
    positives: Sequence[Document]
    """The anchor's best answers, at most `POSITIVE_SHOWN`."""
    answers: int
    """How many answers the anchor has in all."""
    figures: str
    """The candidate's figures in words. Not to be shown before the decision, which they would shift."""


@dataclass(frozen=True)
class Applied:
    """What became of a batch of events: client ids that are stored now, those refused with the reason, and what followed from the stored ones."""

    stored: Sequence[str]
    refused: Mapping[str, str]
    followed: Mapping[str, Followed] = field(default_factory=dict)
    """By client id of a decision or an undo; only those from which something followed, or of which something is to be said."""


def next_records(workspace: Workspace, project_id: str, author: str, *, n: int = BATCH, now: float | None = None) -> list[ReviewRecord]:
    """Lease up to `n` unjudged candidates to `author` and return them with their texts, in the queue's order."""
    with workspace.store.write() as conn:
        leased = candidates.lease_candidates(conn, project_id, author, n=n, lease_s=LEASE_S, now=now)
    return _to_records(workspace, project_id, leased)


def _to_records(workspace: Workspace, project_id: str, leased: Sequence[Candidate]) -> list[ReviewRecord]:
    with workspace.store.read() as conn:
        anchor_ids = sorted({item.anchor_id for item in leased})
        anchors = corpus.get_anchors(conn, project_id, anchor_ids)
        state = judgements.read_state(conn, project_id, labels=[Label.POSITIVE], anchor_ids=anchor_ids)
        answers: dict[str, list[Judgement]] = {}
        for item in sorted(state, key=lambda item: (-item.grade, item.document_id)):
            answers.setdefault(item.anchor_id, []).append(item)
        shown = {item.document_id for found in answers.values() for item in found[:POSITIVE_SHOWN]}
        documents = corpus.get_documents(conn, project_id, sorted(shown | {item.document_id for item in leased}))
    return [
        ReviewRecord(
            anchor_id=item.anchor_id,
            document_id=item.document_id,
            anchor=anchors[item.anchor_id].text,
            candidate=documents[item.document_id],
            positives=[documents[answer.document_id] for answer in answers.get(item.anchor_id, [])[:POSITIVE_SHOWN]],
            answers=len(answers.get(item.anchor_id, [])),
            figures=describe_figures(item),
        )
        for item in leased
    ]


def apply_events(
    workspace: Workspace, project_id: str, author: str, events: Sequence[Mapping[str, Any]], *, view: str = "panel", now: float | None = None
) -> Applied:
    """Apply events from a panel's outbox, in order; `view` says where they were decided (as in `core.curation.shown`).

    An event is `{client_id, anchor_id, document_id, label, grade?, reason?, note?, source?, query?, saw?, positives?, shown_at?, decided_at?, active_ms?}`
    with times in seconds, `positives` the ids shown beside the document and `saw` the client id of the word on the pair that was shown; or
    `{client_id, undoes}` to take an earlier one back with all that followed from it; or `{client_id, more: true, anchor_id, document_id}` to have more
    like an answer put at the head of the queue.
    """
    stored: list[str] = []
    refused: dict[str, str] = {}
    followed: dict[str, Followed] = {}
    at = time.time() if now is None else now
    with workspace.store.read() as conn:  # most of a sending is often known: an outbox is sent whole until it is acknowledged
        sent = [str(event.get("client_id")).encode("utf-8", "ignore").decode("utf-8") for event in events]
        known = judgements.known_events(conn, project_id, sent)
        followed |= retell(conn, project_id, sorted(known))
    twins = Twins(read_twins(workspace, project_id) if len(known) < len(events) else None)
    for event in events:
        client_id = event.get("client_id")
        if not isinstance(client_id, str) or not 8 <= len(client_id) <= 64 or not client_id.isprintable():
            refused[str(client_id)] = "The event carries no usable id."
            continue
        if client_id in known:
            stored.append(client_id)
            continue
        try:
            found = _apply_event(workspace, project_id, author, client_id, event, twins, view, at)
            stored.append(client_id)
            if found and (found.pairs or found.warnings or found.told):
                followed[client_id] = found
        except PairsmithError as error:
            refused[client_id] = str(error)
    return Applied(stored, refused, followed)


def _apply_event(
    workspace: Workspace, project_id: str, author: str, client_id: str, event: Mapping[str, Any], twins: Twins, view: str, now: float
) -> Followed | None:
    if event.get("more"):
        anchor_id, document_id = _clean(event.get("anchor_id"), 10_000), _clean(event.get("document_id"), 10_000)
        return Followed(told=look_alike(workspace, project_id, author, anchor_id, document_id, twins, now=now))
    with workspace.store.write() as conn:
        if event.get("undoes"):
            return undo_decision(conn, project_id, _clean(event["undoes"], 64), author=author, undo_id=client_id, now=now)
        decision = _read_event(event, client_id, author)
        seen = "search" if decision.source == Source.SEARCH else view
        candidate = candidates.find_candidate(conn, project_id, decision.anchor_id, decision.document_id)
        if decision.source == Source.MINED and candidate is not None and candidate.reason == candidates.HOLES_REASON:
            decision = replace(decision, source=Source.HOLES)  # what is asked for an evaluation is no sample of what mining finds
        query, positives = _clean(event.get("query"), 500), _read_ids(event.get("positives"))
        decision = add_shown(conn, project_id, decision, view=seen, positives=positives, query=query)
        return apply_decision(conn, project_id, decision, twins, saw=_clean(event.get("saw"), 64) or None, now=now)


def look_alike(workspace: Workspace, project_id: str, author: str, anchor_id: str, document_id: str, twins: Twins, *, now: float | None = None) -> str:
    """Put more documents like an answer at the head of the author's queue, and say in words what came of it."""
    try:
        found = propose_alike(workspace, project_id, author, anchor_id, document_id, twins, lease_s=LEASE_S, now=now)
    except PairsmithError as error:
        return str(error)
    queued = f"{found.queued} like it {'comes' if found.queued == 1 else 'come'} next." if found.queued else "Nothing more like it is left to judge."
    return f"{queued} {found.note}".strip()


def take_over_records(workspace: Workspace, project_id: str, author: str, holder: str, *, now: float | None = None) -> int:
    """Have `author` judge what `holder` holds; returns how many records. Leads only; anybody gets them once the lease is over. Raises `PairsmithError`."""
    require_lead(workspace.settings, author, "take over what somebody else holds")
    with workspace.store.write() as conn:
        return candidates.take_over(conn, project_id, author, holder, lease_s=LEASE_S, now=now)


def count_skipped(workspace: Workspace, project_id: str, author: str) -> int:
    """How many records this person skipped, and nobody judged since."""
    with workspace.store.read() as conn:
        return len(decisions.read_own(conn, project_id, author, label=Label.SKIPPED))


def bring_back_skipped(workspace: Workspace, project_id: str, author: str) -> int:
    """Take this person's skips back, all or none, so that their records come again. Returns how many."""
    with workspace.store.write() as conn:
        take_turn(conn, project_id)
        skipped = decisions.read_own(conn, project_id, author, label=Label.SKIPPED)
        for event in skipped:
            judgements.undo_judgement(conn, project_id, event.client_id, author=author)
    return len(skipped)


def recent_decisions(workspace: Workspace, project_id: str, author: str, *, n: int = RECENT) -> list[tuple[Judgement, ReviewRecord]]:
    """This person's last decisions in review that still stand, oldest first, each with its record: what undo goes back through after a reload."""
    with workspace.store.read() as conn:
        own = decisions.read_own(conn, project_id, author, sources=(Source.MINED, Source.HOLES), limit=n)
        found = [candidates.find_candidate(conn, project_id, event.anchor_id, event.document_id) for event in own]
    records = _to_records(workspace, project_id, [candidate or recall_candidate(event) for event, candidate in zip(own, found, strict=True)])
    return list(zip(own, records, strict=True))[::-1]


def mark_answer(
    workspace: Workspace, project_id: str, author: str, *, client_id: str, anchor_id: str, document_id: str, grade: int, query: str = "", saw: str | None = None
) -> Followed:
    """Label a document found by searching for `query`: grade 1 to 3 makes it an answer, 0 a hard negative. Returns what followed from it.

    `saw`: the client id of the word on the pair that was on the screen. Raises `PairsmithError` for another grade.
    """
    if grade not in range(4):
        raise PairsmithError(f"The grade {grade} is not one of 0 (no answer), 1 (touches), 2 (partly), 3 (fully).")
    label = Label.POSITIVE if grade else Label.HARD_NEGATIVE
    event = Judgement(client_id, anchor_id, document_id, label, grade, Source.SEARCH, author, decided_at=time.time())
    twins = Twins(read_twins(workspace, project_id))
    with workspace.store.write() as conn:
        return apply_decision(conn, project_id, add_shown(conn, project_id, event, view="search", query=query), twins, saw=saw)


def take_back(workspace: Workspace, project_id: str, author: str, *, client_id: str, anchor_id: str, document_id: str) -> Followed | None:
    """Undo the present word on a pair, with all that followed from it, by the new event `client_id`. None when nothing stands."""
    with workspace.store.write() as conn:
        take_turn(conn, project_id)
        standing = judgements.find_standing(conn, project_id, anchor_id, document_id)
        return None if standing is None else undo_decision(conn, project_id, standing.client_id, author=author, undo_id=client_id)


def _read_event(event: Mapping[str, Any], client_id: str, author: str) -> Judgement:
    try:
        label = Label(event.get("label", ""))
    except ValueError as error:
        raise PairsmithError(f"{event.get('label')!r} is no label. Nothing was saved for this pair.") from error
    grade = event.get("grade", 3) if label == Label.POSITIVE else 0
    if label == Label.UNJUDGED or (label == Label.POSITIVE and grade not in (1, 2, 3)):
        raise PairsmithError(f"The grade {grade!r} is not 1, 2 or 3. Nothing was saved for this pair.")
    source = event.get("source", Source.MINED)
    if source not in (Source.MINED, Source.SEARCH, Source.HOLES):
        raise PairsmithError(f"{source!r} is no source a judgement can be made from here: mined, search or holes. Nothing was saved for this pair.")
    active_ms = _number(event.get("active_ms"))
    return Judgement(
        client_id=client_id,
        anchor_id=_clean(event.get("anchor_id"), 10_000),
        document_id=_clean(event.get("document_id"), 10_000),
        label=label,
        grade=int(grade),
        source=Source(source),
        author=author,
        reason=_clean(event.get("reason"), 200),
        note=_clean(event.get("note"), 2000),
        shown_at=_number(event.get("shown_at")),
        decided_at=_number(event.get("decided_at")),
        active_ms=None if active_ms is None else int(min(active_ms, 2**31 - 1)),
    )


def _clean(value: Any, length: int) -> str:
    """What the database can hold: no NUL, no half of a surrogate pair (a browser may send one)."""
    return str(value).replace("\0", "").encode("utf-8", "ignore").decode("utf-8")[:length] if value else ""


def _read_ids(value: Any) -> list[str]:
    """The ids of the few documents that a panel says it showed."""
    return [_clean(item, 10_000) for item in value[:10] if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12 else None
