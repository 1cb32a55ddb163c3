"""Looking back on one decision: what stood before the expert, letter for letter, and whether it can be taken back.

Texts are found by the hash that was stored with the decision, former ones included; one that was not kept is said to be unknown, never replaced by
what the text is now without saying so. Invariant: only the event that a pair's present word comes from is taken back, a dispute by nobody:
the word that opened it can be, and what experts differ on is settled.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core.curation.agreement import is_disputed
from core.curation.review_queue import apply_events
from core.model import Document, Judgement, PairsmithError
from core.store import corpus, former, history, judgements
from core.store.history import PastEvent
from core.workspace import Workspace


@dataclass(frozen=True)
class ShownText:
    """A text that an expert had before them. `as_shown` is False where it is the text of now, since it is not known how it was then."""

    id: str
    title: str
    text: str
    as_shown: bool


@dataclass(frozen=True)
class Recollection:
    """One event with what was shown, what it caused, and whether it can be taken back."""

    past: PastEvent
    anchor: ShownText
    document: ShownText
    positives: Sequence[ShownText]
    figures: Mapping[str, Any]
    """The rest of what was stored with it: ranks, similarity, status of the candidate, the view it was judged in."""
    caused: Sequence[PastEvent]
    cause: PastEvent | None
    """The event that this one followed from."""
    standing: bool
    """Whether the pair's present word comes from it."""
    obstacle: str
    """Why it cannot be taken back; empty where it can."""


def recall_event(workspace: Workspace, project_id: str, client_id: str) -> Recollection:
    """Everything there is to know of one event. Raises `NotFound`."""
    with workspace.store.read() as conn:
        past = history.get_past(conn, project_id, client_id)
        event = past.event
        shown = dict(event.shown or {})
        standing = judgements.find_standing(conn, project_id, event.anchor_id, event.document_id)
        is_standing = standing is not None and standing.client_id == client_id
        return Recollection(
            past=past,
            anchor=_recall_anchor(conn, project_id, event.anchor_id, shown.pop("anchor", None)),
            document=_recall_document(conn, project_id, event.document_id, shown.pop("document", None)),
            positives=[_recall_document(conn, project_id, str(pair[0]), str(pair[1])) for pair in shown.pop("positives", None) or []],
            figures=shown,
            caused=history.list_caused(conn, project_id, client_id),
            cause=history.get_past(conn, project_id, event.caused_by) if event.caused_by else None,
            standing=is_standing,
            obstacle=_find_obstacle(past, standing),
        )


def take_back_event(workspace: Workspace, project_id: str, author: str, client_id: str) -> None:
    """Take this very event back, with what followed from it. Raises `PairsmithError` with the reason where it does not stand any more."""
    obstacle = recall_event(workspace, project_id, client_id).obstacle
    if obstacle:
        raise PairsmithError(obstacle)
    refused = apply_events(workspace, project_id, author, [{"client_id": uuid.uuid4().hex, "undoes": client_id}]).refused
    if refused:
        raise PairsmithError(" ".join(refused.values()))


def _find_obstacle(past: PastEvent, standing: Judgement | None) -> str:
    if past.event.undoes is not None:
        return "This event took a judgement back. That cannot be taken back in turn: judge the pair again."
    if past.taken_back_by is not None:
        return "It was taken back already."
    if is_disputed(past.event):
        return "Experts differ on this pair. Settle it on the agreement page."
    is_on_top = standing is not None and past.event.client_id in (standing.client_id, standing.caused_by)
    return "" if is_on_top else "The pair was judged again since, and the later judgement stands. Take that one back first."


def _recall_anchor(conn: Connection, project_id: str, anchor_id: str, text_hash: str | None) -> ShownText:
    text = former.find_question(conn, project_id, anchor_id, text_hash) if text_hash else None
    return ShownText(anchor_id, "", corpus.get_anchor(conn, project_id, anchor_id).text if text is None else text, text is not None)


def _recall_document(conn: Connection, project_id: str, document_id: str, content_hash: str | None) -> ShownText:
    found = former.find_text(conn, project_id, document_id, content_hash) if content_hash else None
    now = found or corpus.get_documents(conn, project_id, [document_id]).get(document_id) or Document(document_id, "")
    return ShownText(document_id, now.title, now.text, found is not None)
