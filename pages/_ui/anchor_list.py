"""The list of anchors beside a work area: paged in SQL, one of them chosen, the choice kept in the session and in the link."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.model import Anchor, NotFound, hash_text
from core.store import corpus
from core.store.anchor_groups import FEW, AnchorFilter, AnchorRow, count_questions, next_question, page_questions
from pages._ui.page import Page
from pages._ui.text import escape_label

PAGE_SIZE = 8
SHOW = {"Without an answer": 1, f"Fewer than {FEW} answers": FEW, "All questions": 0}
"""What the list can be narrowed to, and below how many answers."""
QUESTION_CHARS = 120
"""The chosen anchor is shown whole beside the list."""


def cursor_key(project_id: str) -> str:
    """Where the session keeps the chosen anchor."""
    return f"label-anchor-{project_id}"


def choose_anchor(project_id: str, anchor_id: str) -> None:
    """Make this the anchor on the right."""
    st.session_state[cursor_key(project_id)] = anchor_id
    if st.query_params.get("anchor") != anchor_id:
        st.query_params["anchor"] = anchor_id


def choose_row(project_id: str, key: str, ids: Sequence[str], place: int | None) -> None:
    """The row that was clicked, among the ids that were drawn.

    The row at `place`, chosen when the list was drawn, is no click: a browser that has not drawn the next list yet sends it along with what a panel
    sends, and Streamlit, which has forgotten that list, calls it a change. Going by it took people back to the question they had just left.
    """
    row = st.session_state[key]
    if row is not None and row != place:
        choose_anchor(project_id, ids[row])


def choose_filter(page: Page) -> AnchorFilter:
    """The filter above the list: words of the question, and how many answers it has. Both survive a change of page."""
    text_key, show_key = f"label-filter-{page.project_id}", f"label-show-{page.project_id}"
    kept_text, kept_show = f"{text_key}-kept", f"{show_key}-kept"
    text = st.text_input(
        "Find a question",
        value=st.session_state.get(kept_text, ""),
        key=text_key,
        placeholder="Words of the question",
        icon=":material/filter_list:",
        max_chars=200,
    )
    names = list(SHOW)
    kept = st.session_state.get(kept_show, names[0])
    chosen = st.selectbox("Show", names, index=names.index(kept), key=show_key, help="Answers are counted once for all wordings of a question.")
    st.session_state[kept_text], st.session_state[kept_show] = text, chosen
    return AnchorFilter(text.strip(), SHOW[chosen])


def kept_filter(page: Page) -> AnchorFilter:
    """The filter as it was drawn last: for what is done before the page is drawn."""
    show = st.session_state.get(f"label-show-{page.project_id}-kept", next(iter(SHOW)))
    return AnchorFilter(str(st.session_state.get(f"label-filter-{page.project_id}-kept", "")).strip(), SHOW[show])


def current_anchor(page: Page, chosen: AnchorFilter) -> Anchor | None:
    """The chosen anchor: of this sitting, of the link, or the first of the list. It stays chosen when its first answer takes it off the list."""
    wanted = st.session_state.get(cursor_key(page.project_id)) or st.query_params.get("anchor")
    with page.workspace.store.read() as conn:
        try:
            found = corpus.get_anchor(conn, page.project_id, wanted) if wanted else None
        except NotFound:
            found = None
        found = found or next_question(conn, page.project_id, chosen=chosen) or next_question(conn, page.project_id)
    if found is not None:
        choose_anchor(page.project_id, found.id)
    return found


def shorten(text: str) -> str:
    """The head of a text for a row of the list."""
    return text if len(text) <= QUESTION_CHARS else text[: QUESTION_CHARS - 1].rstrip() + "…"


def describe_row(row: AnchorRow) -> str:
    """How far a question is, and how many wordings stand behind it."""
    parts = [f"{row.answers:,} answer{'' if row.answers == 1 else 's'}", f"{row.negatives:,} hard negative{'' if row.negatives == 1 else 's'}"]
    if row.paraphrases:
        parts.append(f"+{row.paraphrases:,} paraphrase{'' if row.paraphrases == 1 else 's'}")
    return " · ".join(parts)


def draw_list(page: Page, current: Anchor | None, chosen: AnchorFilter) -> None:
    """The questions, a page at a time, each with how far it is; a click on a row chooses it."""
    offset_key = f"label-offset-{page.project_id}-{hash_text(repr(chosen))[:8]}"
    with page.workspace.store.read() as conn:
        total = count_questions(conn, page.project_id, chosen)
        offset = min(st.session_state.get(offset_key, 0), max(0, (total - 1) // PAGE_SIZE * PAGE_SIZE))
        rows = page_questions(conn, page.project_id, chosen, offset=offset, limit=PAGE_SIZE)
    if not rows:
        if chosen.containing:
            st.info("No question of this filter contains these words.", icon=":material/search_off:")
        else:
            st.success("Every question has answers enough for this filter.", icon=":material/task_alt:")
        return
    names = [row.anchor.question for row in rows]
    place = names.index(current.question) if current and current.question in names else None
    ids = [row.anchor.id for row in rows]
    # other rows or another choice make another list: a selection kept from before would mark the wrong row
    key = "anchors-" + hash_text("\0".join([page.project_id, current.id if current else "", *ids]))[:16]
    st.radio(
        "Questions",
        range(len(rows)),
        index=place,
        key=key,
        format_func=lambda at: escape_label(shorten(rows[at].anchor.text)),
        captions=[describe_row(row) for row in rows],
        on_change=choose_row,
        args=(page.project_id, key, ids, place),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        back, ahead = max(0, offset - PAGE_SIZE), offset + PAGE_SIZE
        st.button("Back", icon=":material/chevron_left:", disabled=offset == 0, on_click=st.session_state.__setitem__, args=(offset_key, back))
        st.button("More", icon=":material/chevron_right:", disabled=ahead >= total, on_click=st.session_state.__setitem__, args=(offset_key, ahead))
        st.caption(f"{offset + 1:,}–{offset + len(rows):,} of {total:,}")
