"""One event of the log: what stood before the expert, what followed, and taking it back. Text of the corpus is shown letter for letter."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from core.curation.history import Recollection, ShownText, recall_event, take_back_event
from core.model import Label, PairsmithError, Source
from pages._ui.page import Page

LABELS = {
    Label.POSITIVE: "Answer",
    Label.HARD_NEGATIVE: "Hard negative",
    Label.AMBIGUOUS: "Ambiguous",
    Label.SKIPPED: "Skipped",
    Label.CANNOT_JUDGE: "Cannot judge",
    Label.UNJUDGED: "Open again",
}
SOURCES = {
    Source.SETTLED: "Settled",
    Source.SEARCH: "Search",
    Source.MINED: "Review",
    Source.IMPORT: "Import",
    Source.HOLES: "Unjudged hits",
    Source.ORACLE: "Test collection",
}
DATE = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", help="In UTC.")
GRADES = {1: "touches", 2: "partly", 3: "fully"}


def to_time(seconds: float | None) -> datetime | None:
    """A moment as tables show it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def describe_word(label: Label | None, grade: int) -> str:
    """A label with its grade in words."""
    if label is None:
        return "—"
    return f"{LABELS[label]}, {GRADES.get(grade, f'grade {grade}')}" if label == Label.POSITIVE else LABELS[label]


def draw_event(page: Page, client_id: str, notice: str) -> None:
    """The event with its texts and the button that takes it back. Raises `PairsmithError` where there is no such event."""
    found = recall_event(page.workspace, page.project_id, client_id)
    event = found.past.event
    with st.container(border=True):
        st.text(f"{describe_word(found.past.label_before, found.past.grade_before)} → {describe_word(event.label, event.grade)}")
        seconds = f", {event.active_ms / 1000:.1f} s" if event.active_ms is not None else ""
        st.text(f"{event.author}, {SOURCES[event.source]}, {to_time(event.recorded_at):%Y-%m-%d %H:%M} UTC{seconds}")
        for name, value in (("Reason", event.reason), ("Note", event.note)):
            if value:
                st.text(f"{name}: {value}")
        if found.past.taken_back_by is not None:
            st.text(f"Taken back by {found.past.taken_back_by}, {to_time(found.past.taken_back_at):%Y-%m-%d %H:%M} UTC")
        _draw_text("Question", found.anchor)
        _draw_text("Document", found.document)
        for shown in found.positives:
            _draw_text("Known answer shown beside it", shown)
        if found.figures:
            st.caption("Figures of the candidate", help="Not shown to the expert before the decision.")
            st.code("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in found.figures.items()), language=None)
        _draw_consequences(found)
        args = (page, client_id, notice)
        st.button("Take back", key=f"take-back-{client_id}", icon=":material/undo:", disabled=bool(found.obstacle), on_click=_take_back, args=args)
        if found.obstacle:
            st.caption(found.obstacle)


def _draw_text(what: str, shown: ShownText) -> None:
    st.caption(what if shown.as_shown else f"{what}, as it is now", help=None if shown.as_shown else "How it read then was not kept with this event.")
    st.text(" · ".join(filter(None, [shown.id, shown.title])))
    st.text(shown.text)


def _draw_consequences(found: Recollection) -> None:
    if found.cause is not None:
        st.caption("It followed from")
        st.text(f"{found.cause.event.author}: {describe_word(found.cause.event.label, found.cause.event.grade)} on {found.cause.event.document_id}")
    if found.caused:
        st.caption(f"{found.past.caused:,} followed from it")
        for item in found.caused:
            st.text(f"{item.event.document_id} for {item.event.anchor_id}: {describe_word(item.event.label, item.event.grade)}")


def _take_back(page: Page, client_id: str, notice: str) -> None:
    """Take back the event that the button stood under."""
    try:
        take_back_event(page.workspace, page.project_id, page.author, client_id)
        st.session_state[notice] = "Taken back. What was said before stands again."
    except PairsmithError as error:
        st.session_state[notice] = str(error)
