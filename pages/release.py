"""Release: what is live in the vector database, what would change, and bringing it to a model without ever mixing two."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.jobs.engine import LocalEngine
from core.model import ModelKind, ModelRecord, PairsmithError, Run, RunKind, RunStatus
from core.release.plan import Plan, Standing, make_plan
from core.release.stores import opened
from core.release.target import StoreKind, Target, read_target, write_target
from core.roles import require_lead
from core.store import artefacts
from pages._ui.model_label import label_model
from pages._ui.page import open_page
from pages._ui.release_live import NOTICE, draw_live, draw_search, draw_versions, look, show_notice
from pages._ui.runs import latest_run, watch_run
from pages._ui.sign_in import is_lead_here
from pages._ui.text import escape_label

STORES = {
    StoreKind.FAISS: ("Files (FAISS)", "A folder. Needs no server."),
    StoreKind.QDRANT: ("Qdrant", "A folder, or the URL of a server such as http://host:6333."),
    StoreKind.MILVUS: ("Milvus", "A file for Milvus Lite, or the URL of a server such as http://host:19530."),
    StoreKind.WEAVIATE: ("Weaviate", "The URL of a server 1.32 or later, such as http://host:8080; ?grpc=PORT where gRPC is not on 50051."),
    StoreKind.PINECONE: ("Pinecone", "The host of an index of metric cosine and the model's dimension, such as https://clauses-x1.svc.pinecone.io."),
    StoreKind.PGVECTOR: ("PostgreSQL with pgvector", "A URL such as postgresql://user@host/database."),
}
STANDINGS = {
    Standing.NEW: "A new version is built beside what is live",
    Standing.UNFINISHED: "An unfinished version is there and is filled up",
    Standing.COMPLETE: "A finished version is there: it is verified again and goes live",
    Standing.LIVE: "This is live already: it is verified again",
}
page = open_page(
    "Release",
    ":material/rocket_launch:",
    caption="What applications are served from, and moving it to another model. The old version serves until all is verified.",
)


def save_target(kind: StoreKind) -> None:
    """Keep what the form says."""
    state = st.session_state
    try:
        require_lead(page.workspace.settings, page.author, "say where the index lives")
        write_target(page.workspace, page.project_id, Target(kind, state[f"place-{kind}"].strip(), state["alias"].strip()))
        state[NOTICE] = (True, "The index lives there from now on.")
    except PairsmithError as error:
        state[NOTICE] = (False, str(error))


def draw_target(target: Target) -> None:
    """Where the index lives, and changing it."""
    with st.expander(f"Where the index lives: {STORES[target.kind][0]}", icon=":material/database:"):
        kind = st.selectbox("Database", list(STORES), index=list(STORES).index(target.kind), format_func=lambda item: STORES[item][0], key="store_kind")
        st.text_input("Place", target.place if kind == target.kind else "", key=f"place-{kind}", help=STORES[kind][1])
        st.text_input("Alias", target.alias, key="alias", help="The name that applications ask by.")
        st.caption("A key or password goes into PAIRSMITH_RELEASE_KEY of the worker and of this server. It is never written to disk.")
        st.button("Save", disabled=not is_lead_here(page.author), on_click=save_target, args=(kind,), key="save_target")


def choose_model() -> ModelRecord | None:
    """The model to bring the index to."""
    with page.workspace.store.read() as conn:
        models = [model for model in artefacts.list_models(conn, page.project_id) if model.kind is not ModelKind.RERANKER]
    if not models:
        st.info("No model is registered yet. Prepare the documents first, then tune.", icon=":material/info:")
        st.page_link("tune.py", label="Go to tune", icon=":material/model_training:")
        return None
    names = {model.id: ("Base: " if model.kind == ModelKind.BASE else "") + label_model(model) for model in models}
    chosen = st.selectbox("Model", list(names), format_func=names.__getitem__, key="release_model")
    return next(model for model in models if model.id == chosen)


def try_plan(record: ModelRecord, target: Target) -> Plan | None:
    """The plan, or the words of why there is none on the screen."""
    try:
        with st.spinner("Comparing …"), opened(target, page.workspace.settings) as store:
            return make_plan(page.workspace, page.project_id, record, store)
    except PairsmithError as error:
        st.error(escape_label(str(error)), icon=":material/error:")
        return None


def draw_plan(plan: Plan) -> None:
    """What a re-index would do."""
    with st.container(border=True):
        st.markdown(f"**{STANDINGS[plan.standing]}**")
        with st.container(horizontal=True):
            st.metric("Documents", f"{plan.documents:,}")
            st.metric("To encode", f"{plan.to_encode:,}", help="What this model has not encoded before.")
            st.metric("To write", f"{plan.to_write:,}")
            st.metric("Size", f"{plan.bytes / 1e6:,.1f} MB", help="The vectors alone, without what the database adds.")
        st.text(f"Now: {plan.live_model or plan.live or 'nothing'}\nThen: {plan.model}")
        st.text(plan.verdict or "No verdict.")
        for warning in plan.warnings:
            st.warning(escape_label(warning), icon=":material/warning:")


def start(model_id: str) -> None:
    """Queue the re-index, where none is under way."""
    try:
        require_lead(page.workspace.settings, page.author, "release a model")
        LocalEngine(page.workspace).enqueue_alone(page.project_id, RunKind.REINDEX, {"system": model_id})
    except PairsmithError as error:
        st.session_state[NOTICE] = (False, str(error))


def draw_checks(run: Run) -> None:
    """The verification figures of a run, once it has them."""
    checks = (run.result or {}).get("checks") or run.progress.figures.get("checks")
    if not checks:
        return
    rows = [{"Check": item["name"], "Found": item["value"], "Needed": item["needed"], "Holds": item["holds"]} for item in checks]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Verification of the new version")


def draw_last(run: Run) -> None:
    """How the last re-index ended."""
    if run.status == RunStatus.SUCCEEDED and run.result:
        result = run.result
        with st.expander(f"The last re-index wrote {result['written']:,} documents and is live", icon=":material/task_alt:"):
            draw_checks(run)
    else:
        st.markdown("**The last re-index**")
        watch_run(page, run, draw_checks)
        st.caption("What was live before is still live. Starting again goes on from what is there.")


where = read_target(page.workspace, page.project_id)
last = latest_run(page, RunKind.REINDEX)
show_notice()
if last and not last.status.is_over:
    st.subheader("Re-index under way", anchor=False)
    watch_run(page, last, draw_checks)
    st.caption("What is live serves until the new version is verified. Cancelling leaves it as it is; a new start goes on from what is there.")
    st.stop()
found = look(page.workspace, page.project_id, where, f"{last.id}-{last.finished_at}" if last else "")
st.subheader("Live now", anchor=False)
if found.live is None:
    st.error(escape_label(found.error), icon=":material/error:")
else:
    draw_live(page, found.live)
draw_target(where)
st.subheader("Bring it to a model", anchor=False)
if last:
    draw_last(last)
model = choose_model()
if model is not None:
    with st.container(horizontal=True):
        asked = st.button("Dry run", icon=":material/visibility:", key="dry_run", help="Says what would change. Nothing is written.")
        lead = is_lead_here(page.author)
        st.button("Start the re-index", type="primary", icon=":material/rocket_launch:", disabled=not lead, on_click=start, args=(model.id,), key="start")
    if asked and (plan := try_plan(model, where)):
        draw_plan(plan)
if found.live is not None and found.live.versions:
    st.subheader("Versions", anchor=False)
    draw_versions(page, where, found.live)
if found.live is not None and found.live.manifest is not None:
    st.subheader("Ask the live index", anchor=False)
    draw_search(page, where)
