"""What is live in the vector database, its versions, the way back, and a search that asks it beside the exact ranking."""

from __future__ import annotations

import time
from dataclasses import dataclass
from textwrap import shorten

import pandas as pd
import streamlit as st

from core.model import ModelRecord, PairsmithError, Snapshot
from core.release.live import Live, drop_version, look_at_live, roll_back, search_live
from core.release.store import COMPLETE, Version
from core.release.stores import opened
from core.release.target import Target
from core.retrieval.search import Hit, search_model
from core.roles import require_lead
from core.store import artefacts
from core.workspace import Workspace
from pages._ui.page import Page
from pages._ui.runs import format_seconds
from pages._ui.sign_in import is_lead_here
from pages._ui.text import escape_label, show_text

SHORT = 12
STATES = {COMPLETE: "Finished", "building": "Unfinished", "unknown": "Not to be trusted"}
NOTICE = "release-notice"
FRESH_S = 60
SHOWN, CHARS = 5, 300
ALIKE = 1e-4
"""Scores nearer than this are one: documents of one score may stand in either order."""


@dataclass(frozen=True)
class Look:
    """What was found in the database, or why nothing could be."""

    live: Live | None
    error: str = ""


@st.cache_data(max_entries=8, ttl=FRESH_S, show_spinner="Asking the database …")
def look(_workspace: Workspace, project_id: str, target: Target, turn: str) -> Look:
    """What is live and every version; asked again after a minute, and when `turn` changes because something was done."""
    try:
        with opened(target, _workspace.settings) as store:
            return Look(look_at_live(store))
    except PairsmithError as error:
        return Look(None, str(error))


def act(page: Page, what: str, target: Target, version: str | None) -> None:
    """Roll back to a version, or drop one, and keep the words for the next drawing."""
    try:
        require_lead(page.workspace.settings, page.author, "change what is live")
        with opened(target, page.workspace.settings) as store:
            if what == "drop":
                drop_version(store, version or "")
                words = f"{version} was dropped."
            else:
                before, after = roll_back(store, version)
                words = f"{after} is live again. Before it was {before or 'nothing'}."
        st.session_state[NOTICE] = (True, words)
    except PairsmithError as error:
        st.session_state[NOTICE] = (False, str(error))
    look.clear()


def show_notice() -> None:
    """What the last button did, once."""
    if NOTICE in st.session_state:
        done, words = st.session_state.pop(NOTICE)
        (st.success if done else st.error)(escape_label(words), icon=":material/check_circle:" if done else ":material/error:")


def draw_live(page: Page, live: Live) -> None:
    """The live version in figures, and what is wrong with it."""
    manifest = live.manifest
    with page.workspace.store.read() as conn:
        snapshots = {snapshot.id: snapshot for snapshot in artefacts.list_snapshots(conn, page.project_id)}
    with st.container(border=True):
        if live.fault:
            st.error(escape_label(live.fault), icon=":material/error:")
        if manifest is None:
            if not live.fault:
                st.caption(f"Nothing is live under {escape_label(live.alias)} yet. Choose a model below and start.")
            return
        with st.container(horizontal=True):
            st.metric("Alias", live.alias, help="The name that applications ask by. It leads to one version at a time.")
            st.metric("Documents", f"{manifest.count:,}")
            st.metric("Age", format_seconds(max(0.0, time.time() - manifest.created_at)))
        st.text(f"Model: {manifest.model}")
        st.caption(f"Fingerprint {manifest.short} · {_say_snapshot(snapshots.get(manifest.snapshot), manifest.snapshot)} · {manifest.dimension} dimensions")
        st.text(manifest.verdict or "No verdict on held-out anchors was there when it was released.")
        if manifest.figures:
            with st.expander("Verified before it went live"):
                st.text(manifest.figures.replace("; ", "\n"))


def _say_snapshot(snapshot: Snapshot | None, snapshot_id: str) -> str:
    if not snapshot_id:
        return "not trained on judgements"
    return f"snapshot {snapshot_id[:SHORT]}" + (f" of {snapshot.counts.get('anchors', 0):,} anchors" if snapshot else "")


def draw_versions(page: Page, target: Target, live: Live) -> None:
    """Every version with age and size, and the two things that can be done with old ones."""
    rows = [
        {
            "Model": version.manifest.model if version.manifest else "—",
            "State": "Live" if version.is_live else STATES[version.state],
            "Age": _say_age(version),
            "Size, MB": None if version.bytes is None else round(version.bytes / 1e6, 1),
            "Documents": version.count,
            "Version": version.name,
        }
        for version in live.versions
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Versions of the index, newest first", placeholder="—")
    lead = is_lead_here(page.author)
    others = [version.name for version in live.versions if not version.is_live]
    finished = [version.name for version in live.versions if version.state == COMPLETE and not version.is_live]
    names = {version.name: f"{_say_age(version)} old · {version.manifest.model}" if version.manifest else version.name for version in live.versions}
    back, drop = st.columns(2)
    with back.container(border=True, height="stretch"):
        st.markdown("**Go back**")
        start = finished.index(live.rollback_to) if live.rollback_to in finished else 0
        if finished:
            to = st.selectbox("Version to serve", finished, index=start, format_func=names.__getitem__, key=f"back-{live.name}")
            st.button("Roll back", icon=":material/undo:", disabled=not lead, on_click=act, args=(page, "back", target, to), key="roll_back")
        else:
            st.caption("There is no other finished version. The one before is kept at every re-index.")
    with drop.container(border=True, height="stretch"):
        st.markdown("**Drop an old version**")
        if others:
            gone = st.selectbox("Version to delete", others, index=len(others) - 1, format_func=names.__getitem__, key=f"drop-{live.name}")
            sure = st.checkbox(f"Delete {gone} for good", key=f"sure-{gone}")
            st.button("Drop", icon=":material/delete:", disabled=not (lead and sure), on_click=act, args=(page, "drop", target, gone), key="drop")
        else:
            st.caption("What is live cannot be dropped, and there is nothing else.")


def _say_age(version: Version) -> str:
    return format_seconds(max(0.0, time.time() - version.manifest.created_at)) if version.manifest else "—"


def draw_search(page: Page, target: Target) -> None:
    """One question asked of the live index and of the exact ranking offline, side by side."""
    query = st.text_input("Question", key="release_query", placeholder="Ask as an application would", icon=":material/search:")
    if not query.strip():
        return
    try:
        with st.spinner("Searching …"), opened(target, page.workspace.settings) as store:
            record, hits = search_live(page.workspace, page.project_id, store, query, SHOWN)
        offline = search_model(page.workspace, page.project_id, record, query, k=SHOWN)
    except PairsmithError as error:
        st.warning(escape_label(str(error)), icon=":material/warning:")
        return
    _draw_beside(record, hits, list(offline.hits), offline.note)


def _draw_beside(record: ModelRecord, hits: list[Hit], offline: list[Hit], note: str) -> None:
    alike = len(hits) == len(offline) and all(abs(here.score - there.score) < ALIKE for here, there in zip(hits, offline, strict=True))
    words = "Both rank alike." if alike else "They differ: the corpus changed since, or the database searches approximately."
    st.caption(f"{escape_label(record.name)}. {escape_label(note) if note else words}")
    for column, title, found in zip(st.columns(2), ("Live index", "Offline, exact"), (hits, offline), strict=True):
        with column:
            st.markdown(f"**{title}**")
            for hit in found:
                with st.container(border=True):
                    st.text(f"{hit.rank}. {hit.document.id} · {hit.score:.3f}")
                    show_text(shorten(hit.document.content, CHARS, placeholder=" …"))
