"""Models: every model, run and snapshot of the project, and taking a model or the judgements away."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from core.jobs.run_log import read_log
from core.model import ModelKind, ModelRecord, Run, RunKind, RunStatus, Snapshot
from core.store import artefacts, projects, runs
from pages._ui.model_downloads import draw_downloads
from pages._ui.page import open_page
from pages._ui.reranker_panel import draw_rerankers
from pages._ui.runs import WORDS, format_seconds

ROWS = 20
SHORT = 12
KINDS = {
    RunKind.MINE: "Find hard negatives",
    RunKind.TUNE: "Tune",
    RunKind.RERANKER: "Train cross-encoder",
    RunKind.TAKE: "Fetch cross-encoder",
    RunKind.EVALUATE: "Measure",
    RunKind.MAP: "Draw maps",
    RunKind.EMBED: "Prepare for search",
    RunKind.METER: "Value of judgements",
    RunKind.QUANTISE: "8-bit form",
    RunKind.REINDEX: "Re-index",
}
MODEL_KINDS = {
    ModelKind.BASE: "Base",
    ModelKind.TUNED: "Tuned",
    ModelKind.ADAPTER: "Query-side adapter",
    ModelKind.INT8: "In 8 bits",
    ModelKind.RERANKER: "Cross-encoder",
}
DATE = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", help="In UTC.")
FINGERPRINT = "The beginning of the hash over weights, tokenizer, prompts and longest text: the same fingerprint is the same model."
page = open_page(
    "Models", ":material/deployed_code:", caption="Every model with the judgements it was trained on, every run with its log, and what you can take away."
)


def to_time(seconds: float | None) -> datetime | None:
    """A moment as tables show it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def draw_models(models: list[ModelRecord]) -> None:
    """The models in a table, and one of them to take away."""
    names = {model.id: model.name for model in models}
    rows = [
        {
            "Name": model.name,
            "Kind": MODEL_KINDS[model.kind],
            "Fingerprint": model.id[:SHORT],
            "Tuned from": names.get(model.base_id or "", (model.base_id or "—")[:SHORT]),
            "Snapshot": (model.snapshot_id or "—")[:SHORT],
            "Run": model.run_id or "—",
            "Dimensions": model.dimension or None,
            "Created": to_time(model.created_at),
        }
        for model in models
    ]
    config = {
        "Created": DATE,
        "Fingerprint": st.column_config.TextColumn(help=FINGERPRINT),
        "Snapshot": st.column_config.TextColumn(help="The judgements it was trained on, named by the hash of their content. See the snapshots below."),
        "Dimensions": st.column_config.NumberColumn(help="Numbers in each vector: what a vector database must be set to. A cross-encoder has no vectors."),
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, alt="Models of the project, newest first")


def draw_runs(total: int) -> None:
    """A page of runs in a table, and the log of one."""
    pages = -(-total // ROWS)
    offset = (st.pagination(pages, key="run_page") - 1) * ROWS if pages > 1 else 0
    with page.workspace.store.read() as conn:
        shown = runs.list_runs(conn, page.project_id, offset=offset, limit=ROWS)
    rows = [
        {
            "Kind": KINDS[run.kind],
            "State": WORDS[run.status],
            "Started": to_time(run.started_at),
            "Took": format_seconds(run.finished_at - run.started_at) if run.finished_at and run.started_at else "—",
            "Error": run.error or "",
            "Run": run.id,
        }
        for run in shown
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"Started": DATE, "Error": st.column_config.TextColumn(width="large")},
        alt="Runs of the project, newest first",
        placeholder="—",
    )
    with st.expander("Log and settings of a run", icon=":material/receipt_long:"):
        labels = {run.id: f"{KINDS[run.kind]} · {WORDS[run.status]} · {run.id}" for run in shown}
        failed = next((place for place, run in enumerate(shown) if run.status in (RunStatus.FAILED, RunStatus.LOST)), 0)
        chosen = st.selectbox("Run", list(labels), index=failed, format_func=labels.__getitem__, key=f"run_to_read-{offset}")
        draw_log(next(run for run in shown if run.id == chosen))


def draw_log(run: Run) -> None:
    """What a run was told, and the end of its log."""
    if run.config:
        st.caption("Settings")
        st.json(dict(run.config), expanded=False)
    text = read_log(page.workspace, run.id)
    if text.strip():
        st.caption("Log")
        st.code(text, language=None)
    else:
        st.caption("This run wrote no log.")


def draw_snapshots(snapshots: list[Snapshot]) -> None:
    """The snapshots in a table."""
    rows = [
        {
            "Snapshot": snapshot.id[:SHORT],
            "Anchors": snapshot.counts.get("anchors", 0),
            "Answers": snapshot.counts.get("positives", 0),
            "Hard negatives": snapshot.counts.get("hard_negatives", 0),
            "Taken": to_time(snapshot.created_at),
        }
        for snapshot in snapshots
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="content", column_config={"Taken": DATE}, alt="Snapshots of the judgements, newest first")


with page.workspace.store.read() as conn:
    found_models = artefacts.list_models(conn, page.project_id)
    found_snapshots = artefacts.list_snapshots(conn, page.project_id)
    run_count = runs.count_runs(conn, page.project_id)
    answered_anchors = projects.count_contents(conn, page.project_id)["labelled_anchors"]
if found_models:
    draw_models(found_models)
else:
    st.info("No model is registered yet. The base model is, once documents are imported and prepared; a tuned one follows from a run.", icon=":material/info:")
draw_downloads(page, [model for model in found_models if model.kind.is_trained or model.kind in (ModelKind.INT8, ModelKind.RERANKER)], answered_anchors)
draw_rerankers(page)
st.subheader("Runs", anchor=False)
if run_count:
    draw_runs(run_count)
else:
    st.caption("Nothing has run yet.")
st.subheader(
    "Snapshots", anchor=False, help="The judgements of a moment, fixed and named by their content. Each run trains on one, so its model can be made again."
)
if found_snapshots:
    draw_snapshots(found_snapshots)
else:
    st.caption("The first tuning run takes the first snapshot.")
