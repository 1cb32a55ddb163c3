"""The keys of the judging panel, as the project wants them: a table to type in, checked before anything is saved."""

from __future__ import annotations

import streamlit as st

from core.curation.options import DEFAULT_KEYS, change_options, read_options
from core.model import PairsmithError
from pages._ui.page import Page, get_workspace

_NOTICE = "own-keys-notice"
_NAMES = {"fully": "Answers fully", "more": "More like this", "full": "Full text", "help": "Keys", "skipped": "Skip"}


def draw_own_keys(page: Page) -> None:
    """Own keys, folded away: one field an action, saved together."""
    notice = st.session_state.pop(_NOTICE, "")
    with st.expander("Own keys", icon=":material/keyboard:", expanded=bool(notice)):
        if notice:
            st.text(notice)
        st.caption("One character each, for everybody who reviews this project. C and R belong to the browser page.")
        keys = {**DEFAULT_KEYS, **(read_options(page.project).keys if page.project else {})}
        with st.form(f"own-keys-{page.project_id}", border=False):
            columns = st.columns(5)
            for place, (action, key) in enumerate(keys.items()):
                name = _NAMES.get(action, action.replace("_", " ").capitalize())
                columns[place % 5].text_input(name, value=key.upper(), max_chars=1, key=_field(page.project_id, action))
            st.form_submit_button("Save keys", on_click=_save, args=(page.project_id,))
        st.button("Back to the usual keys", key="usual-keys", type="tertiary", on_click=_restore, args=(page.project_id,))


def _save(project_id: str) -> None:
    _change(project_id, {action: st.session_state[_field(project_id, action)] for action in DEFAULT_KEYS})


def _restore(project_id: str) -> None:
    _change(project_id, {})
    for action, key in DEFAULT_KEYS.items():
        st.session_state[_field(project_id, action)] = key.upper()


def _change(project_id: str, keys: dict[str, str]) -> None:
    try:
        change_options(get_workspace(), project_id, keys=keys)
        st.session_state[_NOTICE] = "Saved. The panel shows the keys from now on."
    except PairsmithError as error:
        st.session_state[_NOTICE] = str(error)


def _field(project_id: str, action: str) -> str:
    return f"own-key-{project_id}-{action}"
