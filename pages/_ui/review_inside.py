"""From the map to the review queue: one click puts what may be a hard negative among some documents at the queue's head, and opens the page on it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.curation.fan_out import Twins
from core.curation.inside import propose_inside
from core.curation.review_queue import LEASE_S
from core.curation.twins import read_twins
from core.model import PairsmithError
from pages._ui.page import Page
from pages._ui.text import escape_label

NOTICE = "negatives-page-notice"
"""Where the hard-negatives page finds what it is to say once."""
HELP = (
    "For each training question that is answered by one of these documents, the others of them that lie nearest to it are put next in your queue. "
    "What answers a held-out question is never among them."
)


def offer_review(page: Page, document_ids: Sequence[str], model_id: str | None, *, key: str, primary: bool = False) -> None:
    """The button that reviews what lies among `document_ids`; where there is nothing to review it says why."""
    kind = "primary" if primary else "secondary"
    if not st.button("Review what is in here", key=key, icon=":material/rule:", type=kind, help=HELP):
        return
    try:
        with st.spinner("Looking for hard negatives in here"):
            twins = Twins(read_twins(page.workspace, page.project_id))
            found = propose_inside(page.workspace, page.project_id, page.author, document_ids, twins, lease_s=LEASE_S, model_id=model_id)
    except PairsmithError as error:
        st.warning(escape_label(str(error)), icon=":material/info:")
        return
    if not found.pairs:
        st.info(escape_label(found.told), icon=":material/task_alt:")
        return
    st.session_state[NOTICE] = found.told
    st.switch_page("negatives.py")
