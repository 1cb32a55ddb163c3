"""The judging panel: hands the browser a queue of records to judge, and applies what comes back.

The panel moves on by itself and keeps an outbox in the browser until the server says that an event is stored; every sending holds the whole
outbox, so a lost or doubled sending changes nothing. Here, in this order: apply what arrived, lease records, hand both to the browser.
Refuses a sending that belongs to another project or person. Invariant: nothing is acknowledged that is not in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.curation.review_queue import ReviewRecord, apply_events, next_records
from core.model import Document
from core.store.candidates import count_queue
from pages._ui.page import Page

_HERE = Path(__file__).parent
_SHARED = _HERE.parent / "panel_shared.js"

_PANEL = st.components.v2.component(
    "judging_panel",
    html=(_HERE / "panel.html").read_text(encoding="utf-8"),
    css=(_HERE / "panel.css").read_text(encoding="utf-8"),
    js=_SHARED.read_text(encoding="utf-8") + (_HERE / "panel.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Handed:
    """What the panel was given: the leased records, and how many candidates are `open` for this person and `held` by others."""

    records: Sequence[ReviewRecord]
    open: int
    held: int


def judging_panel(page: Page, *, keys: Mapping[str, str] | None = None) -> Handed:
    """Draw the panel for the open project: up to 30 leased records, those the expert is at included.

    It draws nothing while there is nothing to judge, to undo or to send, but it is always mounted, so that an outbox left by an earlier visit is sent.
    `keys`: other keys by action (`hard_negative`, `fully`, `partly`, `touches`, `ambiguous`, `skipped`, `cannot_judge`, `undo`, `reason`, `note`, `help`).
    Only records that are unjudged and not leased to somebody else are handed out; an event is stored once, however often it arrives.
    """
    answer = _take_events(page)
    records = next_records(page.workspace, page.project_id, page.author)
    with page.workspace.store.read() as conn:
        queue = count_queue(conn, page.project_id, page.author)
    named = {action: name.lower() for action, name in (keys or {}).items()}
    _mount(page, answer, records=[_to_json(record) for record in records], left=queue["open"], keys=named, drain=False)
    return Handed(records, queue["open"], queue["held"])


def drain_outbox(page: Page) -> None:
    """Have judgements sent that an earlier visit left in this browser, on a page that goes by their number. Says how many are still on the way.

    Nothing is handed out and no key judges; it draws nothing where nothing waits.
    """
    _mount(page, _take_events(page), records=[], left=0, keys={}, drain=True)


def _mount(page: Page, answer: Mapping[str, Any], **data: object) -> None:
    owner = {"user": page.author, "project": _name_outbox(page), "acknowledged": answer["acknowledged"], "refused": answer["refused"]}
    # The callback is what stores a sending that the panel made while the page was being left: the next page's script runs after it.
    _PANEL(key=_key(page), data=owner | data, on_outbox_change=lambda: _take_events(page))


def _key(page: Page) -> str:
    return f"judging-panel-{page.project_id}"


def _name_outbox(page: Page) -> str:
    """A project made anew under an old name is another one."""
    return f"{page.project_id}@{page.project.created_at if page.project else 0}"


def _take_events(page: Page) -> dict[str, Any]:
    """Apply the sending that lies in the panel's state, once, and return what became of the last one."""
    key = _key(page)
    answer: dict[str, Any] = st.session_state.setdefault(f"{key}-answer", {"sent": None, "acknowledged": [], "refused": {}})
    state = st.session_state.get(key)
    outbox = state.get("outbox") if isinstance(state, Mapping) else None
    if not isinstance(outbox, Mapping) or outbox.get("sent") == answer["sent"]:
        return answer
    if outbox.get("project") != _name_outbox(page) or outbox.get("user") != page.author:
        return answer
    found = outbox.get("events")
    events = [event for event in found if isinstance(event, Mapping)] if isinstance(found, Sequence) and not isinstance(found, str) else []
    applied = apply_events(page.workspace, page.project_id, page.author, events)
    answer |= {"sent": outbox.get("sent"), "acknowledged": list(applied.stored), "refused": dict(applied.refused)}
    return answer


def _to_json(record: ReviewRecord) -> dict[str, Any]:
    return {
        "anchor_id": record.anchor_id,
        "document_id": record.document_id,
        "anchor": record.anchor,
        "candidate": _show_document(record.candidate),
        "positives": [_show_document(document) for document in record.positives],
        "answers": record.answers,
    }


def _show_document(document: Document) -> dict[str, str]:
    fields = [f"{name.replace('_', ' ')}: {value}" for name, value in document.fields.items() if value]
    return {"place": " · ".join([document.id, *fields]), "title": document.title, "text": document.text}
