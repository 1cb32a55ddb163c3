"""The newest measurement of a tuned model: found in the store, with what weakens it and the way to a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.model import Evaluation, ModelRecord, Part, Run, RunKind, RunStatus
from core.store import artefacts, judgements, runs
from pages._ui.page import Page
from pages._ui.runs import start_run, watch_run


@dataclass(frozen=True)
class Measured:
    """A comparison that a finished run left: its figures, and the tuned model's evaluation behind them."""

    run: Run
    test: Mapping[str, Any]
    evaluation: Evaluation
    stale: bool
    """Whether an answer or a hard negative of a held-out anchor has changed since."""
    openings: artefacts.Openings
    """How often the test part was opened, for this and every other tuned model of the project."""

    @property
    def ids(self) -> tuple[str, str]:
        """The evaluations of base and tuned."""
        return self.test["base"]["evaluation_id"], self.test["tuned"]["evaluation_id"]


def find_measured(page: Page, model_id: str) -> Measured | None:
    """The newest comparison of the model with the base on the test part, or None where no finished run holds one."""
    with page.workspace.store.read() as conn:
        for evaluation in artefacts.list_evaluations(conn, page.project_id, part="test"):
            if evaluation.model_id != model_id or evaluation.run_id is None:
                continue
            run = runs.get_run(conn, evaluation.run_id)
            test = (run.result or {}).get("test") if run.status == RunStatus.SUCCEEDED else None
            if test and test["tuned"]["model_id"] == model_id:
                stale = judgements.count_changes(conn, page.project_id, Part.TEST, evaluation.last_seq) > 0
                return Measured(run, test, evaluation, stale, artefacts.count_test_openings(conn, page.project_id))
    return None


def offer_measuring(page: Page, model: ModelRecord, measured: Measured | None) -> None:
    """Say what weakens the verdict, watch a measurement under way, and offer a new one where it is due."""
    with page.workspace.store.read() as conn:
        started = runs.list_runs(conn, page.project_id, kind=RunKind.EVALUATE, limit=20)
    own = next((run for run in started if model.id in run.config.get("systems", ())), None)
    if own and (not own.status.is_over or (own.status != RunStatus.SUCCEEDED and (measured is None or own.created_at > measured.run.created_at))):
        watch_run(page, own)
        if not own.status.is_over:
            return
    if measured is None:
        st.info("This model has not been measured on the held-out anchors yet. Measuring takes about a minute.", icon=":material/info:")
    elif measured.stale:
        st.warning("Judgements of held-out anchors have changed since this was measured, so the verdict may no longer hold.", icon=":material/update:")
    if measured is not None:
        _say_openings(measured.openings)
    if (measured is None or measured.stale) and st.button("Measure" if measured is None else "Measure again", type="primary", icon=":material/speed:"):
        start_run(page, RunKind.EVALUATE, {"systems": ["base", model.id], "part": "test"})
        st.rerun()


def _say_openings(openings: artefacts.Openings) -> None:
    """What many looks at the same held-out anchors do to a figure; nothing after the first look."""
    if openings.models > 1:
        st.caption(
            f":material/visibility: {openings.models} tuned models were measured on these held-out anchors, {openings.looks} looks in all. The best of several "
            "looks better than it is, as part of its lead is luck: label new anchors before you release one that was picked this way."
        )
    elif openings.looks > 1:
        st.caption(
            f":material/visibility: The held-out part was opened {openings.looks} times. Every further look makes a good figure by luck more likely, "
            "so decide on the first."
        )
