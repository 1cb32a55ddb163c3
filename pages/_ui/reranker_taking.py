"""Taking a cross-encoder into the project on the models page: a folder at once, one of the hub by a run, so that no page waits for a download."""

from __future__ import annotations

import streamlit as st

from core.jobs.engine import LocalEngine
from core.model import PairsmithError, RunKind, RunStatus
from core.retrieval.models import is_hub_id
from core.retrieval.rerankers import SUGGESTED_HUB_ID, take_reranker
from pages._ui.page import Page
from pages._ui.runs import latest_run, watch_run
from pages._ui.text import escape_label


def draw_taking(page: Page) -> None:
    """Where a cross-encoder is named, and how far the newest fetch is."""
    st.markdown("**Take one in**")
    st.caption("It is then listed here, offered as a beginning, and found by its name wherever a reranker is asked for. One of the hub is fetched first.")
    run = latest_run(page, RunKind.TAKE)
    is_going = run is not None and not run.status.is_over
    st.text_input("Folder or hub id", key="reranker_reference", placeholder=SUGGESTED_HUB_ID)
    st.button(
        "Take in",
        key="reranker_take",
        icon=":material/add:",
        disabled=is_going,
        help="Another can be taken in when this one is here." if is_going else None,
        on_click=_take,
        args=(page,),
    )
    if run is None:
        return
    st.caption(escape_label(f"Newest fetch from the hub: {run.config['reference']}"))
    watch_run(page, run)
    if run.status == RunStatus.SUCCEEDED:
        st.success(escape_label(f"{(run.result or {})['model_name']} is here."), icon=":material/check:")


def _take(page: Page) -> None:
    reference = st.session_state["reranker_reference"].strip()
    try:
        if not reference:
            raise PairsmithError(f"Name the folder or the hub id of a cross-encoder, such as {SUGGESTED_HUB_ID}.")
        if is_hub_id(reference):
            LocalEngine(page.workspace).enqueue_alone(page.project_id, RunKind.TAKE, {"reference": reference})
        else:
            take_reranker(page.workspace, page.project_id, reference)
    except PairsmithError as error:
        st.session_state["reranker_refused"] = str(error)
    else:
        st.session_state["reranker_reference"] = ""
