"""The list of anchors beside a work area: paged in SQL, one of them chosen, the choice kept in the session and in the link."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from core.model import Anchor, NotFound, hash_text
from core.store import corpus
from pages._ui.page import Page

PAGE_SIZE = 8
ROW_PX = 66
"""Two lines of a question; Streamlit wraps cells only in rows above 64 pixels."""
QUESTION_PX = 270
QUESTION_CHARS = 96
"""As much as fits the cell; the chosen anchor is shown whole beside the list."""


def cursor_key(project_id: str) -> str:
    """Where the session keeps the chosen anchor."""
    return f"label-anchor-{project_id}"


def choose_anchor(project_id: str, anchor_id: str) -> None:
    """Make this the anchor on the right."""
    st.session_state[cursor_key(project_id)] = anchor_id
    if st.query_params.get("anchor") != anchor_id:
        st.query_params["anchor"] = anchor_id


def choose_row(project_id: str, key: str, ids: Sequence[str]) -> None:
    """The row that was clicked, among the ids that were drawn."""
    rows = st.session_state[key]["selection"]["rows"]
    if rows:
        choose_anchor(project_id, ids[rows[0]])


def current_anchor(page: Page, unlabelled: bool) -> Anchor | None:
    """The chosen anchor: of this sitting, of the link, or the first of the list. It stays chosen when its first answer takes it off the list."""
    wanted = st.session_state.get(cursor_key(page.project_id)) or st.query_params.get("anchor")
    with page.workspace.store.read() as conn:
        try:
            found = corpus.get_anchor(conn, page.project_id, wanted) if wanted else None
        except NotFound:
            found = None
        found = found or corpus.next_anchor(conn, page.project_id, unlabelled=unlabelled) or corpus.next_anchor(conn, page.project_id)
    if found is not None:
        choose_anchor(page.project_id, found.id)
    return found


def shorten(text: str) -> str:
    """The head of a text for a cell of the list."""
    return text if len(text) <= QUESTION_CHARS else text[: QUESTION_CHARS - 1].rstrip() + "…"


def draw_list(page: Page, current: Anchor | None, unlabelled: bool) -> None:
    """The anchors, a page at a time; a click on a row chooses it."""
    with page.workspace.store.read() as conn:
        total = corpus.count_anchors(conn, page.project_id, unlabelled=unlabelled)
        offset_key = f"label-offset-{page.project_id}-{unlabelled}"
        offset = min(st.session_state.get(offset_key, 0), max(0, (total - 1) // PAGE_SIZE * PAGE_SIZE))
        rows = corpus.page_anchors(conn, page.project_id, unlabelled=unlabelled, offset=offset, limit=PAGE_SIZE)
    if not rows:
        st.success("Every anchor has an answer.", icon=":material/task_alt:")
        return
    ids = [anchor.id for anchor, _ in rows]
    # other rows or another choice make another table: a selection kept from before would mark the wrong row
    key = "anchors-" + hash_text("\0".join([page.project_id, current.id if current else "", *ids]))[:16]
    st.dataframe(
        pd.DataFrame({"Question": [shorten(anchor.text) for anchor, _ in rows], "Answers": [count for _, count in rows]}),
        hide_index=True,
        key=key,
        on_select=partial(choose_row, page.project_id, key, ids),
        selection_mode="single-row",
        selection_default={"selection": {"rows": [ids.index(current.id)] if current and current.id in ids else []}},
        column_config={
            "Question": st.column_config.TextColumn(width=QUESTION_PX),
            "Answers": st.column_config.NumberColumn(width="small", help="How many documents are marked as answers."),
        },
        column_order=["Question"] if unlabelled else ["Question", "Answers"],
        row_height=ROW_PX,
        height=len(rows) * ROW_PX + 38,
        alt="Anchors and how many answers each has",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        back, ahead = max(0, offset - PAGE_SIZE), offset + PAGE_SIZE
        st.button("Back", icon=":material/chevron_left:", disabled=offset == 0, on_click=st.session_state.__setitem__, args=(offset_key, back))
        st.button("More", icon=":material/chevron_right:", disabled=ahead >= total, on_click=st.session_state.__setitem__, args=(offset_key, ahead))
        st.caption(f"{offset + 1:,}–{offset + len(rows):,} of {total:,}")
