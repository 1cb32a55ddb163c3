"""Hard negatives: review what looks like an answer and is none, from the keyboard.

The judging panel holds its own place and sends what was judged; this page hands it records, says why there are none, and starts the search for more.
"""

from __future__ import annotations

import time
import uuid

import streamlit as st

from core.curation.review_queue import ReviewRecord, apply_events
from core.model import Run, RunKind, RunStatus
from core.store import candidates, judgements, projects
from pages._ui.judging_panel import Handed, judging_panel
from pages._ui.page import Page, get_workspace, open_page
from pages._ui.runs import format_seconds, latest_run, start_run, watch_run
from pages._ui.stopping import draw_stopping
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
LAST = "negatives-last-judged"
NOTICE = "negatives-notice"


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
        with page.workspace.store.read() as conn:
            free_at = candidates.first_release(conn, page.project_id, page.author)
        wait = f" The first of them comes back in {format_seconds(free_at - time.time())} unless it is judged before." if free_at else ""
        st.info(f"All {handed.held:,} open candidates are in the hands of other reviewers.{wait}", icon=":material/group:")
        st.button("Look again", icon=":material/refresh:", type="primary")
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


def draw_buttons(page: Page, record: ReviewRecord) -> None:
    """The same decisions without the panel: one record, each button bound to it."""
    if st.session_state.get(NOTICE):
        st.text(st.session_state.pop(NOTICE))
    st.caption("For assistive technology, or where the panel does not work.")
    st.text(record.anchor)
    left, right = st.columns(2)
    with left:
        st.caption(f"Known answers, {len(record.positives)} of {record.answers} shown")
        for document in record.positives:
            show_document(document)
    with right:
        st.caption("Candidate")
        show_document(record.candidate)
    with st.container(horizontal=True):
        for name in DECISIONS:
            key = f"judge-{name}-{record.anchor_id}-{record.document_id}"
            st.button(name, key=key, on_click=judge, args=(page.project_id, page.author, record.anchor_id, record.document_id, name))
        last = st.session_state.get(LAST)
        if last and last[0] == page.project_id:
            st.button("Undo", key=f"undo-{last[1]}", icon=":material/undo:", on_click=undo, args=(page.project_id, page.author, last[1]))


def judge(project_id: str, author: str, anchor_id: str, document_id: str, name: str) -> None:
    """Store a decision on the record the button stood under, unless the pair was judged meanwhile."""
    workspace = get_workspace()
    with workspace.store.read() as conn:
        known = judgements.read_state(conn, project_id, anchor_ids=[anchor_id])
    if any(item.document_id == document_id for item in known):
        st.session_state[NOTICE] = "That record was judged meanwhile, so the button changed nothing. The next one is shown."
        return
    event = {"client_id": uuid.uuid4().hex, "anchor_id": anchor_id, "document_id": document_id, "decided_at": time.time()} | DECISIONS[name]
    refused = apply_events(workspace, project_id, author, [event]).refused
    if refused:
        st.session_state[NOTICE] = " ".join(refused.values())
    else:
        st.session_state[LAST] = (project_id, event["client_id"])


def undo(project_id: str, author: str, client_id: str) -> None:
    """Take back the decision the button was made for."""
    refused = apply_events(get_workspace(), project_id, author, [{"client_id": uuid.uuid4().hex, "undoes": client_id}]).refused
    if refused:
        st.session_state[NOTICE] = " ".join(refused.values())
    st.session_state.pop(LAST, None)


page = open_page("Hard negatives", ":material/rule:", caption="Does the candidate answer the question? Decide with one key; the next record comes at once.")
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
    with st.expander("Judge with buttons", icon=":material/touch_app:"):
        draw_buttons(page, handed.records[0])
    if run is None or run.status.is_over:
        with st.expander("Look for more candidates", icon=":material/manage_search:"):
            st.caption("Worth it after many new answers were labelled. The queue is made anew; what is judged stays judged.")
            draw_start(page, "Look for more")
draw_stopping(page)
