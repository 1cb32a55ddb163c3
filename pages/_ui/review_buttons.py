"""The decisions of the judging panel as plain buttons: one record, each button bound to it, with the same consequences, said in words.

Refuses to write where the pair's word changed since the buttons were drawn; a word that another expert had given before is no hindrance.
"""

from __future__ import annotations

import time
import uuid

import streamlit as st

from core.curation.fan_out import Followed, Twins
from core.curation.review_queue import Applied, ReviewRecord, apply_events, look_alike
from core.curation.twins import read_twins
from core.model import Label
from core.store import judgements
from core.workspace import Workspace
from pages._ui.page import Page, get_workspace
from pages._ui.text import show_document

DECISIONS = {
    "Hard negative": {"label": "hard_negative"},
    "Answers fully": {"label": "positive", "grade": 3},
    "Partly": {"label": "positive", "grade": 2},
    "Touches": {"label": "positive", "grade": 1},
    "Ambiguous": {"label": "ambiguous"},
    "Skip": {"label": "skipped"},
    "Cannot judge": {"label": "cannot_judge"},
}
_LAST = "negatives-last-judged"
_NOTICE = "negatives-notice"


def has_last(page: Page) -> bool:
    """Whether a button judged something in this project that it can still take back."""
    last = st.session_state.get(_LAST)
    return last is not None and last[0] == page.project_id


def draw_buttons(page: Page, record: ReviewRecord | None) -> None:
    """The record with its buttons, what the last one brought about, and the way back."""
    for words in st.session_state.pop(_NOTICE, []):
        st.text(words)
    st.caption("For assistive technology, or where the panel does not work.")
    if record is not None:
        _draw_record(record)
        seq = _read_seq(page.workspace, page.project_id, record)
        with st.container(horizontal=True):
            for name in DECISIONS:
                key = f"judge-{name}-{record.anchor_id}-{record.document_id}"
                st.button(name, key=key, on_click=_judge, args=(page.project_id, page.author, record, name, seq))
    with st.container(horizontal=True):
        if has_last(page):
            last = st.session_state[_LAST]
            st.button("Undo", key=f"undo-{last[1]}", icon=":material/undo:", on_click=_undo, args=(page.project_id, page.author, last[1]))
            if last[2] is not None:
                st.button("More like this", key=f"more-{last[1]}", icon=":material/add:", on_click=_ask_more, args=(page.project_id, page.author, *last[2]))


def _draw_record(record: ReviewRecord) -> None:
    st.text(record.anchor)
    left, right = st.columns(2)
    with left:
        st.caption(f"Known answers, {len(record.positives)} of {record.answers} shown")
        for document in record.positives:
            show_document(document)
    with right:
        st.caption("Candidate")
        show_document(record.candidate)


def _read_seq(workspace: Workspace, project_id: str, record: ReviewRecord) -> int | None:
    """The number of the event that the record's pair stands at, None where nothing is said of it."""
    with workspace.store.read() as conn:
        known = judgements.read_state(conn, project_id, anchor_ids=[record.anchor_id])
    return next((item.seq for item in known if item.document_id == record.document_id), None)


def _judge(project_id: str, author: str, record: ReviewRecord, name: str, seq: int | None) -> None:
    workspace = get_workspace()
    if _read_seq(workspace, project_id, record) != seq:
        st.session_state[_NOTICE] = ["That record was judged meanwhile, so the button changed nothing. The next one is shown."]
        return
    pair = {"anchor_id": record.anchor_id, "document_id": record.document_id}
    shown = {"positives": [document.id for document in record.positives]}
    event = {"client_id": uuid.uuid4().hex, "decided_at": time.time()} | pair | shown | DECISIONS[name]
    applied = apply_events(workspace, project_id, author, [event], view="buttons")
    st.session_state[_NOTICE] = _say(applied, "Also applied to") or [f"Last: {name}" + (f" · {record.figures}" if record.figures else "")]
    if not applied.refused:
        answer = tuple(pair.values()) if DECISIONS[name]["label"] == Label.POSITIVE else None
        st.session_state[_LAST] = (project_id, event["client_id"], answer)


def _undo(project_id: str, author: str, client_id: str) -> None:
    applied = apply_events(get_workspace(), project_id, author, [{"client_id": uuid.uuid4().hex, "undoes": client_id}], view="buttons")
    st.session_state[_NOTICE] = _say(applied, "Also taken back:")
    st.session_state.pop(_LAST, None)


def _ask_more(project_id: str, author: str, anchor_id: str, document_id: str) -> None:
    workspace = get_workspace()
    twins = Twins(read_twins(workspace, project_id))
    st.session_state[_NOTICE] = [look_alike(workspace, project_id, author, anchor_id, document_id, twins)]


def _say(applied: Applied, head: str) -> list[str]:
    """Why it was refused, or what followed, a line each."""
    return [*applied.refused.values(), *(line for found in applied.followed.values() for line in say_followed(found, head))]


def say_followed(found: Followed, head: str) -> list[str]:
    """What followed from a decision, in lines: the pairs behind `head`, then what speaks against it."""
    named = [" · ".join(part for part in (item.document.id, item.document.title, f"for {item.anchor.id}") if part) for item in found.pairs]
    return [*([f"{head} {'; '.join(named)}"] if named else []), *found.warnings]
