"""Holes: what the systems find first and nobody judged, and the way to have it judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.evaluation.again import judge_holes
from core.evaluation.found import find_comparison
from core.evaluation.holes import POOL, count_waiting, find_holes
from core.store import judgements
from core.workspace import Workspace
from pages._ui.outcome import Measured
from pages._ui.page import Page, get_workspace


def draw_holes(page: Page, measured: Measured) -> None:
    """How many holes there are and wait, with the button that puts them into the review queue."""
    with page.workspace.store.read() as conn:
        last_seq = judgements.last_seq(conn, page.project_id)
    open_pairs, pooled = _count_holes(page.workspace, page.project_id, measured.found.run.id, last_seq, measured.found.test)
    waiting = count_waiting(page.workspace, page.project_id)
    if not pooled:
        return
    if not open_pairs:
        st.caption(f":material/task_alt: Everything among the first {POOL} of every system was judged: {pooled:,} pairs.")
        return
    with st.container(border=True):
        st.markdown(f"**{open_pairs:,} of {pooled:,} documents among the first {POOL} were judged by nobody**")
        st.caption(
            "They count as wrong, which favours the system whose lists were judged. Reviewing them is blind: mixed, without saying which system found them. "
            "Once all are judged the same systems are measured again by themselves, which opens the held-out part once more."
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if waiting < open_pairs:
                args = (page.project_id, measured.found.run.id, page.author)
                st.button("Judge the holes", key="judge-holes", icon=":material/rule:", on_click=start_judging, args=args)
            if waiting:
                st.page_link("negatives.py", label=f"{waiting:,} wait in the review queue", icon=":material/arrow_forward:")


@st.cache_data(max_entries=20, show_spinner=False)
def _count_holes(_workspace: Workspace, project_id: str, run_id: str, last_seq: int, _test: Mapping[str, Any]) -> tuple[int, int]:
    """How many holes there are and how many pairs were pooled, kept until the next judgement."""
    holes = find_holes(_workspace, project_id, _test)
    return len(holes.pairs), holes.pooled


def start_judging(project_id: str, run_id: str, author: str) -> None:
    """Put the holes of a run's comparison at the head of the queue, and have it measured again when they are judged."""
    workspace = get_workspace()
    judge_holes(workspace, project_id, find_comparison(workspace, project_id, run_id=run_id).test, author)
