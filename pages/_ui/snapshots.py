"""The snapshots of a project: taking one, comparing two, taking its file away, making it again."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.curation.snapshot import is_whole, read_snapshot, rebuild_snapshot, snapshot_path, take_snapshot
from core.curation.snapshot_diff import AnchorChange, SnapshotDiff, diff_snapshots
from core.model import PairsmithError, Snapshot
from core.store import artefacts, projects
from core.workspace import Workspace
from pages._ui.page import Page
from pages._ui.past_event import DATE, GRADES, to_time
from pages._ui.text import escape_label

SHORT = 12
MOST = 500
"""Rows of a table of changes; the command line gives them all."""
NOTICE = "snapshot-notice"


def draw_snapshots(page: Page) -> None:
    """The list with who uses each, and what can be done with one or two of them."""
    with page.workspace.store.read() as conn:
        taken = artefacts.list_snapshots(conn, page.project_id)
        models = artefacts.list_models(conn, page.project_id)
        answered = projects.count_contents(conn, page.project_id)["labelled_anchors"]
    if st.session_state.get(NOTICE):
        st.info(escape_label(st.session_state.pop(NOTICE)), icon=":material/info:")
    kind = "secondary" if taken else "primary"
    st.button("Take a snapshot now", icon=":material/photo_camera:", type=kind, disabled=not answered, on_click=_take, args=(page,))
    if not taken:
        st.caption("None yet. A snapshot fixes the judgements and the texts they are about; each tuning run takes one by itself.")
        return
    rows = [
        {
            "Snapshot": item.id[:SHORT],
            "Taken": to_time(item.created_at),
            "Anchors": item.counts.get("anchors", 0),
            "Answers": item.counts.get("positives", 0),
            "Hard negatives": item.counts.get("hard_negatives", 0),
            "Models trained on it": ", ".join(model.name for model in models if model.snapshot_id == item.id) or "—",
        }
        for item in taken
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config={"Taken": DATE}, alt="Snapshots, newest first")
    _draw_file(page, taken)
    if len(taken) > 1:
        _draw_compare(page, taken)


def _name(item: Snapshot) -> str:
    return f"{item.id[:SHORT]} · {to_time(item.created_at):%Y-%m-%d %H:%M}"


def _draw_file(page: Page, taken: Sequence[Snapshot]) -> None:
    st.subheader("Its file", anchor=False)
    names = {item.id: _name(item) for item in taken}
    chosen = st.selectbox("Snapshot", list(names), format_func=names.__getitem__, key="snapshot")
    workspace, project_id, whole = page.workspace, page.project_id, _is_whole(page.workspace, chosen, _read_stamp(page.workspace, chosen))
    st.caption("JSON Lines: each document, then each anchor with its answers and hard negatives." if whole else "The file is missing or was changed on disk.")
    with st.container(horizontal=True):
        path = snapshot_path(workspace, chosen)
        st.download_button(
            "Download",
            path.read_bytes,
            f"{chosen[:SHORT]}.jsonl",
            "application/jsonl",
            disabled=not whole,
            icon=":material/download:",
            on_click="ignore",
        )
        st.button(
            "Make it again",
            icon=":material/build:",
            on_click=_rebuild,
            args=(page, project_id, chosen),
            help="From the log and the texts as they were, byte for byte.",
        )


def _draw_compare(page: Page, taken: Sequence[Snapshot]) -> None:
    st.subheader("Compare two", anchor=False)
    names = {item.id: _name(item) for item in taken}
    left, right = st.columns(2)
    first = left.selectbox("From", list(names), index=1, format_func=names.__getitem__, key="first", bind="query-params")
    second = right.selectbox("To", list(names), index=0, format_func=names.__getitem__, key="second", bind="query-params")
    try:
        diff = _diff(page.workspace, first, second, (_read_stamp(page.workspace, first), _read_stamp(page.workspace, second)))
    except PairsmithError as error:
        st.error(escape_label(str(error)), icon=":material/error:")
        return
    if diff.is_empty:
        st.success("Nothing differs.", icon=":material/check:")
        return
    st.text(" · ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in diff.count_changes().items() if count))
    _draw_table("Anchors", [_anchor_row(item) for item in diff.anchors])
    pairs = [{"Anchor": item.anchor_id, "Document": item.document_id, "Before": _word(item.before), "After": _word(item.after)} for item in diff.pairs]
    _draw_table("Judged pairs", pairs)
    _draw_table("Documents worded otherwise", [{"Document": item.document_id, "Before": item.before, "After": item.after} for item in diff.reworded])


def _read_stamp(workspace: Workspace, snapshot_id: str) -> tuple[int, int]:
    """Size in bytes and time of writing in ns of a snapshot's file, which change with it; zeros where it is missing."""
    try:
        found = snapshot_path(workspace, snapshot_id).stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


@st.cache_data(max_entries=20, show_spinner=False)
def _is_whole(_workspace: Workspace, snapshot_id: str, stamp: tuple[int, int]) -> bool:
    return is_whole(_workspace, snapshot_id)


@st.cache_resource(max_entries=5, show_spinner=False)
def _diff(_workspace: Workspace, first: str, second: str, stamps: tuple[tuple[int, int], ...]) -> SnapshotDiff:
    return diff_snapshots(read_snapshot(_workspace, first), read_snapshot(_workspace, second))


def _draw_table(name: str, rows: list[dict[str, object]]) -> None:
    if rows:
        cut = f" (the first {MOST:,} of {len(rows):,})" if len(rows) > MOST else ""
        st.caption(f"{name}{cut}")
        st.dataframe(pd.DataFrame(rows[:MOST]), hide_index=True, alt=f"{name}: what changed", placeholder="—")


def _anchor_row(item: AnchorChange) -> dict[str, object]:
    before, after = item.before, item.after
    what = "Added" if before is None else "Removed" if after is None else "Changed"
    row: dict[str, object] = {"Anchor": item.anchor_id, "Change": what, "Question before": before and before.text, "Question after": after and after.text}
    return row | {"Part before": before and before.part.value, "Part after": after and after.part.value}


def _word(grade: int | None) -> str:
    return "Not judged" if grade is None else f"Answer, {GRADES.get(grade, f'grade {grade}')}" if grade else "Hard negative"


def _take(page: Page) -> None:
    taken = take_snapshot(page.workspace, page.project_id)
    st.session_state[NOTICE] = f"Snapshot {taken.id[:SHORT]} stands. The same judgements always give the same one."


def _rebuild(page: Page, project_id: str, snapshot_id: str) -> None:
    try:
        rebuild_snapshot(page.workspace, project_id, snapshot_id)
        st.session_state[NOTICE] = f"The file of {snapshot_id[:SHORT]} was made again, byte for byte."
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)
