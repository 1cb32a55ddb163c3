"""The filters of the history page. Each stands in the address, so that a colleague can open what one sees by its link."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import streamlit as st

from core.model import Label, Source
from core.store import history
from core.store.history import EventFilter
from pages._ui.page import Page
from pages._ui.past_event import LABELS, SOURCES


def read_filter(page: Page) -> EventFilter:
    """Draw the filters and return what they say."""
    with page.workspace.store.read() as conn:
        authors = history.list_authors(conn, page.project_id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        anchor = st.text_input("Question contains", key="anchor", bind="query-params", icon=":material/search:", width=220)
        document = st.text_input("Document id", key="document", bind="query-params", width=150)
        author = st.selectbox("Who", authors, index=None, key="author", bind="query-params", placeholder="Everybody", width=170)
        label = st.selectbox(
            "Judged as", [*Label], index=None, key="label", bind="query-params", format_func=LABELS.__getitem__, placeholder="Anything", width=170
        )
        source = st.selectbox(
            "From", [*Source], index=None, key="source", bind="query-params", format_func=SOURCES.__getitem__, placeholder="Anywhere", width=150
        )
        since = st.date_input("Since", value=None, key="since", bind="query-params", width=130, help="From this day on, in UTC.")
        until = st.date_input("Until", value=None, key="until", bind="query-params", width=130, help="This day included, in UTC.")
    return EventFilter(
        author=author or "",
        label=Label(label) if label else None,
        source=Source(source) if source else None,
        anchor=anchor.strip(),
        document_id=document.strip(),
        since=_start_of(since),
        until=_start_of(until + timedelta(days=1) if until else None),
    )


def _start_of(day: date | None) -> float | None:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() if day else None
