"""What the map page reads, kept while it holds: layouts by file, beginnings of documents by corpus revision, what is said of them by the last judgement."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.geometry.around import Standing, read_standing
from core.model import Document
from core.store import corpus, judgements
from pages._ui.page import Page, get_workspace


@st.cache_data(max_entries=4, show_spinner=False)
def load_layout(path: str) -> dict[str, Any]:
    """The arrays of a map, as `core.geometry.map_run.draw_maps` names them. A file is never written twice under one name."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def load_outlines(page: Page, path: str) -> dict[str, Document]:
    """The beginnings of the documents on a map."""
    return _load_outlines(str(page.workspace.home), page.project_id, page.project.corpus_revision if page.project else 0, path)


def load_standing(page: Page) -> Standing:
    """What is said of the documents, and the parts of the anchors they answer."""
    with page.workspace.store.read() as conn:
        last = judgements.last_seq(conn, page.project_id)
    return _load_standing(str(page.workspace.home), page.project_id, last, page.project.anchor_revision if page.project else 0)


@st.cache_data(max_entries=4, show_spinner=False)
def _load_outlines(home: str, project_id: str, revision: int, path: str) -> dict[str, Document]:
    with get_workspace().store.read() as conn:
        return corpus.read_outlines(conn, project_id, load_layout(path)["ids"].tolist())


@st.cache_data(max_entries=4, show_spinner=False)
def _load_standing(home: str, project_id: str, last_seq: int, anchor_revision: int) -> Standing:
    with get_workspace().store.read() as conn:
        return read_standing(conn, project_id)
