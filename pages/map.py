"""Map: both models' maps of the documents on the same axes, and whether the tuned model clumps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.model import Document, ModelKind, Projection, RunKind, RunStatus
from core.store import artefacts, corpus
from pages._ui.charts import MAX_POINTS, MapPoints, choose_points, draw_map
from pages._ui.clumps import show_comparison, show_flag, show_single
from pages._ui.map_controls import choose_anchor, choose_colours, chosen_document, draw_hotspots, keep_choice, show_chosen
from pages._ui.page import Page, get_workspace, open_page
from pages._ui.runs import latest_run, start_run, watch_run
from pages._ui.text import escape_hover

POINTS_DRAWN = 5_000


@st.cache_data(max_entries=4, show_spinner=False)
def load_layout(path: str) -> dict[str, Any]:
    """The arrays of a map: `ids`, `base` and, where there is one, `tuned`. A file is never written twice under one name."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@st.cache_data(max_entries=4, show_spinner=False)
def load_outlines(home: str, project_id: str, revision: int, path: str) -> dict[str, Document]:
    """The beginnings of the documents on a map, for one revision of the corpus."""
    with get_workspace().store.read() as conn:
        return corpus.read_outlines(conn, project_id, load_layout(path)["ids"].tolist())


def offer_drawing(page: Page, newest: Projection | None) -> None:
    """Watch a drawing under way; offer one where there is none, or where the newest tuned model is not on it."""
    run = latest_run(page, RunKind.MAP)
    if run and not run.status.is_over:
        watch_run(page, run)
        return
    if run and run.status != RunStatus.SUCCEEDED and (newest is None or run.created_at > newest.created_at):
        watch_run(page, run)
    with page.workspace.store.read() as conn:
        tuned = next((model for model in artefacts.list_models(conn, page.project_id) if model.kind == ModelKind.TUNED), None)
    if newest is None:
        st.info("No map has been drawn yet. It takes about half a minute for a thousand documents, longer where they are new.", icon=":material/map:")
    elif tuned and newest.tuned_id != tuned.id:
        st.info("The newest tuned model is not on this map yet.", icon=":material/update:")
    else:
        return
    if st.button("Draw the map", type="primary", icon=":material/scatter_plot:"):
        start_run(page, RunKind.MAP)
        st.rerun()


def draw_maps(page: Page, projection: Projection, path: Path) -> None:
    """The maps with their controls beside, and the download."""
    figures, arrays = projection.figures, load_layout(str(path))
    outlines = load_outlines(str(page.workspace.home), page.project_id, page.project.corpus_revision if page.project else 0, str(path))
    hotspots = frozenset(item for spot in figures.get("hotspots", []) for item in spot["ids"])
    ids = arrays["ids"].tolist()
    values, shown = choose_colours(outlines, ids)
    answers = choose_anchor(page)
    most = POINTS_DRAWN
    if len(ids) > POINTS_DRAWN:
        most = st.segmented_control("Points drawn", [POINTS_DRAWN, MAX_POINTS], default=POINTS_DRAWN, required=True, key="map_most")
    chosen = chosen_document(page)
    maps, side = st.columns([5, 2], gap="medium")
    with side:
        show_chosen(page, answers)
    rows = choose_points(ids, most, hotspots | {*answers, chosen})
    hover = {item: escape_hover(f"{item} · {outlines[item].content}" if item in outlines else item, 90) for item in (ids[row] for row in rows)}
    points = MapPoints(
        ids=[ids[row] for row in rows],
        base=arrays["base"][rows],
        tuned=arrays["tuned"][rows] if "tuned" in arrays else None,
        values=[values[row] for row in rows],
        hover=list(hover.values()),
        hotspots=hotspots,
        answers=answers,
        chosen=chosen,
    )
    figure = draw_map(points, shown)
    with maps:
        together = f"{len(hotspots)} documents came closer together" if hotspots else "no group of documents came closer together"
        alt = f"Maps of base and tuned, {together}" if points.tuned is not None else "Map of the documents under the base model"
        config = {"displaylogo": False, "scrollZoom": True, "toImageButtonOptions": {"format": "png", "filename": "pairsmith-map", "scale": 2}}
        key = f"map-{projection.id}"
        st.plotly_chart(figure, key=key, on_select=lambda: keep_choice(page, key), selection_mode="points", config=config, alt=alt)
        total = figures.get("documents", len(ids))
        st.caption(
            f"Showing {len(rows):,} of {total:,} documents. Near is alike; the axes have no unit. Scroll to zoom, drag to move both; "
            "the camera in the corner saves a PNG."
        )
        st.download_button(
            "Download as a web page",
            lambda: draw_map(points, shown).to_html(include_plotlyjs=True, full_html=True),
            "pairsmith-map.html",
            "text/html",
            icon=":material/download:",
            on_click="ignore",
            help="One file that works without a network. It holds the beginnings of the documents that are drawn.",
        )


page = open_page("Map", ":material/scatter_plot:", caption="Where the documents lie under base and tuned, and whether any drew together that should not.")
with page.workspace.store.read() as connection:
    newest_projection = next(iter(artefacts.list_projections(connection, page.project_id)), None)
offer_drawing(page, newest_projection)
if newest_projection is not None:
    file = page.workspace.folder("maps") / Path(newest_projection.path).name
    if newest_projection.tuned_id is None:
        st.caption("Only the base model is on this map: whether a tuned model clumps can be told once one is drawn beside it.")
        show_single(newest_projection.figures.get("base", {}))
    else:
        show_flag(dict(newest_projection.figures))
    if file.exists():
        draw_maps(page, newest_projection, file)
    else:
        st.warning("The file of this map is gone from the home folder. Draw the map again.", icon=":material/warning:")
    if newest_projection.tuned_id is not None:
        draw_hotspots(page, dict(newest_projection.figures))
        st.subheader("The figures behind it")
        show_comparison(newest_projection.figures)
