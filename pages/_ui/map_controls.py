"""What stands beside a map: the field that colours it, the anchor whose answers are ringed, the document that was clicked, the groups that drew together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.model import Document, Label
from core.store import corpus, judgements
from pages._ui.charts import PALETTE, rank_values
from pages._ui.page import Page
from pages._ui.text import show_document

ANCHORS_LISTED = 300
NO_FIELD = "No colour"


def choose_colours(outlines: dict[str, Document], ids: list[str]) -> tuple[list[str], list[str]]:
    """The value of the chosen field for each document, and the values to colour. Starts with the field of 5 to 60 values that has the most."""
    names = sorted({name for document in outlines.values() for name in document.fields})
    values = {name: [outlines[item].fields.get(name, "") if item in outlines else "" for item in ids] for name in names}
    counts = {name: len(set(filter(None, found))) for name, found in values.items()}
    usual = max((name for name in names if 5 <= counts[name] <= 60), key=lambda name: (counts[name], name), default=NO_FIELD)
    options = [NO_FIELD, *names]
    field, choice = st.columns([1, 3])
    name = field.selectbox("Colour by", options, index=options.index(usual), help="A field of the documents. The same value has the same colour on both maps.")
    if name == NO_FIELD:
        return ["" for _ in ids], []
    ranked = rank_values(values[name])
    text = f"At most {len(PALETTE)} at a time: more colours cannot be told apart. The others are grey."
    shown = choice.multiselect("Values in colour", ranked, default=ranked[: len(PALETTE)], max_selections=len(PALETTE), key=f"map_values_{name}", help=text)
    return values[name], shown


def choose_anchor(page: Page) -> list[str]:
    """The answers of the anchor that was chosen, best first; none where none was."""
    place: Any = st
    with page.workspace.store.read() as conn:
        listed = corpus.search_anchors(conn, page.project_id, limit=ANCHORS_LISTED + 1)
        if len(listed) > ANCHORS_LISTED:
            finder, place = st.columns([1, 3])
            words = finder.text_input("Find an anchor", key="map_find", placeholder="Words it contains", icon=":material/search:")
            listed = corpus.search_anchors(conn, page.project_id, words, limit=ANCHORS_LISTED)
    texts = {anchor.id: anchor.text for anchor in listed}
    help_text = "Rings and numbers the documents that answer the anchor, the same on both maps: they should draw together."
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
        return []
    with page.workspace.store.read() as conn:
        state = judgements.read_state(conn, page.project_id, labels=[Label.POSITIVE], anchor_ids=[chosen])
    return [item.document_id for item in sorted(state, key=lambda item: (-item.grade, item.document_id)) if item.grade > 0]


def show_chosen(page: Page, answers: list[str]) -> None:
    """The document of the point that was clicked last."""
    chosen = chosen_document(page)
    if not chosen:
        st.caption(":material/touch_app: Click a point of a map to read its document here. It is framed on both maps.")
        return
    with page.workspace.store.read() as conn:
        document = corpus.get_documents(conn, page.project_id, [chosen]).get(chosen)
    if document is None:
        st.caption("This document is no longer in the corpus.")
        return
    with st.container(height=420, border=False):
        show_document(document, note=f"answer {answers.index(chosen) + 1}" if chosen in answers else "")


def chosen_document(page: Page) -> str:
    """The id of the document that was clicked last on a map of this project, empty where none was."""
    return str(st.session_state.get(f"map_document_{page.project_id}", ""))


def keep_choice(page: Page, key: str) -> None:
    """Remember the document of the clicked point: a chart forgets its selection when it is drawn anew."""
    points = st.session_state[key]["selection"]["points"]
    found = points[0].get("customdata") if points else None
    if found:
        st.session_state[f"map_document_{page.project_id}"] = found[0] if isinstance(found, list) else found


def draw_hotspots(page: Page, figures: Mapping[str, Any]) -> None:
    """The groups of documents that came together, each with its first documents."""
    for number, spot in enumerate(figures.get("hotspots", [])[:10], start=1):
        with st.expander(f"Group {number}: {len(spot['ids'])} documents came {spot['closer']:.1f} times closer together", icon=":material/diamond:"):
            with page.workspace.store.read() as conn:
                documents = corpus.read_outlines(conn, page.project_id, spot["ids"][:10], width=400)
            for document in documents.values():
                show_document(document)
            if len(spot["ids"]) > 10:
                st.caption(f"The first 10 of {len(spot['ids'])}.")
