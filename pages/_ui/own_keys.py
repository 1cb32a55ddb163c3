"""The keys of the judging panel, as the project wants them: a table to type in, checked before anything is saved. Leads alone change it."""

from __future__ import annotations

import streamlit as st

from core.curation.options import DEFAULT_KEYS, change_options, read_options
from core.model import PairsmithError
from pages._ui.page import Page, get_workspace
from pages._ui.sign_in import is_lead_here

_NOTICE = "own-keys-notice"
_NAMES = {"fully": "Answers fully", "more": "More like this", "full": "Full text", "help": "Keys", "skipped": "Skip"}


def draw_own_keys(page: Page) -> None:
    """Own keys, folded away: one field an action, saved together."""
    notice = st.session_state.pop(_NOTICE, "")
    with st.expander("Own keys", icon=":material/keyboard:", expanded=bool(notice)):
        if notice:
            st.text(notice)
        lead = is_lead_here(page.author)
        st.caption(
            "One character each. They hold for everybody who reviews this project"
            + (". C and R belong to the browser page." if lead else "; its leads set them.")
        )
        keys = {**DEFAULT_KEYS, **(read_options(page.project).keys if page.project else {})}
        with st.form(f"own-keys-{page.project_id}", border=False):
            columns = st.columns(5)
            for place, (action, key) in enumerate(keys.items()):
                name = _NAMES.get(action, action.replace("_", " ").capitalize())
                columns[place % 5].text_input(name, value=key.upper(), max_chars=1, key=_field(page.project_id, action), disabled=not lead)
            st.form_submit_button("Save keys for everybody", on_click=_save, args=(page.project_id, page.author), disabled=not lead)
        st.button("Back to the usual keys", key="usual-keys", type="tertiary", on_click=_restore, args=(page.project_id, page.author), disabled=not lead)


def _save(project_id: str, author: str) -> None:
    _change(project_id, author, {action: st.session_state[_field(project_id, action)] for action in DEFAULT_KEYS})


def _restore(project_id: str, author: str) -> None:
    if not _change(project_id, author, {}):
        return
    for action, key in DEFAULT_KEYS.items():
        st.session_state[_field(project_id, action)] = key.upper()


def _change(project_id: str, author: str, keys: dict[str, str]) -> bool:
    try:
        change_options(get_workspace(), project_id, author=author, keys=keys)
    except PairsmithError as error:
        st.session_state[_NOTICE] = str(error)
        return False
    st.session_state[_NOTICE] = "Saved for everybody in the project. The panel shows the keys from now on."
    return True


def _field(project_id: str, action: str) -> str:
    return f"own-key-{project_id}-{action}"
