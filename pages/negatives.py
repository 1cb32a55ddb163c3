"""Hard negatives: review what looks like an answer and is none, from the keyboard.

The judging panel holds its own place and sends what was judged; this page hands it records, says why there are none, and starts the search for more.
"""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from core.curation.review_queue import bring_back_skipped, count_skipped, take_over_records
from core.model import PairsmithError, Run, RunKind, RunStatus
from core.store import candidates, projects
from pages._ui.guideline import draw_guideline
from pages._ui.judging_panel import Handed, judging_panel
from pages._ui.own_keys import draw_own_keys
from pages._ui.page import Page, get_workspace, open_page
from pages._ui.review_buttons import draw_buttons, has_last
from pages._ui.review_inside import NOTICE
from pages._ui.runs import format_seconds, latest_run, start_run, watch_run
from pages._ui.sign_in import is_lead_here
from pages._ui.stopping import draw_stopping


def draw_empty(page: Page, handed: Handed, counts: dict[str, int], run: Run | None) -> None:
    """Say why nothing waits, with the one thing to do about it."""
    if counts["documents"] == 0:
        st.info("The project has no documents yet, so there is nothing to review. Bring in a corpus first.", icon=":material/library_books:")
        st.page_link("corpus.py", label="Go to corpus", icon=":material/arrow_forward:")
    elif counts["labelled_anchors"] == 0:
        st.info("No anchor has an answer yet. A hard negative is what resembles an answer, so mark some answers first.", icon=":material/search:")
        st.page_link("label.py", label="Go to label", icon=":material/arrow_forward:")
    elif run is not None and not run.status.is_over:
        return
    elif handed.held:
        draw_held(page, handed)
    elif run is None or run.status != RunStatus.SUCCEEDED:
        st.info("Pairsmith has not looked for hard negatives yet. It searches for passages that resemble the answers and may be none.", icon=":material/rule:")
        draw_start(page, "Find hard negatives", primary=True)
    else:
        st.success("Everything found so far is judged. Look again after labelling more answers, or go on to tuning.", icon=":material/task_alt:")
        draw_start(page, "Look for more", primary=True)
        st.page_link("tune.py", label="Go to tune", icon=":material/arrow_forward:")


def draw_start(page: Page, label: str, *, primary: bool = False) -> None:
    """The button that starts mining."""
    st.button(
        label,
        key="start-mining",
        icon=":material/manage_search:",
        type="primary" if primary else "secondary",
        on_click=start_mining,
        args=(page,),
        help="Compares every training anchor with the whole corpus, by words and by meaning. What is judged already stays judged.",
    )


def start_mining(page: Page) -> None:
    """Queue mining, unless it is queued or running already."""
    run = latest_run(page, RunKind.MINE)
    if run is None or run.status.is_over:
        start_run(page, RunKind.MINE)


def draw_counts(handed: Handed, counts: dict[str, int]) -> None:
    """One small line of counts."""
    held = f" · {handed.held:,} in the hands of others" if handed.held else ""
    st.caption(
        f"{handed.open:,} to review{held} · {counts['hard_negatives']:,} hard negatives and {counts['positives']:,} answers in the project",
        help="What two reviewers do at the same time never overlaps: a record is handed to one of them, for a quarter of an hour.",
    )


def draw_held(page: Page, handed: Handed) -> None:
    """Who holds what is left, until when, with the way to take it over for those who lead."""
    with page.workspace.store.read() as conn:
        holders = candidates.read_holders(conn, page.project_id, page.author)
    st.info(f"All {handed.held:,} open candidates are in the hands of other reviewers.", icon=":material/group:")
    lead = is_lead_here(page.author)
    for holder in holders:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(
                f"{holder.count:,} held by {holder.author} until {say_clock(holder.until)}, {format_seconds(max(0.0, holder.until - time.time()))} from now"
            )
            if lead:
                args = (page.project_id, page.author, holder.author)
                help_ = "They come to you now. What the other person still sends counts all the same."
                st.button("Take over", key=f"take-over-{holder.author}", icon=":material/front_hand:", help=help_, on_click=take_over, args=args)
    st.button("Look again", icon=":material/refresh:", type="primary")


def take_over(project_id: str, author: str, holder: str) -> None:
    """Have the records of somebody else handed out here."""
    try:
        taken = take_over_records(get_workspace(), project_id, author, holder)
        st.session_state[NOTICE] = f"{taken:,} taken over from {holder}."
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)


def say_clock(seconds: float) -> str:
    """The time of day where the visitor is, as far as the browser says."""
    return datetime.fromtimestamp(seconds, ZoneInfo(st.context.timezone or "UTC")).strftime("%H:%M")


def draw_skipped(page: Page) -> None:
    """How many records were skipped here, with the way to have them again."""
    skipped = count_skipped(page.workspace, page.project_id, page.author)
    if skipped:
        words = f"{skipped:,} skipped: bring {'it' if skipped == 1 else 'them'} back"
        st.button(words, key="bring-back", icon=":material/replay:", type="tertiary", on_click=bring_back, args=(page.project_id, page.author))


def bring_back(project_id: str, author: str) -> None:
    """Take one's own skips back."""
    st.session_state[NOTICE] = f"{bring_back_skipped(get_workspace(), project_id, author):,} brought back into the queue."


page = open_page("Hard negatives", ":material/rule:", caption="Does the candidate answer the question? Decide with one key; the next record comes at once.")
draw_guideline(page)
if st.session_state.get(NOTICE):
    st.text(st.session_state.pop(NOTICE))
handed = judging_panel(page)
with page.workspace.store.read() as conn:
    counts = projects.count_contents(conn, page.project_id)
run = latest_run(page, RunKind.MINE)
if not handed.records:
    draw_empty(page, handed, counts, run)
if run is not None and run.status != RunStatus.SUCCEEDED:
    watch_run(page, run)
if handed.records:
    draw_counts(handed, counts)
draw_skipped(page)
if handed.records or has_last(page):
    with st.expander("Judge with buttons", icon=":material/touch_app:"):
        draw_buttons(page, handed.records[0] if handed.records else None)
if handed.records:
    draw_own_keys(page)
    if run is None or run.status.is_over:
        with st.expander("Look for more candidates", icon=":material/manage_search:"):
            st.caption("Worth it after many new answers were labelled. The queue is made anew; what is judged stays judged.")
            draw_start(page, "Look for more")
draw_stopping(page)
