"""Paraphrases on the label page: groups that are proposed, accepted or refused by one click, and the group of the chosen question taken apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.curation.groups import GroupChange, dissolve_group, leave_group, make_group
from core.curation.paraphrases import Proposals, propose_groups, read_refused, refuse_proposal
from core.model import Anchor, ModelRecord, PairsmithError, RunKind, hash_text
from core.store.anchor_groups import read_members
from core.workspace import Workspace
from pages._ui.corpus_search import find_base
from pages._ui.marks import NOTICE
from pages._ui.page import Page, get_workspace
from pages._ui.runs import latest_run, start_run

SHOWN = 3
MOST_COMPARED = 5_000
"""Above so many questions the comparison takes seconds, so it waits for a click."""


@st.cache_data(max_entries=16, show_spinner=False)
def _compare(_workspace: Workspace, _record: ModelRecord | None, project_id: str, state: str) -> Proposals:
    """The proposals as `state` (anchors, groups, refusals, embeddings) names them."""
    return propose_groups(_workspace, project_id, _record)


def draw_proposals(page: Page, anchors: int) -> None:
    """Questions that read alike and wait for a word: the same question?"""
    if anchors < 2 or page.project is None:
        return
    asked_key = f"compare-asked-{page.project_id}"
    if anchors > MOST_COMPARED and not st.session_state.get(asked_key):
        help_text = f"Compares all {anchors:,} with each other, which takes some seconds."
        st.button("Find questions that read alike", key="compare-anchors", help=help_text, on_click=st.session_state.__setitem__, args=(asked_key, True))
        return
    record = find_base(page)
    run = latest_run(page, RunKind.EMBED)
    refused = len(read_refused(page.project.options))
    state = [anchors, page.project.anchor_revision, refused, record.id if record else "", run.id + run.status if run else ""]
    found = _compare(page.workspace, record, page.project_id, repr(state))
    if found.missing:
        _compare.clear(page.workspace, record, page.project_id, repr(state))
    if not found.proposals and not found.missing:
        return
    n = len(found.proposals)
    title = f"Questions that read alike: {n:,}" if n else "Questions that read alike"
    with st.expander(title, icon=":material/join:", expanded=False):
        if found.missing:
            st.caption(f"{found.missing:,} of {anchors:,} questions are not embedded yet, so only their text was compared.")
            if run is None or run.status.is_over:
                st.button("Embed them", key="embed-anchors", icon=":material/memory:", on_click=start_run, args=(page, RunKind.EMBED))
            else:
                st.caption("They are being embedded now; this list grows when that is done.")
        for proposal in found.proposals[:SHOWN]:
            _draw_proposal(page, proposal.anchors)
        if n > SHOWN:
            st.caption(f"{n - SHOWN:,} more come when these are decided.")


def _draw_proposal(page: Page, anchors: Sequence[Anchor]) -> None:
    ids = [anchor.id for anchor in anchors]
    key = hash_text("\0".join(ids))[:16]
    with st.container(border=True):
        st.caption(f"These {len(ids)} questions read alike: same question?")
        for anchor in anchors:
            st.text(f"• {anchor.text}")
        with st.container(horizontal=True):
            words = "One question: answers marked for one count for all, and all stay on one side of the split."
            st.button("Same question", key=f"accept-{key}", icon=":material/join:", help=words, on_click=_accept, args=(page.project_id, page.author, ids))
            st.button("Different", key=f"refuse-{key}", help="They are not proposed again.", on_click=_refuse, args=(page.project_id, ids))


def draw_group(page: Page, anchor: Anchor) -> None:
    """The wordings of the chosen question, with the ways to take them apart."""
    with page.workspace.store.read() as conn:
        members = read_members(conn, page.project_id, anchor.id)
    if len(members) < 2:
        return
    with st.expander(f"Asked in {len(members)} ways", icon=":material/join:"):
        st.caption("A mark counts for all of them. Taking one out, or all apart, takes back the answers that came from the others.")
        for member in members:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(member.text)
                key = f"leave-{member.id}"
                st.button("Take out", key=key, type="tertiary", icon=":material/call_split:", on_click=_leave, args=(page.project_id, page.author, member.id))
        st.button("Take all apart", key=f"dissolve-{anchor.id}", on_click=_dissolve, args=(page.project_id, page.author, anchor.id))


def _accept(project_id: str, author: str, ids: Sequence[str]) -> None:
    _tell(lambda: make_group(get_workspace(), project_id, ids, author=author))


def _leave(project_id: str, author: str, anchor_id: str) -> None:
    _tell(lambda: leave_group(get_workspace(), project_id, [anchor_id], author=author))


def _dissolve(project_id: str, author: str, anchor_id: str) -> None:
    _tell(lambda: dissolve_group(get_workspace(), project_id, anchor_id, author=author))


def _refuse(project_id: str, ids: Sequence[str]) -> None:
    try:
        refuse_proposal(get_workspace(), project_id, ids)
        st.session_state[NOTICE] = "Remembered: these are different questions."
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)


def _tell(change: Callable[[], GroupChange]) -> None:
    try:
        st.session_state[NOTICE] = describe_change(change())
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)


def describe_change(change: GroupChange) -> str:
    """What became of a group, with the marks it carried over or took back, by their pairs."""
    words = [f"{len(change.members)} questions count as one now." if change.members else "The questions stand for themselves again."]
    for events, what in ((change.carried, "carried over"), (change.undone, "taken back")):
        if events:
            words.append(
                f"{len(events):,} marks {what}: "
                + ", ".join(f"{item.anchor_id} – {item.document_id}" for item in events[:20])
                + ("." if len(events) <= 20 else " …")
            )
    if change.disputed:
        words.append(f"They disagree on {', '.join(change.disputed[:20])}: nothing was carried there. Open each and decide.")
    return "\n".join(words)
