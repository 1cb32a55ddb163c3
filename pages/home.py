"""Home: the projects, what to do next in the open one, and how to begin another."""

from __future__ import annotations

import streamlit as st

from core.curation.next_step import Step, list_steps, next_step, read_standing
from core.ingest.sample import SAMPLE_ID, create_sample
from core.model import PairsmithError, Project, RunKind
from core.retrieval.models import EMBEDDED_DEFAULT, SUGGESTED_HUB_ID, find_folder, is_hub_id
from core.store import artefacts, projects, runs
from pages._ui.page import open_page, open_project
from pages._ui.runs import latest_run, start_run_in, watch_run
from pages._ui.text import escape_label
from pages._ui.verdict import badge_verdict, read_verdict

SHOWN = 8
EMBEDDED, HUB, FOLDER = "The built-in model", "A model from the Hugging Face hub", "A folder on this machine"
MODEL_KEYS = {HUB: "hub_id", FOLDER: "model_folder"}
page = open_page(
    "Pairsmith",
    ":material/home:",
    caption="Teach a search model your field: mark what answers a question and what only looks like it, tune, and see on held-out questions if it helped.",
    needs_project=False,
)


def open_sample() -> None:
    """Make the sample project where it is missing, set its preparation going, and open it."""
    with page.workspace.store.read() as conn:
        is_new = projects.find_project(conn, SAMPLE_ID) is None
    create_sample(page.workspace)
    if is_new:
        start_run_in(page, SAMPLE_ID, RunKind.EMBED)
        start_run_in(page, SAMPLE_ID, RunKind.MINE)
    open_project(SAMPLE_ID)


def create_project() -> None:
    """Make the project that the form describes now and open it; what is wrong is said in its place.

    Preparing the model at once shows early whether it can be had.
    """
    name, kind = st.session_state["new_name"].strip(), st.session_state["base_kind"]
    base_model = EMBEDDED_DEFAULT if kind == EMBEDDED else str(st.session_state.get(MODEL_KEYS[kind], preset_model(kind))).strip()
    try:
        if not name:
            raise PairsmithError("Give the project a name first.")
        if not base_model:
            raise PairsmithError("Say which base model to use, or choose the built-in one.")
        if kind == FOLDER:
            base_model = str(find_folder(base_model))  # absolute, as the worker may stand in another folder
        with page.workspace.store.write() as conn:
            project_id = projects.suggest_id(conn, name)
            projects.add_project(conn, project_id, name=name, base_model=base_model)
    except PairsmithError as error:
        st.session_state["home_error"] = str(error)
        return
    start_run_in(page, project_id, RunKind.EMBED)
    open_project(project_id)
    st.session_state["new_name"] = ""
    st.session_state["home_said"] = f"The project is there, with the id {project_id}."


def kind_of_model(reference: str) -> str:
    """Which of the three kinds of base model a reference names: a hub id is an owner and a model with one slash between."""
    if reference == EMBEDDED_DEFAULT:
        return EMBEDDED
    return HUB if is_hub_id(reference) else FOLDER


def preset_model(kind: str) -> str:
    """What the form offers for a kind: the installation's base model where it is of that kind, else a suggestion."""
    default = page.workspace.settings.base_model
    return default if kind_of_model(default) == kind else SUGGESTED_HUB_ID if kind == HUB else ""


def draw_next(project: Project) -> None:
    """The one next action of the open project, the way as a checklist, and what is being worked on."""
    standing = read_standing(page.workspace, project.id)
    step = next_step(standing)
    with st.container(border=True):
        st.subheader("What to do next", anchor=False)
        st.text(step.words)
        if st.button(step.action, type="primary", icon=":material/arrow_forward:", key="next_action"):
            st.switch_page(f"{step.page}.py")
        with st.container(horizontal=True, gap="medium"):
            for item in list_steps(standing):
                draw_step(item, item.name == step.name)
    for kind in (RunKind.EMBED, RunKind.MINE):
        run = latest_run(page, kind)
        if run is not None and (not run.status.is_over or run.error):
            st.caption("Preparing the documents for search by meaning" if kind == RunKind.EMBED else "Looking for hard negatives")
            watch_run(page, run)
            return


def draw_step(step: Step, is_next: bool) -> None:
    """One step of the checklist: done, next or to come, in an icon and in words."""
    icon, state = (
        (":material/check_circle:", "done") if step.done else (":material/arrow_circle_right:", "next") if is_next else (":material/circle:", "to come")
    )
    st.page_link(f"{step.page}.py", label=step.name, icon=icon, help=f"{state.capitalize()}. {step.count[:1].upper()}{step.count[1:]}.")


def draw_project(project: Project) -> None:
    """One project in a row: what it holds, its newest verdict, and a way in."""
    with page.workspace.store.read() as conn:
        counts = projects.count_contents(conn, project.id)
        tuned = sum(model.kind.is_trained for model in artefacts.list_models(conn, project.id))
        newest = runs.newest_success(conn, project.id, RunKind.TUNE)
    with st.container(border=True):
        words, verdict, way = st.columns([6, 3, 2], vertical_alignment="center")
        with words:
            st.markdown(f"**{escape_label(project.name)}**")
            st.caption(
                f"{counts['documents']:,} documents · {counts['labelled_anchors']:,} of {counts['anchors']:,} anchors with answers · "
                f"{counts['hard_negatives']:,} hard negatives · {tuned:,} tuned {'model' if tuned == 1 else 'models'}",
                help="An anchor is a question that people ask of the documents. A hard negative is a document that looks like an answer and is none.",
            )
        with verdict:
            badge_verdict(read_verdict(newest))
        with way:
            if page.project is not None and project.id == page.project_id:
                st.badge("Current", color="gray")
            else:
                st.button("Open", key=f"open-{project.id}", on_click=open_project, args=(project.id,), width="stretch")


def draw_new() -> None:
    """The form for a project of one's own."""
    st.text_input("Name", key="new_name", placeholder="Supplier contracts", max_chars=80)
    kinds = [EMBEDDED, HUB, FOLDER]
    usual = kind_of_model(page.workspace.settings.base_model)
    captions = ["all-MiniLM-L6-v2, small and quick, works without a network.", "Fetched once by the worker.", "Saved by sentence-transformers."]
    kind = st.radio(
        "Base model",
        kinds,
        index=kinds.index(usual),
        key="base_kind",
        captions=[f"{words} The default here." if name == usual else words for name, words in zip(kinds, captions, strict=True)],
        help="The model you start from. Tuning makes a copy that knows your field; the base itself is never changed.",
    )
    if kind == HUB:
        st.text_input("Hub id", value=preset_model(HUB), key=MODEL_KEYS[HUB], help="The name on huggingface.co, owner and model with a slash between.")
        st.caption("Needs a connection to the hub once. If no hub answers, the project says so here, and the built-in model is the way to begin.")
    elif kind == FOLDER:
        st.text_input("Folder", value=preset_model(FOLDER), key=MODEL_KEYS[FOLDER], placeholder="/models/my-encoder")
    st.button("Create project", on_click=create_project, icon=":material/add:")


if error := st.session_state.pop("home_error", None):
    st.error(escape_label(error), icon=":material/error:")
if said := st.session_state.pop("home_said", None):
    st.success(said, icon=":material/check_circle:")
with page.workspace.store.read() as conn:
    found = projects.list_projects(conn)
if page.project is not None:
    draw_next(page.project)
    st.subheader("Projects", anchor=False)
    pages_of = -(-len(found) // SHOWN)
    at = st.pagination(pages_of, key="project_page") if pages_of > 1 else 1
    for item in found[::-1][(at - 1) * SHOWN : at * SHOWN]:
        draw_project(item)
else:
    with st.container(border=True):
        st.subheader("Begin with the sample", anchor=False)
        st.text(
            "563 clauses of commercial contracts with 347 questions, most of them answered. Everything works on it at once, without a network: "
            "reviewing, tuning, comparing. It is prepared in about half a minute."
        )
        st.button("Open the sample project", type="primary", icon=":material/play_arrow:", on_click=open_sample, key="open_sample")
has_sample = any(item.id == SAMPLE_ID for item in found)
with st.expander("New project", icon=":material/add:", expanded=bool(st.session_state.get("new_name"))):
    draw_new()
if found and not has_sample:
    st.button("Open the sample project", icon=":material/play_arrow:", on_click=open_sample, key="open_sample")
