"""Where the figures come from: the judgements, the settings, the versions, and the scores of every anchor to take away."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.report import build_report
from core.evaluation.report_html import render_html
from core.geometry.story import add_to_report
from core.store import artefacts
from pages._ui.outcome import Measured
from pages._ui.page import Page


def draw_origin(page: Page, measured: Measured) -> None:
    """What a comparison was measured on and how, in a table; scores as a file."""
    facts: Mapping[str, Any] = measured.found.test.get("facts", {})
    run = measured.found.run
    rows = {
        "Run": run.id,
        "Measured": datetime.fromtimestamp(run.finished_at or run.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Anchors": f"{facts.get('anchors', '—')} of the {facts.get('part', 'test')} part in {facts.get('groups', '—')} unrelated groups",
        "Documents": facts.get("documents", "—"),
        "Judgements": f"{facts.get('grades', '—')} on these anchors; snapshot {str(facts.get('snapshot_id', '—'))[:12]}",
        "Last judgement known": facts.get("last_seq", "—"),
        "Revisions": f"corpus {facts.get('corpus_revision', '—')}, anchors {facts.get('anchor_revision', '—')}",
        "Opening of the held-out part": facts.get("opening", "—"),
        "Base model": facts.get("base_model", "—"),
        **{f"Evaluation of {item['title']}": f"{item['evaluation_id']}, model {item['model_id'][:16]}" for item in measured.found.test["systems"]},
        **{f"Method: {name}": value for name, value in facts.get("method", {}).items()},
        **{f"Setting: {name}": value for name, value in facts.get("settings", {}).items()},
        **{f"Version of {name}": value for name, value in facts.get("versions", {}).items()},
    }
    table = pd.DataFrame({"What": list(rows), "Value": [_say(value) for value in rows.values()]})
    config = {"What": st.column_config.TextColumn(width=200)}
    st.dataframe(table, hide_index=True, column_config=config, height="content", alt="What the figures were measured on and how")
    st.caption(f"The same on the command line: pairsmith compare {page.project_id} --run {run.id}")
    with st.container(horizontal=True):
        _offer_files(page, measured)


def _offer_files(page: Page, measured: Measured) -> None:
    found = measured.found

    def make_report() -> str:
        report = build_report(page.workspace, page.project_id, run_id=found.run.id, system=found.system, now=time.time())
        return render_html(add_to_report(page.workspace, page.project_id, report))

    st.download_button(
        "Report (HTML)",
        make_report,
        f"{page.project_id}-{found.run.id}.html",
        "text/html",
        icon=":material/description:",
        type="primary",
        on_click="ignore",
        key="take-report",
        help="One file that opens without a network: verdict, rule, figures, every anchor, slices, settings and versions. It holds texts of the corpus.",
    )
    st.download_button(
        "Scores of every anchor (CSV)",
        lambda: render_scores(page, measured),
        f"{page.project_id}-{found.run.id}-scores.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="take-scores",
    )


def _say(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def render_scores(page: Page, measured: Measured) -> bytes:
    """Every measure of every system for every anchor, a row each."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["system", "measure", "anchor_id", "value"])
    with page.workspace.store.read() as conn:
        for item in measured.found.test["systems"]:
            for measure in (name for name in item if "@" in name):
                scores = artefacts.read_scores(conn, item["evaluation_id"], measure)
                writer.writerows((item["system"], measure, "'" + key if key[:1] in "=+-@" else key, f"{value:.6f}") for key, value in sorted(scores.items()))
    return out.getvalue().encode()
