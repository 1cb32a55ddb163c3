"""What stands over a map: the anchor whose answers are ringed, what is searched for, how it is drawn, and what a drag of the mouse does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.model import Label
from core.retrieval.lexical import open_lexical
from core.store import corpus, judgements
from pages._ui.map_chart import LASSO, MOVE
from pages._ui.page import Page

ANCHORS_LISTED = 300
FOUND = 200
SIDE_BY_SIDE, PASSAGE = "Side by side", "Passage from base to tuned"


@dataclass(frozen=True)
class Chosen:
    """The anchor that was chosen and its answers, best first; empty where none was."""

    anchor_id: str = ""
    text: str = ""
    answers: tuple[str, ...] = ()


def choose_anchor(page: Page) -> Chosen:
    """The anchor whose answers are shown."""
    place: Any = st
    with page.workspace.store.read() as conn:
        listed = corpus.search_anchors(conn, page.project_id, limit=ANCHORS_LISTED + 1)
        if len(listed) > ANCHORS_LISTED:
            finder, place = st.columns([2, 3])
            words = finder.text_input("Find an anchor", key="map_find", placeholder="Words it contains", icon=":material/search:")
            listed = corpus.search_anchors(conn, page.project_id, words, limit=ANCHORS_LISTED)
    texts = {anchor.id: anchor.text for anchor in listed}
    help_text = (
        "Rings and numbers the documents that answer the anchor, the same on both maps: they should draw together. "
        "The anchor itself is a star between its nearest documents, with a line to each answer."
    )
    chosen = place.selectbox(
        "Show the answers of",
        list(texts),
        index=None,
        format_func=lambda item: texts.get(item, item),
        placeholder="Choose an anchor",
        key="map_anchor",
        help=help_text,
    )
    if chosen is None:
        return Chosen()
    with page.workspace.store.read() as conn:
        state = judgements.read_state(conn, page.project_id, labels=[Label.POSITIVE], anchor_ids=[chosen])
    ordered = sorted(state, key=lambda item: (-item.grade, item.document_id))
    return Chosen(chosen, texts[chosen], tuple(item.document_id for item in ordered if item.grade > 0))


def choose_view(layout: Mapping[str, Any]) -> tuple[str, bool, str]:
    """How the map is drawn, whether by the density view, and what a drag does, as far as this map has a choice."""
    view, density = SIDE_BY_SIDE, False
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if "tuned" in layout:
            view = st.segmented_control("View", [SIDE_BY_SIDE, PASSAGE], default=SIDE_BY_SIDE, required=True, key="map_view")
        text = "Moves the map, or draws around documents: what lies inside can be read, and reviewed with one click."
        drag = st.segmented_control(
            "A drag", [MOVE, LASSO], default=MOVE, required=True, key="map_drag", format_func={MOVE: "moves the map", LASSO: "draws around"}.get, help=text
        )
        if "base_dense" in layout:
            text = "Crowded documents lie crowded here (densMAP); on the plain map crowds and thin places look alike."
            density = st.toggle("Density view", key="map_density", help=text)
    return view, density, drag


def search_map(page: Page, place: Any) -> frozenset[str]:
    """Documents that contain what is searched for at `place`, by words, at most `FOUND`."""
    words = place.text_input(
        "Highlight documents about",
        key="map_search",
        placeholder="Words they contain",
        icon=":material/search:",
        help="Marked with a green cross on both maps.",
    )
    if not words.strip():
        return frozenset()
    found = frozenset(document_id for document_id, _ in open_lexical(page.workspace, page.project_id).search(words, FOUND))
    if not found:
        place.caption("Nothing found by these words.")
    return found
