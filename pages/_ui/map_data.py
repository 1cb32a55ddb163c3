"""What the map page reads, kept while it holds: layouts by file, documents by corpus revision, what is said of them by the last judgement.

Kept as they are, not copied for each rerun, since they are large: no page may change what it gets here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.geometry.around import Standing, read_standing
from core.model import Document
from core.store import corpus, judgements
from pages._ui.map_points import Coloured, rank_values
from pages._ui.page import Page, get_workspace
from pages._ui.text import escape_hover

HOVER = 90
"""Characters of a document that show under the mouse."""


@dataclass(frozen=True)
class MapDocuments:
    """The documents of a map in its order: ids, beginnings by id, escaped hover texts, and the values of each field."""

    ids: Sequence[str]
    outlines: Mapping[str, Document]
    hover: Sequence[str]
    fields: Mapping[str, Coloured]


@st.cache_resource(max_entries=4, show_spinner=False)
def load_layout(path: str) -> dict[str, Any]:
    """The arrays of a map, as `core.geometry.map_run.draw_maps` names them. A file is never written twice under one name."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def load_documents(page: Page, path: str) -> MapDocuments:
    """The documents on a map."""
    return _load_documents(str(page.workspace.home), page.project_id, page.project.corpus_revision if page.project else 0, path)


def load_standing(page: Page) -> Standing:
    """What is said of the documents, and the parts of the anchors they answer."""
    with page.workspace.store.read() as conn:
        last = judgements.last_seq(conn, page.project_id)
    return _load_standing(str(page.workspace.home), page.project_id, last, page.project.anchor_revision if page.project else 0)


@st.cache_resource(max_entries=4, show_spinner="Reading the documents of the map")
def _load_documents(home: str, project_id: str, revision: int, path: str) -> MapDocuments:
    ids: list[str] = load_layout(path)["ids"].tolist()
    with get_workspace().store.read() as conn:
        outlines = corpus.read_outlines(conn, project_id, ids)
    hover = [escape_hover(f"{item} · {outlines[item].content}" if item in outlines else item, HOVER) for item in ids]
    fields: dict[str, Coloured] = {}
    for name in sorted({name for document in outlines.values() for name in document.fields}):
        values = [outlines[item].fields.get(name, "") if item in outlines else "" for item in ids]
        fields[name] = Coloured(values, rank_values(values))
    return MapDocuments(ids, outlines, hover, fields)


@st.cache_resource(max_entries=4, show_spinner=False)
def _load_standing(home: str, project_id: str, last_seq: int, anchor_revision: int) -> Standing:
    with get_workspace().store.read() as conn:
        return read_standing(conn, project_id)
