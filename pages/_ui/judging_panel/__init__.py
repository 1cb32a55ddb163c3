"""The judging panel: hands the browser a queue of records to judge, and applies what comes back.

The panel moves on by itself and keeps an outbox in the browser until the server says that an event is stored; every sending holds the whole
outbox, so a lost or doubled sending changes nothing. Here, in this order: apply what arrived, lease records, hand both to the browser.
Refuses a sending that belongs to another project or person. Invariant: nothing is acknowledged that is not in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.curation.options import DEFAULT_KEYS, read_options
from core.curation.passages import choose_answer, mark_text
from core.curation.review_queue import ReviewRecord, next_records, recent_decisions
from core.model import Document, Judgement, Label
from core.store.candidates import count_queue
from pages._ui.outbox import name_outbox, take_events
from pages._ui.page import Page

_HERE = Path(__file__).parent
_SHARED = _HERE.parent / "panel_shared.js"

_PANEL = st.components.v2.component(
    "judging_panel",
    html=(_HERE / "panel.html").read_text(encoding="utf-8"),
    css=(_HERE / "panel.css").read_text(encoding="utf-8"),
    js="".join(path.read_text(encoding="utf-8") for path in (_SHARED, _HERE / "panel_parts.js", _HERE / "panel.js")),
)


@dataclass(frozen=True)
class Handed:
    """What the panel was given: the leased records, and how many candidates are `open` for this person and `held` by others."""

    records: Sequence[ReviewRecord]
    open: int
    held: int


def judging_panel(page: Page) -> Handed:
    """Draw the panel for the open project: up to 50 leased records, those the expert is at included.

    It draws nothing while there is nothing to judge, to undo or to send, but it is always mounted, so that an outbox left by an earlier visit is sent.
    Its keys are those of the project's options. After a reload it also gets the expert's last decisions, so that undo goes back through them.
    Only records that are unjudged and not leased to somebody else are handed out; an event is stored once, however often it arrives.
    """
    take_events(page, _key(page))  # first, so that what is judged is not handed out again
    records = next_records(page.workspace, page.project_id, page.author)
    with page.workspace.store.read() as conn:
        queue = count_queue(conn, page.project_id, page.author)
    _mount(page, records=[_to_json(record) for record in records], left=queue["open"], recent=_read_recent(page), drain=False)
    return Handed(records, queue["open"], queue["held"])


def drain_outbox(page: Page) -> None:
    """Have judgements sent that an earlier visit left in this browser, on a page that goes by their number. Says how many are still on the way.

    Nothing is handed out and no key judges; it draws nothing where nothing waits.
    """
    _mount(page, records=[], left=0, recent=[], drain=True)


def _mount(page: Page, **data: object) -> None:
    key = _key(page)
    owner = {"user": page.author, "project": name_outbox(page), "project_id": page.project_id} | take_events(page, key)
    owner["keys"] = {**DEFAULT_KEYS, **(read_options(page.project).keys if page.project else {})}
    # The callback is what stores a sending that the panel made while the page was being left: the next page's script runs after it.
    _PANEL(key=key, data=owner | data, on_outbox_change=lambda: take_events(page, key))


def _key(page: Page) -> str:
    return f"judging-panel-{page.project_id}"


def _read_recent(page: Page) -> list[dict[str, Any]]:
    """The last decisions with their records, in the session's first runs; empty later, when the panel knows better."""
    key = f"{_key(page)}-recalled"
    if key not in st.session_state:
        found = recent_decisions(page.workspace, page.project_id, page.author)
        st.session_state[key] = [
            {"client_id": event.client_id, "act": _name_act(event), "reason": event.reason, "note": event.note, "record": _to_json(record)}
            for event, record in found
        ]
    elif st.session_state[f"{_key(page)}-answer"]["sent"] is not None:
        st.session_state[key] = []
    recalled: list[dict[str, Any]] = st.session_state[key]
    return recalled


def _name_act(event: Judgement) -> str:
    return {1: "touches", 2: "partly"}.get(event.grade, "fully") if event.label == Label.POSITIVE else event.label.value


def _to_json(record: ReviewRecord) -> dict[str, Any]:
    compared = choose_answer(record.candidate.text, [document.text for document in record.positives])
    answer = record.positives[compared].text if compared is not None else None
    return {
        "anchor_id": record.anchor_id,
        "document_id": record.document_id,
        "anchor": record.anchor,
        "candidate": _show_document(record.candidate, record.anchor, answer),
        "positives": [
            _show_document(document, record.anchor, record.candidate.text if place == compared else None) for place, document in enumerate(record.positives)
        ],
        "answers": record.answers,
        "figures": record.figures,
    }


def _show_document(document: Document, anchor: str, other: str | None) -> dict[str, Any]:
    """A document for the panel: its text in segments, marked against the question and the text it is compared with."""
    fields = [f"{name.replace('_', ' ')}: {value}" for name, value in document.fields.items() if value]
    marked = mark_text(anchor, document.text, other)
    text = {"before": marked.before, "passage": marked.passage, "after": marked.after}
    return {"id": document.id, "place": " · ".join([document.id, *fields]), "title": document.title} | text
