"""What can be taken away on the models page: a tuned model as a zip, and the judgements as a pair file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import streamlit as st

from core.ingest.export import render_pairs
from core.jobs.engine import LocalEngine
from core.model import ModelKind, ModelRecord, PairsmithError, Run, RunKind, RunStatus
from core.release.card import describe_cost, write_release_files
from core.release.model_zip import name_folder, zip_model
from core.store import runs
from pages._ui.model_label import label_model
from pages._ui.page import Page
from pages._ui.runs import watch_run
from pages._ui.text import escape_label


def draw_downloads(page: Page, tuned: list[ModelRecord], answered: int) -> None:
    """A tuned model as a zip, and the judgements as a pair file."""
    with st.container(border=True):
        st.markdown("**A tuned model**")
        if tuned:
            labels = {model.id: label_model(model) for model in tuned}
            chosen = st.selectbox("Model", list(labels), format_func=labels.__getitem__, key="model_to_take")
            record = next(model for model in tuned if model.id == chosen)
            is_there = Path(record.location).is_dir()
            st.caption(
                "A zip of the model's folder, loaded by SentenceTransformer(folder) or CrossEncoder(folder) as it is. It holds no text of the corpus."
                if is_there
                else "Its files are gone from disk. Restore them from a backup, or tune again."
            )
            if cost := describe_cost(record):
                st.caption(cost)
            file_name = f"{name_folder(record)}.zip"
            st.download_button(
                "Download model",
                lambda: zip_model(record, write_release_files(page.workspace, page.project_id, record)),
                file_name,
                "application/zip",
                disabled=not is_there,
                type="primary",
                icon=":material/download:",
                on_click="ignore",
                key="take_model",
            )
            if record.kind is ModelKind.TUNED:
                _draw_quantise(page, record)
        else:
            st.caption("No model is tuned yet. A run on the tune page makes one.")
            st.page_link("tune.py", label="Go to tune", icon=":material/model_training:")
    with st.container(border=True):
        st.markdown("**The judgements**")
        st.caption(
            f"{answered:,} anchors with their answers and reviewed hard negatives, one a line (JSON Lines). "
            "The corpus page reads such a file; grades are not part of it."
        )
        workspace, project_id = page.workspace, page.project_id
        st.download_button(
            "Download judgements",
            lambda: render_pairs(workspace, project_id),
            f"{project_id}-pairs.jsonl",
            "application/jsonl",
            disabled=not answered,
            icon=":material/download:",
            on_click="ignore",
            key="take_pairs",
        )


def _draw_quantise(page: Page, record: ModelRecord) -> None:
    """Making the model's 8-bit form, where the extra that can is installed."""
    if not (find_spec("onnx") and find_spec("onnxruntime")):
        return
    last = _latest_quantise(page, record.id)
    if last and (not last.status.is_over or last.status != RunStatus.SUCCEEDED):
        watch_run(page, last)
    if not last or last.status.is_over:
        st.button(
            "Make its 8-bit form",
            icon=":material/compress:",
            on_click=_start_quantise,
            args=(page, record.id),
            key="quantise",
            help="The whole model as one ONNX graph that applications run without torch. Kept only where its NDCG@5 falls by no more than 0.005.",
        )


def _latest_quantise(page: Page, model_id: str) -> Run | None:
    """The newest run that was to make this model's 8-bit form."""
    with page.workspace.store.read() as conn:
        found = runs.list_runs(conn, page.project_id, kind=RunKind.QUANTISE)
    return next((run for run in found if run.config.get("system") == model_id), None)


def _start_quantise(page: Page, model_id: str) -> None:
    try:
        LocalEngine(page.workspace).enqueue_alone(page.project_id, RunKind.QUANTISE, {"system": model_id, "form": "onnx"})
    except PairsmithError as error:
        st.toast(escape_label(str(error)))
