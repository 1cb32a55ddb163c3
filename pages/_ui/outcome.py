"""A comparison on the screen: found in the store, with what weakens it and the way to a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.evaluation.again import repeat_settings
from core.evaluation.found import Found, find_comparison
from core.evaluation.options import RERANK, EvaluateOptions
from core.model import ModelRecord, NotFound, RunKind, RunStatus
from core.store import artefacts, runs
from pages._ui.page import Page
from pages._ui.runs import start_run, watch_run
from pages._ui.verdict_rule import say_stale


@dataclass(frozen=True)
class Measured:
    """A comparison that a finished run left, and how often the test part was opened by now."""

    found: Found
    openings: artefacts.Openings
    """How often the test part was opened, for this and every other tuned model of the project."""

    @property
    def view(self) -> Mapping[str, Any]:
        """The comparison seen from the chosen system, under the names `base` and `tuned`."""
        return {**self.found.test, "base": self.found.reference, "tuned": self.found.figures, **self.found.comparison}

    @property
    def titles(self) -> tuple[str, str]:
        """How the two systems are headed."""
        return self.found.reference["title"], self.found.figures["title"]


def find_measured(page: Page, model_id: str, *, system: str | None = None, run_id: str | None = None) -> Measured | None:
    """The newest comparison that the model was measured in, or that of the run; seen from `system` where it has it. None where there is none."""
    try:
        found = find_comparison(page.workspace, page.project_id, model_id=model_id, run_id=run_id)
    except NotFound:
        return None
    names = {item["system"] for item in found.test["comparisons"]}
    own = next((item["system"] for item in found.test["systems"] if item["model_id"] == model_id and item["system"] in names), found.system)
    with page.workspace.store.read() as conn:
        openings = artefacts.count_test_openings(conn, page.project_id)
    return Measured(Found(found.run, found.test, system if system in names else own, found.stale), openings)


def offer_measuring(page: Page, model: ModelRecord, measured: Measured | None) -> None:
    """Say what weakens the verdict, watch a measurement under way, and offer a new one where it is due."""
    with page.workspace.store.read() as conn:
        started = runs.list_runs(conn, page.project_id, kind=RunKind.EVALUATE, limit=20)
    own = next((run for run in started if any(name.removesuffix(RERANK) == model.id for name in run.config.get("systems", ()))), None)
    created_at = measured.found.run.created_at if measured else 0.0
    if own and (not own.status.is_over or (own.status != RunStatus.SUCCEEDED and own.created_at > created_at)):
        watch_run(page, own)
        if not own.status.is_over:
            return
    if measured is None:
        st.info("This model has not been measured on the held-out anchors yet. Measuring takes about a minute.", icon=":material/info:")
    else:
        say_stale(measured.found.stale, "The verdict may no longer hold.")
        _say_openings(measured.openings)
    if (measured is None or measured.found.stale) and st.button(
        "Measure" if measured is None else "Measure again", type="primary", icon=":material/speed:", help="The same systems on the judgements as they are now."
    ):
        again = repeat_settings(measured.found.test) if measured else EvaluateOptions(["base", model.id]).to_json()
        start_run(page, RunKind.EVALUATE, again)
        st.rerun()


def _say_openings(openings: artefacts.Openings) -> None:
    """What many looks at the same held-out anchors do to a figure; nothing after the first look."""
    if openings.models > 1:
        st.caption(
            f":material/visibility: {openings.models} tuned models were measured on these held-out anchors, in {openings.looks} "
            f"{'look' if openings.looks == 1 else 'looks'}. The best of several "
            "looks better than it is, as part of its lead is luck: label new anchors before you release one that was picked this way."
        )
    elif openings.looks > 1:
        st.caption(
            f":material/visibility: The held-out part was opened {openings.looks} times. Every further look makes a good figure by luck more likely, "
            "so decide on the first."
        )
