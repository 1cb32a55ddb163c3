"""The guard every screen opens with: sign-in, home folder, project. Nothing of a project is shown before it returns."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.jobs.engine import has_worker
from core.model import PairsmithError, Project
from core.store import projects
from core.workspace import Workspace, open_workspace
from pages._ui.memory import settle_memory
from pages._ui.sign_in import draw_identity, require_author
from pages._ui.text import escape_label


@dataclass(frozen=True)
class Page:
    """What a screen works with. `project` is None only on screens that do not need one."""

    workspace: Workspace
    author: str
    project: Project | None

    @property
    def project_id(self) -> str:
        """The id of the open project."""
        if self.project is None:
            raise PairsmithError("No project is open.")
        return self.project.id


@st.cache_resource(show_spinner=False)
def get_workspace() -> Workspace:
    """The workspace, opened once a process."""
    return open_workspace()


def open_page(title: str, icon: str, *, caption: str = "", needs_project: bool = True) -> Page:
    """Check who asks, open the project, draw the frame. Stops the script where the screen may not or cannot be shown."""
    settle_memory(title)
    author = require_author()
    try:
        workspace = get_workspace()
    except PairsmithError as error:
        st.title(title, icon=icon)
        st.error(escape_label(str(error)), icon=":material/error:")
        st.stop()
    project = _choose_project(workspace)
    _draw_sidebar(workspace, author)
    st.title(title, icon=icon)
    if caption:
        st.caption(caption)
    if needs_project and project is None:
        st.info("No project is open yet. Home offers the sample project in one click, or make your own there.", icon=":material/arrow_forward:")
        st.page_link("home.py", label="Go to home", icon=":material/home:")
        st.stop()
    return Page(workspace, author, project)


def open_project(project_id: str) -> None:
    """Make this the open project of the session."""
    st.session_state["project_id"] = project_id
    st.query_params["project"] = project_id


def _choose_project(workspace: Workspace) -> Project | None:
    with workspace.store.read() as conn:
        found = projects.list_projects(conn)
    if not found:
        return None
    ids = [project.id for project in found]
    wanted = st.query_params.get("project") or st.session_state.get("project_id")
    current = wanted if wanted in ids else ids[0]
    names = {project.id: project.name for project in found}
    with st.sidebar:
        chosen = st.selectbox("Project", ids, index=ids.index(current), format_func=lambda item: names.get(item, item), key=f"project_choice_{current}")
    if chosen != current:
        open_project(chosen)
        st.rerun()
    open_project(current)
    return next(project for project in found if project.id == current)


def _draw_sidebar(workspace: Workspace, author: str) -> None:
    with st.sidebar:
        if has_worker(workspace):
            st.caption(":material/check_circle: Worker running")
        else:
            st.caption(":material/warning: No worker: long work waits. Start one with `pairsmith worker`.")
        draw_identity(author)
