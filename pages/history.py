"""History: every judgement with what was shown and what became of it, and the snapshots that runs are trained on."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from core.model import PairsmithError
from core.store import history
from pages._ui.history_filters import read_filter
from pages._ui.page import open_page
from pages._ui.past_event import DATE, describe_word, draw_event, to_time
from pages._ui.snapshots import draw_snapshots
from pages._ui.text import escape_label

ROWS = 20
NOTICE = "history-notice"
VIEWS = {"judgements": "Judgements", "people": "People", "snapshots": "Snapshots"}
page = open_page("History", ":material/history:", caption="Who judged what, when, and what they had before them; and the snapshots that models are trained on.")


def draw_judgements() -> None:
    """The filtered log, a page at a time; a chosen event stands beside it."""
    wanted = read_filter(page)
    with page.workspace.store.read() as conn:
        total = history.count_past(conn, page.project_id, wanted)
    if not total:
        st.info("Nothing was judged yet, or nothing fits the filters.", icon=":material/search_off:")
        return
    pages = -(-total // ROWS)
    left, right = st.columns([3, 2], gap="medium") if st.query_params.get("event") else (st.container(), st.container())
    with left:
        number = st.pagination(pages, key="history-page") if pages > 1 else 1
        with page.workspace.store.read() as conn:
            found = history.page_events(conn, page.project_id, wanted, offset=(number - 1) * ROWS, limit=ROWS)
        rows = [
            {
                "When": to_time(item.event.recorded_at),
                "Who": item.event.author,
                "Question": item.anchor,
                "Document": item.document,
                "Before": describe_word(item.label_before, item.grade_before),
                "After": describe_word(item.event.label, item.event.grade),
                "State": "Takes one back" if item.event.undoes else "Taken back" if item.taken_back_by else "Followed" if item.event.caused_by else "",
            }
            for item in found
        ]
        ids = [item.event.client_id for item in found]
        key = f"history-rows-{number}-{ids[0] if ids else ''}"
        st.dataframe(
            pd.DataFrame(rows),
            key=key,
            hide_index=True,
            column_config={
                "When": DATE,
                "State": st.column_config.TextColumn(help="Followed: it was set by another decision, over a document or a question alike."),
            },
            column_order=["When", "Who", "Before", "After", "Question", "Document", "State"],
            on_select=partial(choose_event, key, ids),
            selection_mode="single-row",
            height="content",
            alt="Judgements, newest first",
        )
        st.caption(f"{total:,} {'event' if total == 1 else 'events'}, newest first")
    with right:
        draw_chosen(st.query_params.get("event"))


def choose_event(key: str, ids: list[str]) -> None:
    """Put the row that was clicked, among the ids that were drawn, into the link; take it out where the click let it go."""
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(ids):
        st.query_params["event"] = ids[rows[0]]
    else:
        st.query_params.pop("event", None)


def draw_chosen(client_id: str | None) -> None:
    """The event of the link, or of the row that was clicked."""
    if st.session_state.get(NOTICE):
        st.info(escape_label(st.session_state.pop(NOTICE)), icon=":material/info:")
    if not client_id:
        st.caption("Choose a row to see what was shown.")
        return
    try:
        draw_event(page, client_id, NOTICE)
    except PairsmithError as error:
        st.warning(escape_label(str(error)), icon=":material/search_off:")


def draw_people() -> None:
    """Each person's figures."""
    with page.workspace.store.read() as conn:
        found = history.measure_authors(conn, page.project_id)
    if not found:
        st.info("Nobody has judged anything yet.", icon=":material/group:")
        return
    rows = [
        {
            "Who": item.author,
            "Decisions": item.decisions,
            "Median seconds": item.median_s,
            "Taken back": item.share_taken_back,
            "First": to_time(item.first_at),
            "Last": to_time(item.last_at),
        }
        for item in found
    ]
    config = {
        "Median seconds": st.column_config.NumberColumn(format="%.1f", help="Active time for one decision; half took longer. Imports are not timed."),
        "Taken back": st.column_config.NumberColumn(format="percent", help="Share of the decisions that was taken back later, by anyone."),
        "First": DATE,
        "Last": DATE,
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, width="content", alt="Figures of each person", placeholder="—")


view = st.segmented_control(
    "View", list(VIEWS), default="judgements", format_func=VIEWS.__getitem__, key="view", bind="query-params", label_visibility="collapsed", required=True
)
if view == "snapshots":
    draw_snapshots(page)
elif view == "people":
    draw_people()
else:
    draw_judgements()
