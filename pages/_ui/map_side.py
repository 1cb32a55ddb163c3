"""Beside and below the maps: the clicked document with its anchors and neighbours, what was drawn around, the groups that came together.

A chart sends its selection again with every later click, and forgets it when it is drawn anew: the ids are kept here, and a lasso gives the chart a new key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.geometry.around import AnsweredAnchor, read_answered, read_neighbours
from core.geometry.stored_map import name_hotspot
from core.model import Document, Projection
from core.store import corpus
from pages._ui.page import Page
from pages._ui.review_inside import offer_review
from pages._ui.text import escape_label, show_document

LISTED = 10
OF_A_GROUP = 3
"""Documents of a group that are shown: enough to see what it is about."""


def chosen_document(page: Page) -> str:
    """The id of the document that was clicked last on a map of this project, empty where none was."""
    return str(st.session_state.get(f"map_document_{page.project_id}", ""))


def chosen_lasso(page: Page) -> list[str]:
    """The ids of the documents that were drawn around last on a map of this project."""
    return list(st.session_state.get(f"map_lasso_{page.project_id}", []))


def chart_key(page: Page, projection: Projection) -> str:
    """The key of the chart: another one after each lasso, so that its selection is not sent again."""
    return f"map-{projection.id}-{st.session_state.get(f'map_drawn_{page.project_id}', 0)}"


def keep_choice(page: Page, key: str) -> None:
    """Remember the document of the clicked point, or those that were drawn around."""
    points = st.session_state[key]["selection"]["points"]
    found = [point["customdata"] for point in points if point.get("customdata")]
    ids = list(dict.fromkeys(item[0] if isinstance(item, list) else item for item in found))
    selection = st.session_state[key]["selection"]
    if selection.get("lasso") or selection.get("box"):
        if ids:
            st.session_state[f"map_lasso_{page.project_id}"] = ids
            st.session_state[f"map_drawn_{page.project_id}"] = st.session_state.get(f"map_drawn_{page.project_id}", 0) + 1
    elif ids:
        st.session_state[f"map_document_{page.project_id}"] = ids[0]


def forget_lasso(page: Page) -> None:
    """Let go of what was drawn around."""
    st.session_state.pop(f"map_lasso_{page.project_id}", None)


def show_lasso(page: Page, projection: Projection, outlines: Mapping[str, Document]) -> None:
    """What was drawn around, with the way to its review."""
    ids = chosen_lasso(page)
    if not ids:
        return
    with st.container(border=True):
        st.text(f"{len(ids):,} documents drawn around")
        with st.container(horizontal=True):
            offer_review(page, ids, projection.tuned_id or projection.base_id, key="review-lasso", primary=True)
            st.button("Let go", key="forget-lasso", type="tertiary", icon=":material/close:", on_click=forget_lasso, args=(page,))
        for item in ids[:3]:
            if item in outlines:
                st.text(f"{item} · {outlines[item].content}")
        if len(ids) > 3:
            st.caption(f"The first 3 of {len(ids):,}.")


def show_chosen(page: Page, answers: Sequence[str]) -> Document | None:
    """The document of the point that was clicked last."""
    chosen = chosen_document(page)
    if not chosen:
        st.caption(":material/touch_app: Click a point of a map to read its document here. It is framed on both maps.")
        return None
    with page.workspace.store.read() as conn:
        document = corpus.get_documents(conn, page.project_id, [chosen]).get(chosen)
    if document is None:
        st.caption("This document is no longer in the corpus.")
        return None
    with st.container(height=420, border=False):
        show_document(document, note=f"answer {answers.index(chosen) + 1}" if chosen in answers else "")
    return document


def show_around(page: Page, projection: Projection, document: Document) -> None:
    """The clicked document's nearest neighbours under both models, and the anchors it answers with their change in NDCG@5."""
    models = [projection.base_id, *([projection.tuned_id] if projection.tuned_id else [])]
    near = [read_neighbours(page.workspace, page.project_id, model_id, document.id) for model_id in models]
    with page.workspace.store.read() as conn:
        outlines = corpus.read_outlines(conn, page.project_id, sorted({item for found in near for item in found}), width=200)
        answered = read_answered(conn, page.project_id, document.id, models) if len(models) == 2 else []
    st.subheader(f"Around {escape_label(document.id)}")
    kept = set(near[0]) & set(near[-1])
    if len(near) == 2 and all(near):
        st.caption(f"{len(kept)} of its {len(near[1])} nearest documents are the same under both models.")
    for column, name, found in zip(st.columns(len(near)), ("Base", "Tuned"), near, strict=False):
        column.caption(f"Nearest under {name.lower()}")
        column.dataframe(list_neighbours(found, outlines, kept if len(near) == 2 else set()), hide_index=True, alt=f"Nearest documents under {name.lower()}")
    if answered:
        config = {
            "Change in NDCG@5": st.column_config.NumberColumn(
                format="%+.3f", help="Tuned minus base, as last measured on held-out anchors. Empty for an anchor that is not held out."
            )
        }
        st.caption("Anchors that it answers")
        st.dataframe(list_anchors(answered), hide_index=True, column_config=config, alt="Anchors that the document answers, with their change in NDCG@5")


def list_neighbours(found: Sequence[str], outlines: Mapping[str, Document], kept: set[str]) -> pd.DataFrame:
    """Neighbours as a table, nearest first; those that one model alone has are said to be."""
    rows = [{"Place": place, "Both": "both" if item in kept else "", "Document": item} for place, item in enumerate(found, start=1)]
    texts = [outlines[item].content if item in outlines else "" for item in found]
    table = pd.DataFrame(rows, columns=["Place", "Both", "Document"]).assign(Text=texts)
    return table if kept else table.drop(columns="Both")


def list_anchors(answered: Sequence[AnsweredAnchor]) -> pd.DataFrame:
    """Anchors as a table."""
    rows = [
        {"Anchor": item.text, "Grade": item.grade, "Part": item.part.value if item.part else "", "Change in NDCG@5": item.change} for item in answered[:LISTED]
    ]
    return pd.DataFrame(rows)


def draw_hotspots(page: Page, projection: Projection) -> None:
    """The groups of documents that came together, each with its terms, what it did to search, its first documents and the way to its review."""
    for number, spot in enumerate(list(projection.figures.get("hotspots", []))[:LISTED], start=1):
        title = f"{escape_label(name_hotspot(number, spot))} — {len(spot['ids'])} documents came {spot['closer']:.1f} times closer together"
        with st.expander(title, icon=":material/diamond:", expanded=number == 1):
            if effect := say_effect(spot):
                st.text(effect)
            offer_review(page, spot["ids"], projection.tuned_id, key=f"review-hotspot-{number}", primary=number == 1)
            with page.workspace.store.read() as conn:
                documents = corpus.read_outlines(conn, page.project_id, spot["ids"][:OF_A_GROUP], width=400)
            for document in documents.values():
                show_document(document)
            if len(spot["ids"]) > OF_A_GROUP:
                st.caption(f"The first {OF_A_GROUP} of {len(spot['ids'])}.")


def say_effect(spot: Mapping[str, Any]) -> str:
    """What tuning did to the anchors answered in a hotspot, in a sentence; empty where nothing is known."""
    n, change = spot.get("anchors"), spot.get("ndcg@5")
    if not n:
        return "No held-out question is answered in here, so whether it hurts search cannot be told." if n == 0 else ""
    of = "1 held-out question is answered in here; its" if n == 1 else f"{n} held-out questions are answered in here; their"
    interval = f" (95 % interval {change['low']:+.3f} to {change['high']:+.3f})" if change.get("low") is not None else ""
    return f"{of} NDCG@5 changed by {change['gain']:+.3f}{interval}."
