"""Each held-out anchor with its change under two systems, the worst first; a chosen row opens both lists."""

from __future__ import annotations

import math
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from core.evaluation.found import list_changes, read_score_pair
from core.evaluation.measures import PRIMARY
from core.model import ModelRecord
from pages._ui.before_after import show_query
from pages._ui.charts import MAX_POINTS, draw_changes
from pages._ui.figures import MEASURES, STILL
from pages._ui.outcome import Measured
from pages._ui.page import Page
from pages._ui.text import escape_label

PAGE_SIZE = 50


def draw_anchors(page: Page, measured: Measured, base: ModelRecord, tuned: ModelRecord | None) -> None:
    """The chart of all changes, the table, and the lists of the row that is chosen."""
    before, after = read_score_pair(page.workspace, measured.found)
    changes = {anchor_id: after[anchor_id] - value for anchor_id, value in before.items() if anchor_id in after}
    difference = measured.view["difference"]
    alt = f"{difference['wins']} anchors got better, {difference['losses']} worse, {difference['ties']} stayed the same"
    st.plotly_chart(draw_changes(changes, measure=MEASURES[PRIMARY][0]), key="changes", config=STILL, alt=alt)
    if len(changes) > MAX_POINTS:
        st.caption(f"Showing {MAX_POINTS:,} of {len(changes):,} anchors.")
    controls = st.columns([3, 1], vertical_alignment="bottom")
    order = controls[0].segmented_control("Order", ["Worst first", "Best first"], default="Worst first", required=True, key="compare_order")
    pages = max(1, math.ceil(len(changes) / PAGE_SIZE))
    number = controls[1].number_input(f"Page of {pages}", 1, pages, key="compare_page") if pages > 1 else 1
    found = measured.found
    rows = list_changes(page.workspace, page.project_id, found, best_first=order == "Best first", offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    first, second = measured.titles
    table = pd.DataFrame(
        {
            "Anchor": [row.text for row in rows],
            first: [row.base for row in rows],
            second: [row.tuned for row in rows],
            "Difference": [row.difference for row in rows],
            "Lists": [make_link(page, measured, row.text) for row in rows],
        }
    )
    number_column = st.column_config.NumberColumn(format="%.3f", help="NDCG@5 of this anchor.")
    config = {
        "Anchor": st.column_config.TextColumn(width="medium"),
        first: number_column,
        second: number_column,
        "Difference": st.column_config.NumberColumn(format="%+.3f", width="small", help=escape_label(f"{second} minus {first.lower()}.")),
        "Lists": st.column_config.LinkColumn(display_text="Both lists", width="small", help="Both first tens, at an address that can be shared."),
    }
    event = st.dataframe(
        table,
        hide_index=True,
        column_config=config,
        on_select="rerun",
        selection_mode="single-row",
        key=f"changes-{found.run.id}-{found.system}-{order}-{number}",
        height=320,
        alt="Held-out anchors with their NDCG@5 under both systems",
    )
    chosen = event.selection.rows
    if not chosen or chosen[0] >= len(rows):
        st.caption(":material/touch_app: Choose a row to see what both systems find for that anchor.")
        return
    st.text(rows[chosen[0]].text)
    show_query(page, rows[chosen[0]].text, measured, base, tuned)


def make_link(page: Page, measured: Measured, text: str) -> str:
    """The address of this page with a query asked, a run and a system chosen."""
    here = (st.context.url or "/compare").partition("?")[0]
    return f"{here}?" + urlencode({"project": page.project_id, "run": measured.found.run.id, "system": measured.found.system, "q": text})
