"""A running job on the screen: one indexed read a second, found again after a reload, gone quiet when it is over."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.jobs.engine import LocalEngine, has_worker
from core.jobs.run_log import read_log
from core.model import Run, RunKind, RunStatus
from core.store import runs
from pages._ui.page import Page
from pages._ui.text import escape_label

WORDS = {
    RunStatus.QUEUED: "Waiting for the worker",
    RunStatus.RUNNING: "Running",
    RunStatus.SUCCEEDED: "Finished",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
    RunStatus.LOST: "Lost",
}


def latest_run(page: Page, kind: RunKind) -> Run | None:
    """The newest run of a kind."""
    with page.workspace.store.read() as conn:
        found = runs.list_runs(conn, page.project_id, kind=kind, limit=1)
    return found[0] if found else None


def start_run(page: Page, kind: RunKind, config: dict[str, object] | None = None) -> str:
    """Queue a run for the open project."""
    return start_run_in(page, page.project_id, kind, config)


def start_run_in(page: Page, project_id: str, kind: RunKind, config: dict[str, object] | None = None) -> str:
    """Queue a run for a project that need not be open yet."""
    return LocalEngine(page.workspace).enqueue(project_id, kind, config or {})


def watch_run(page: Page, run: Run, draw: Callable[[Run], None] | None = None) -> None:
    """Draw a run: progress with time left and a cancel button while it goes on, its error and log when it failed.

    `draw` is called with the fresh run on every beat, for what only this kind of run shows. The page is drawn anew once the run is over.
    """
    if run.status.is_over:
        _draw_over(page, run)
        if draw:
            draw(run)
        return

    @st.fragment(run_every="1s")
    def beat() -> None:
        with page.workspace.store.read() as conn:
            fresh = runs.get_run(conn, run.id)
        if fresh.status.is_over:
            st.rerun()
        _draw_active(page, fresh)
        if draw:
            draw(fresh)

    beat()


def format_seconds(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _draw_active(page: Page, run: Run) -> None:
    progress = run.progress
    words = progress.message or WORDS[run.status]
    left = f" · about {format_seconds(progress.left_s)} left" if progress.left_s is not None else ""
    counted = f" · {progress.step:,} of {progress.total:,}" if progress.total else ""
    st.progress(progress.fraction, text=f"{words}{counted}{left}")
    if run.status == RunStatus.QUEUED and not has_worker(page.workspace):
        st.warning("No worker is running, so this run waits. Start one with `pairsmith worker`.", icon=":material/warning:")
    if run.cancel_requested:
        st.caption("Stopping at the next step …")
    elif st.button("Cancel", key=f"cancel-{run.id}", icon=":material/stop_circle:"):
        LocalEngine(page.workspace).request_cancel(run.id)


def _draw_over(page: Page, run: Run) -> None:
    if run.status in (RunStatus.FAILED, RunStatus.LOST):
        st.error(escape_label(run.error or "The run failed without a word."), icon=":material/error:")
        if text := read_log(page.workspace, run.id):
            with st.expander("Log"):
                st.code(text, language=None)
    elif run.status == RunStatus.CANCELLED:
        st.info("The run was cancelled before it was done. Your judgements are as they were.", icon=":material/info:")
