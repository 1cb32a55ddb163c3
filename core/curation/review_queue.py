"""The review queue: handing out records to judge, and applying what came back, once and in order.

Invariants: an event is applied once, by its client id, however often it is sent; an event that cannot be applied is refused by itself with a reason
and does not stop the others; nothing that can be applied is ever dropped, a late answer included. No torch here: pages call this.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.model import Candidate, Document, Judgement, Label, PairsmithError, Source
from core.store import candidates, corpus, judgements
from core.workspace import Workspace

LEASE_S = 900.0
BATCH = 30
POSITIVE_SHOWN = 2


@dataclass(frozen=True)
class ReviewRecord:
    """One candidate with what an expert needs to judge it. Scores are not part of it: they would shift the decision."""

    anchor_id: str
    document_id: str
    anchor: str
    candidate: Document
    positives: Sequence[Document]
    """The anchor's best answers, at most `POSITIVE_SHOWN`."""
    answers: int
    """How many answers the anchor has in all."""


@dataclass(frozen=True)
class Applied:
    """What became of a batch of events: client ids that are stored now, and those refused with the reason."""

    stored: Sequence[str]
    refused: Mapping[str, str]


def next_records(workspace: Workspace, project_id: str, author: str, *, n: int = BATCH, now: float | None = None) -> list[ReviewRecord]:
    """Lease up to `n` unjudged candidates to `author` and return them with their texts, in the queue's order."""
    with workspace.store.write() as conn:
        leased = candidates.lease_candidates(conn, project_id, author, n=n, lease_s=LEASE_S, now=now)
    return _to_records(workspace, project_id, leased)


def _to_records(workspace: Workspace, project_id: str, leased: Sequence[Candidate]) -> list[ReviewRecord]:
    with workspace.store.read() as conn:
        anchor_ids = sorted({item.anchor_id for item in leased})
        anchors = {anchor_id: corpus.get_anchor(conn, project_id, anchor_id) for anchor_id in anchor_ids}
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
        )
        for item in leased
    ]


def apply_events(workspace: Workspace, project_id: str, author: str, events: Sequence[Mapping[str, Any]], *, now: float | None = None) -> Applied:
    """Apply events from a panel's outbox, in order.

    An event is `{client_id, anchor_id, document_id, label, grade?, reason?, note?, shown_at?, decided_at?, active_ms?, source?}` with times in seconds
    and `source` "search" for a pair found by search, or `{client_id, undoes}` to take an earlier one back.
    """
    stored: list[str] = []
    refused: dict[str, str] = {}
    at = time.time() if now is None else now
    for event in events:
        client_id = event.get("client_id")
        if not isinstance(client_id, str) or not 8 <= len(client_id) <= 64 or not client_id.isprintable():
            refused[str(client_id)] = "The event carries no usable id."
            continue
        try:
            with workspace.store.write() as conn:
                if event.get("undoes"):
                    judgements.undo_judgement(conn, project_id, _clean(event["undoes"], 64), author=author, undo_id=client_id, now=at)
                else:
                    judgements.append_judgements(conn, project_id, [_read_event(event, client_id, author)], now=at)
            stored.append(client_id)
        except PairsmithError as error:
            refused[client_id] = str(error)
    return Applied(stored, refused)


def mark_answer(workspace: Workspace, project_id: str, author: str, *, client_id: str, anchor_id: str, document_id: str, grade: int) -> None:
    """Label a document found by search: grade 1 to 3 makes it an answer, 0 a hard negative. Raises `PairsmithError` for another grade."""
    if grade not in range(4):
        raise PairsmithError(f"The grade {grade} is not one of 0 (no answer), 1 (touches), 2 (partly), 3 (fully).")
    label = Label.POSITIVE if grade else Label.HARD_NEGATIVE
    event = Judgement(client_id, anchor_id, document_id, label, grade, Source.SEARCH, author, decided_at=time.time())
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, project_id, [event])


def take_back(workspace: Workspace, project_id: str, author: str, *, client_id: str, anchor_id: str, document_id: str) -> bool:
    """Undo the present word on a pair by the new event `client_id`: what was said before stands again. False when nothing stands."""
    with workspace.store.write() as conn:
        standing = judgements.find_standing(conn, project_id, anchor_id, document_id)
        if standing is None:
            return False
        return judgements.undo_judgement(conn, project_id, standing.client_id, author=author, undo_id=client_id) is not None


def _read_event(event: Mapping[str, Any], client_id: str, author: str) -> Judgement:
    try:
        label = Label(event.get("label", ""))
    except ValueError as error:
        raise PairsmithError(f"{event.get('label')!r} is no label. Nothing was saved for this pair.") from error
    grade = event.get("grade", 3) if label == Label.POSITIVE else 0
    if label == Label.UNJUDGED or (label == Label.POSITIVE and grade not in (1, 2, 3)):
        raise PairsmithError(f"The grade {grade!r} is not 1, 2 or 3. Nothing was saved for this pair.")
    active_ms = _number(event.get("active_ms"))
    return Judgement(
        client_id=client_id,
        anchor_id=_clean(event.get("anchor_id"), 10_000),
        document_id=_clean(event.get("document_id"), 10_000),
        label=label,
        grade=int(grade),
        source=Source.SEARCH if event.get("source") == Source.SEARCH.value else Source.MINED,
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


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12 else None
