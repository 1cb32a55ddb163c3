"""What a panel sends: its outbox applied once and answered, and what it asks for taken once.

A panel's state is a mapping that the browser may send again, late or doubled. Refuses a sending that belongs to another project or person. Invariant:
nothing is acknowledged that is not in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.curation.fan_out import Followed
from core.curation.review_queue import apply_events
from pages._ui.page import Page


def name_outbox(page: Page) -> str:
    """The project as an outbox is named by it: one made anew under an old name is another."""
    return f"{page.project_id}@{page.project.created_at if page.project else 0}"


def take_events(page: Page, key: str) -> dict[str, Any]:
    """Apply the sending that lies in the state of the panel `key`, once, and return what became of the last one.

    That is what the panel is told of it (`acknowledged`, `refused` and `followed`, by client id) and its name, `sent`, None before there was one.
    """
    answer: dict[str, Any] = st.session_state.setdefault(f"{key}-answer", {"sent": None, "acknowledged": [], "refused": {}, "followed": {}})
    outbox = _read_state(page, key, "outbox")
    if outbox is None or outbox.get("sent") == answer["sent"]:
        return answer
    found = outbox.get("events")
    events = [event for event in found if isinstance(event, Mapping)] if isinstance(found, Sequence) and not isinstance(found, str) else []
    applied = apply_events(page.workspace, page.project_id, page.author, events)
    asked = {str(event.get("client_id")): event for event in events}
    followed = {client_id: _tell_followed(found, asked[client_id]) for client_id, found in applied.followed.items()}
    answer |= {"sent": outbox.get("sent"), "acknowledged": list(applied.stored), "refused": dict(applied.refused), "followed": followed}
    return answer


def _tell_followed(followed: Followed, event: Mapping[str, Any]) -> dict[str, Any]:
    """What followed from an event, for its line in the panel: the paraphrase is named where the pair is not of the event's own anchor."""
    pairs = [
        {
            "document": " · ".join(part for part in (item.document.id, item.document.title) if part),
            "anchor": "" if item.anchor.id == event.get("anchor_id") else item.anchor.text,
        }
        for item in followed.pairs
    ]
    return {"pairs": pairs, "warnings": list(followed.warnings), "told": followed.told, "undone": bool(event.get("undoes"))}


def take_ask(page: Page, key: str) -> Mapping[str, Any] | None:
    """What the panel `key` asks for, or None where it asks for nothing new. Asking again for the same is answered once."""
    ask = _read_state(page, key, "ask")
    if ask is None or ask.get("sent") == last_ask(key):
        return None
    st.session_state[f"{key}-asked"] = ask.get("sent")
    return ask


def last_ask(key: str) -> Any:
    """The name of the last thing asked for that was taken, for the panel to know; None where there was none."""
    return st.session_state.get(f"{key}-asked")


def _read_state(page: Page, key: str, name: str) -> Mapping[str, Any] | None:
    state = st.session_state.get(key)
    value = state.get(name) if isinstance(state, Mapping) else None
    if not isinstance(value, Mapping) or value.get("project") != name_outbox(page) or value.get("user") != page.author:
        return None
    return value
