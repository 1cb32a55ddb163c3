"""The project's guideline on the review page: read by all, written by leads. The one place where Markdown of a person is rendered, without HTML."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from core.curation.guideline import LONGEST, read_versions, write_guideline
from core.model import PairsmithError
from pages._ui.page import Page, get_workspace
from pages._ui.sign_in import is_lead_here

_NOTICE = "guideline-notice"


def draw_guideline(page: Page) -> None:
    """The guideline, folded away; for a lead also its editor, and nothing at all for others where there is none."""
    lead = is_lead_here(page.author)
    text = page.project.guideline if page.project else ""
    if not text and not lead:
        return
    notice = st.session_state.pop(_NOTICE, "")
    with st.expander("Guideline", icon=":material/menu_book:", expanded=bool(notice)):
        if notice:
            st.text(notice)
        if text:
            st.markdown(text)
            _draw_saved(page)
        else:
            st.caption("None yet. Tell reviewers what counts as an answer here, and what does not.")
        if lead and st.toggle("Edit", key=f"guideline-edit-{page.project_id}", help="For the project's leads."):
            _draw_editor(page, text)


def _draw_saved(page: Page) -> None:
    versions = read_versions(page.project) if page.project else []
    if versions:
        st.text(f"Saved by {versions[0].author}, {_say_time(versions[0].saved_at)}")


def _draw_editor(page: Page, text: str) -> None:
    key = f"guideline-text-{page.project_id}"
    st.session_state.setdefault(key, text)  # as `value` it would come anew, and drop the draft, when somebody else saves
    draft = st.text_area("Guideline, in Markdown", key=key, height=220, max_chars=LONGEST, help="Links and lists work; HTML is shown as letters.")
    st.caption("Preview")
    with st.container(border=True):
        st.markdown(draft or "*Nothing: the guideline will be taken away.*")
    what = (page.project_id, page.author, key, text)
    st.button("Save guideline", key="guideline-save", type="primary", disabled=draft.strip() == text, on_click=_save, args=what)
    versions = read_versions(page.project) if page.project else []
    if len(versions) > 1 and st.toggle("Earlier versions", key=f"guideline-past-{page.project_id}"):
        for version in versions[1:]:
            st.text(f"{version.author}, {_say_time(version.saved_at)}")
            st.code(version.text or "(taken away)", language=None, wrap_lines=True)


def _save(project_id: str, author: str, key: str, shown: str) -> None:
    try:
        saved = write_guideline(get_workspace(), project_id, st.session_state[key], author, shown=shown)
        st.session_state[_NOTICE] = "Saved. Everybody who reviews sees it from their next page on." if saved else "Nothing changed."
    except PairsmithError as error:
        st.session_state[_NOTICE] = str(error)


def _say_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
