"""The search of the label page, kept for the reruns that marking its hits causes."""

from __future__ import annotations

import streamlit as st

from core.model import ModelKind, ModelRecord
from core.retrieval.search import SearchResult, search_documents
from core.store import artefacts
from core.workspace import Workspace
from pages._ui.page import Page

HITS = 20
MOST_HITS = 100


@st.cache_data(max_entries=64, show_spinner=False)
def search_corpus(_workspace: Workspace, _record: ModelRecord | None, project_id: str, revision: int, query: str, k: int, model_id: str) -> SearchResult:
    """The search of `search_documents`, by corpus `revision` and `model_id`."""
    return search_documents(_workspace, project_id, query, k=k, record=_record)


def find_base(page: Page) -> ModelRecord | None:
    """The project's base model as it was registered, None before anything was embedded."""
    with page.workspace.store.read() as conn:
        return next((model for model in artefacts.list_models(conn, page.project_id) if model.kind == ModelKind.BASE), None)


def search_page(page: Page, query: str, k: int) -> SearchResult:
    """Hits of the open project by words and meaning; the note says what was missing, and is asked for again the next time."""
    record = find_base(page)
    asked = (page.project_id, page.project.corpus_revision if page.project else 0, query, k, record.id if record else "")
    with st.spinner("Searching …", show_time=True):
        found = search_corpus(page.workspace, record, *asked)
    if found.note:  # what was missing may be there at the next try
        search_corpus.clear(page.workspace, record, *asked)
    if record is None:
        return SearchResult(found.hits, "Only words were searched: the documents are not embedded yet. Looking for hard negatives does that.")
    return found
