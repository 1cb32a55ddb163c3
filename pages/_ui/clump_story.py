"""What is told of clumping on more than one page: the flag of a model's newest map as of the newest measurement, kept until there is another."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from core.geometry.stored_map import newest_map
from core.geometry.story import find_map, tell_story
from core.model import ModelKind, ModelRecord, Part, Projection
from core.store import artefacts
from pages._ui.clumps import FLAGS
from pages._ui.page import Page, get_workspace

COLOURS: dict[str, Literal["green", "blue", "orange", "red", "gray"]] = {"green": "green", "note": "blue", "amber": "orange", "red": "red", "none": "gray"}


def read_story(page: Page, projection: Projection) -> dict[str, Any]:
    """The figures of a map, with its flag as of now."""
    with page.workspace.store.read() as conn:
        measured = artefacts.list_evaluations(conn, page.project_id, part=Part.TEST.value)
    return _tell(str(page.workspace.home), page.project_id, projection, tuple(item.id for item in measured))


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={Projection: lambda projection: projection.id})
def _tell(home: str, project_id: str, projection: Projection, measured: tuple[str, ...]) -> dict[str, Any]:
    return tell_story(get_workspace(), project_id, projection)


def show_clump_line(page: Page, tuned: ModelRecord) -> None:
    """One line beside a verdict: whether the model clumps, with the way to its map; under it why, where that is anything but green."""
    projection = find_map(page.workspace, page.project_id, tuned.id)
    figures = read_story(page, projection) if projection else {}
    with st.container(horizontal=True, vertical_alignment="center"):
        if tuned.kind == ModelKind.ADAPTER:
            st.caption("An adapter moves queries alone: the documents lie where the base has them, so that its map is the base's.")
        elif projection is None:
            st.caption("Whether this model still tells the documents apart is not known: its map was not drawn yet.")
        else:
            verdict = figures.get("verdict", "none")
            _, icon, word = FLAGS[verdict]
            st.badge(word, icon=icon, color=COLOURS[verdict])
        with page.workspace.store.read() as conn:
            newest = newest_map(conn, page.project_id)
        is_shown = newest is None or (projection is not None and projection.id == newest.id)  # the page shows the newest map, and its groups alone
        way = "Open the newest map" if not is_shown else "Open the map and review its groups" if figures.get("hotspots") else "Open the map"
        st.page_link("map.py", label=way, icon=":material/scatter_plot:")
    if figures.get("verdict", "green") != "green":
        st.caption("\n".join(f"- {reason}" for reason in figures.get("reasons", [])))
