"""Measuring more systems beside base and tuned: a choice of columns, vectors brought as files, and an endpoint with its plan shown before anything is sent."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.evaluation.options import DEFAULT_DEPTH, MAX_DEPTH, MIN_DEPTH, RERANK, EvaluateOptions
from core.evaluation.uploaded import ENDINGS, PREFIX, bring_vectors, list_vectors
from core.model import ModelRecord, PairsmithError, RunKind
from core.retrieval.sending import ENDPOINT, plan_evaluation
from core.store import artefacts
from pages._ui.model_label import label_model
from pages._ui.page import Page
from pages._ui.runs import latest_run, start_run
from pages._ui.text import escape_label

WORDS = {
    "bm25": "BM25 (words alone)",
    "adapter": "Adapter (a quick one on the base model's questions)",
}


def draw_form(page: Page, model: ModelRecord) -> None:
    """Choose systems and start; nothing while an evaluation is under way."""
    run = latest_run(page, RunKind.EVALUATE)
    if run is not None and not run.status.is_over:
        return
    with st.expander("Measure more systems", icon=":material/view_column:"):
        names = _list_choices(page, model)
        chosen = st.multiselect(
            "Beside the base model",
            list(names),
            default=[model.id if model.id in names else "bm25"],
            format_func=lambda name: names.get(name, name),
            key=f"columns-{model.id}",
        )
        left, right = st.columns([3, 2], vertical_alignment="bottom")
        reranker = left.text_input(
            "Reranker", key="reranker", placeholder="Name, folder or hub id of a cross-encoder", help="Each system is measured with it too."
        )
        depth = right.slider("It reads the first", MIN_DEPTH, MAX_DEPTH, DEFAULT_DEPTH, key="rerank_depth", disabled=not reranker)
        outside = st.text_input(
            "Model of an endpoint",
            key="endpoint_model",
            placeholder="text-embedding-3-small",
            help="Address and key are set on the server: see the operating guide.",
        )
        may_send, is_ready = _draw_plan(page, outside.strip())
        systems = ["base", *chosen, *([f"{ENDPOINT}:{outside.strip()}"] if outside.strip() else [])]
        systems += [f"{name}{RERANK}" for name in systems] if reranker.strip() else []
        st.caption(f"{len(systems)} systems on the held-out anchors. This opens the held-out part once more, which is counted.")
        if st.button("Start measuring", key="measure-columns", icon=":material/speed:", disabled=len(systems) < 2 or not is_ready):
            options = EvaluateOptions(systems, "test", "base", reranker.strip(), depth, may_send)
            start_run(page, RunKind.EVALUATE, options.to_json())
            st.rerun()
        draw_upload(page)


def _list_choices(page: Page, model: ModelRecord) -> dict[str, str]:
    with page.workspace.store.read() as conn:
        models = [item for item in artefacts.list_models(conn, page.project_id) if item.kind.is_trained]
    named = {item.id: label_model(item) for item in sorted(models, key=lambda item: item.id != model.id)}
    brought = {f"{PREFIX}:{name}": f"{name} (vectors brought)" for name in list_vectors(page.workspace, page.project_id)}
    return {**named, **WORDS, **brought}


def _draw_plan(page: Page, model: str) -> tuple[bool, bool]:
    """What would be sent to the endpoint, and whether it may be; and whether the run may start at all."""
    if not model:
        return False, True
    try:
        plan = plan_evaluation(page.workspace, page.project_id, f"{ENDPOINT}:{model}", "test")
    except PairsmithError as error:
        st.error(escape_label(str(error)), icon=":material/error:")
        return False, False
    st.info(escape_label(plan.words), icon=":material/cloud_upload:")
    if not plan.documents + plan.anchors:
        return False, True
    agreed = st.checkbox(f"Send these texts to {escape_label(plan.host)}", key=f"send-{plan.host}-{model}-{plan.tokens}")
    return agreed, agreed


def draw_upload(page: Page) -> None:
    """Vectors that another model made, as two files."""
    st.markdown("**Vectors from another model**")
    columns = st.columns(3, vertical_alignment="bottom")
    name = columns[0].text_input("Name", key="vectors_name", placeholder="our-search")
    files = [columns[1].file_uploader("Documents", type=list(ENDINGS), key="vectors_documents")]
    files.append(columns[2].file_uploader("Anchors", type=list(ENDINGS), key="vectors_anchors"))
    st.caption("NumPy arrays (.npy) in the project's order, or Parquet with the columns id and vector.")
    documents, anchors = files
    if st.button("Bring in", key="bring-vectors", icon=":material/upload:", disabled=not (name and documents and anchors)) and documents and anchors:
        try:
            with tempfile.TemporaryDirectory(prefix="pairsmith-") as folder:
                paths = [_write(Path(folder), kind, file) for kind, file in (("documents", documents), ("anchors", anchors))]
                bring_vectors(page.workspace, page.project_id, name, *paths)
        except PairsmithError as error:
            st.error(escape_label(str(error)), icon=":material/error:")
            return
        st.rerun()


def _write(folder: Path, kind: str, file: UploadedFile) -> Path:
    path = folder / f"{kind}{PurePosixPath(file.name).suffix.lower()}"
    path.write_bytes(file.getvalue())
    return path
