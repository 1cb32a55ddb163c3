"""Map: both models' maps of the documents on the same axes, and whether the tuned model clumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from core.evaluation.clump_words import say_movement
from core.geometry.atlas import make_atlas
from core.geometry.stored_map import find_layout, newest_map
from core.model import Projection, RunKind, RunStatus
from core.store import artefacts
from pages._ui.charts import MAX_POINTS
from pages._ui.clump_story import read_story
from pages._ui.clumps import show_comparison, show_flag, show_search, show_single
from pages._ui.map_chart import draw_map
from pages._ui.map_colours import choose_colours, list_known
from pages._ui.map_controls import PASSAGE, Chosen, choose_anchor, choose_view, search_map
from pages._ui.map_data import load_documents, load_layout, load_standing
from pages._ui.map_passage import draw_passage
from pages._ui.map_points import MapPoints, choose_points
from pages._ui.map_side import chart_key, chosen_document, chosen_lasso, draw_hotspots, keep_choice, show_around, show_chosen, show_lasso
from pages._ui.page import Page, open_page
from pages._ui.runs import latest_run, start_run, watch_run
from pages._ui.text import escape_hover

POINTS_DRAWN = 5_000
CONFIG = {"displaylogo": False, "scrollZoom": True, "toImageButtonOptions": {"format": "png", "filename": "pairsmith-map", "scale": 2}}


def offer_drawing(page: Page, newest: Projection | None) -> bool:
    """Watch a drawing under way; offer one where there is none, or where the tuned model is not on it. Returns whether there was either."""
    run = latest_run(page, RunKind.MAP)
    if run and not run.status.is_over:
        watch_run(page, run)
        return True
    if run and run.status != RunStatus.SUCCEEDED and (newest is None or run.created_at > newest.created_at):
        watch_run(page, run)
    with page.workspace.store.read() as conn:
        tuned = artefacts.find_tuned(conn, page.project_id, whole=True)
    if newest is None:
        st.info("No map has been drawn yet. It takes about half a minute for a thousand documents, longer where they are new.", icon=":material/map:")
    elif tuned and newest.tuned_id != tuned.id:
        st.info("The tuned model is not on this map yet.", icon=":material/update:")
    else:
        return False
    offer_start(page, primary=True)
    return True


def offer_start(page: Page, *, primary: bool = False) -> None:
    """The button that draws, with the choice of a density view."""
    help_text = "Draws the maps a second time so that crowded documents lie crowded (densMAP). It takes twice as long."
    density = st.checkbox("With a density view", key="map_with_density", help=help_text)
    if st.button("Draw the map", type="primary" if primary else "secondary", icon=":material/scatter_plot:"):
        start_run(page, RunKind.MAP, {"density": density})
        st.rerun()


def gather_points(page: Page, projection: Projection, path: Path, chosen: Chosen) -> tuple[MapPoints, list[str], str, str]:
    """What is drawn, the values in colour, the view and what a drag does, by the controls that this draws."""
    figures, layout = projection.figures, load_layout(str(path))
    documents = load_documents(page, str(path))
    ids = documents.ids
    colours, search = st.columns(2)
    found = search_map(page, search)
    values, shown = choose_colours(colours, documents.fields, list_known(ids, load_standing(page), figures, layout), len(ids))
    view, density, drag = choose_view(layout)
    most = POINTS_DRAWN
    if len(ids) > POINTS_DRAWN:
        most = st.segmented_control("Points drawn", [POINTS_DRAWN, MAX_POINTS], default=POINTS_DRAWN, required=True, key="map_most")
    hotspots = frozenset(item for spot in figures.get("hotspots", []) for item in spot["ids"])
    lasso = frozenset(chosen_lasso(page))
    rows = choose_points(ids, most, hotspots | found | lasso | {*chosen.answers, chosen_document(page)})
    sides = [f"{side}_dense" if density else side for side in ("base", "tuned") if side in layout]
    anchor = layout["anchors"].tolist().index(chosen.anchor_id) if chosen.anchor_id in layout.get("anchors", []) else None
    points = MapPoints(
        ids=[ids[row] for row in rows],
        base=layout[sides[0]][rows],
        tuned=layout[sides[1]][rows] if len(sides) > 1 else None,
        values=[values[row] for row in rows],
        hover=[documents.hover[row] for row in rows],
        hotspots=hotspots,
        answers=chosen.answers,
        found=found,
        chosen=chosen_document(page),
        lasso=lasso,
        anchor=escape_hover(chosen.text),
        anchor_places=[] if anchor is None else [layout[f"anchors_{side}"][anchor] for side in sides],
    )
    return points, shown, view, drag


def draw_maps(page: Page, projection: Projection, path: Path) -> None:
    """The maps with their controls above, what was chosen beside, and the downloads."""
    chosen = choose_anchor(page)
    points, shown, view, drag = gather_points(page, projection, path, chosen)
    maps, side = st.columns([5, 2], gap="medium")
    with side:
        show_lasso(page, projection, load_documents(page, str(path)).outlines)
        document = show_chosen(page, chosen.answers)
    draw = draw_passage if view == PASSAGE else draw_map
    with maps:
        together = f"{len(points.hotspots)} documents came closer together" if points.hotspots else "no group of documents came closer together"
        alt = f"Maps of base and tuned, {together}" if points.tuned is not None else "Map of the documents under the base model"
        key = f"{chart_key(page, projection)}-{view}"
        choose = {"on_select": lambda: keep_choice(page, key), "selection_mode": ("points", "box", "lasso")}
        st.plotly_chart(draw(points, shown, drag=drag), key=key, config=CONFIG, alt=alt, **choose)
        total = projection.figures.get("documents", len(points.ids))
        st.caption(
            f"Showing {len(points.ids):,} of {total:,} documents. Near is alike; the axes have no unit. Scroll to zoom, drag to move both; "
            "the camera in the corner saves a PNG."
        )
        if moved := say_movement(projection.figures):
            st.caption(moved)
        offer_downloads(page, lambda: draw(points, shown))
    if document is not None:
        show_around(page, projection, document)


def offer_downloads(page: Page, draw: Callable[[], go.Figure]) -> None:
    """The map as one page, and all of it for a viewer of millions of points."""
    with st.container(horizontal=True):
        st.download_button(
            "Download as a web page",
            lambda: draw().to_html(include_plotlyjs=True, full_html=True),
            "pairsmith-map.html",
            "text/html",
            icon=":material/download:",
            on_click="ignore",
            help="One file that works without a network. It holds the beginnings of the documents that are drawn.",
        )
        st.download_button(
            "Download for Embedding Atlas",
            lambda: make_atlas(page.workspace, page.project_id)[0],
            "pairsmith-map.parquet",
            icon=":material/table_view:",
            on_click="ignore",
            help="A Parquet file of the whole map with full texts: embedding-atlas pairsmith-map.parquet --text text --x tuned_x --y tuned_y",
        )


page = open_page("Map", ":material/scatter_plot:", caption="Where the documents lie under base and tuned, and whether any drew together that should not.")
with page.workspace.store.read() as connection:
    newest = newest_map(connection, page.project_id)
is_offered = offer_drawing(page, newest)
if newest is not None:
    newest = replace(newest, figures=read_story(page, newest))
    file = find_layout(page.workspace, newest)
    if newest.tuned_id is None:
        st.caption("Only the base model is on this map: whether a tuned model clumps can be told once one is drawn beside it.")
        show_single(newest.figures.get("base", {}), newest.figures.get("random", {}))
    else:
        with page.workspace.store.read() as connection:
            drawn = artefacts.find_model(connection, page.project_id, newest.tuned_id)
        show_flag(dict(newest.figures), drawn.name if drawn else "")
    if file.exists():
        draw_maps(page, newest, file)
    else:
        st.warning("The file of this map is gone from the home folder. Draw the map again.", icon=":material/warning:")
    if newest.tuned_id is not None:
        draw_hotspots(page, newest)
        st.subheader("The figures behind it")
        show_search(newest.figures)
        show_comparison(newest.figures)
    if not is_offered:
        with st.expander("Draw the map again", icon=":material/refresh:"):
            offer_start(page)
