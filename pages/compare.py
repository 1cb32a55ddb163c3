"""Compare: the verdict on a tuned model, its figures, each held-out anchor, and any query side by side."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from core.model import ModelKind, ModelRecord, RunKind
from core.store import artefacts
from pages._ui.charts import MAX_POINTS, draw_changes
from pages._ui.figures import MEASURES, PRIMARY, STILL, draw_figures
from pages._ui.outcome import Measured, find_measured, offer_measuring
from pages._ui.page import Page, open_page
from pages._ui.runs import latest_run, start_run, watch_run
from pages._ui.side_by_side import show_side_by_side
from pages._ui.verdict import show_verdict

TABS = ("Figures", "Anchor by anchor", "Try any query")
PAGE_SIZE = 50


def choose_model(page: Page) -> tuple[ModelRecord | None, ModelRecord | None]:
    """The base and the tuned model to compare: the newest, or the one chosen."""
    with page.workspace.store.read() as conn:
        models = artefacts.list_models(conn, page.project_id)
    by_id = {model.id: model for model in models}
    tuned = [model for model in models if model.kind.is_trained]
    if not tuned:
        return next((model for model in models if model.kind == ModelKind.BASE), None), None
    words = {model.id: f"{model.name} ({model.id[:8]})" for model in tuned}
    chosen = st.selectbox("Tuned model", list(words), format_func=lambda item: words.get(item, item), help="Newest first.", key="compare_model")
    return by_id.get(by_id[chosen].base_id or ""), by_id[chosen]


def draw_anchors(page: Page, measured: Measured, base: ModelRecord, tuned: ModelRecord) -> None:
    """Each held-out anchor with its change; a chosen row shows both lists."""
    with page.workspace.store.read() as conn:
        scores = [artefacts.read_scores(conn, item, PRIMARY) for item in measured.ids]
    changes = {anchor_id: scores[1][anchor_id] - value for anchor_id, value in scores[0].items() if anchor_id in scores[1]}
    difference = measured.test["difference"]
    alt = f"{difference['wins']} anchors got better, {difference['losses']} worse, {difference['ties']} stayed the same"
    st.plotly_chart(draw_changes(changes, measure=MEASURES[PRIMARY][0]), key="changes", config=STILL, alt=alt)
    if len(changes) > MAX_POINTS:
        st.caption(f"Showing {MAX_POINTS:,} of {len(changes):,} anchors.")
    controls = st.columns([3, 1], vertical_alignment="bottom")
    order = controls[0].segmented_control("Order", ["Worst first", "Best first"], default="Worst first", required=True, key="compare_order")
    pages = max(1, math.ceil(len(changes) / PAGE_SIZE))
    number = controls[1].number_input(f"Page of {pages}", 1, pages, key="compare_page") if pages > 1 else 1
    with page.workspace.store.read() as conn:
        rows = artefacts.page_changes(
            conn, page.project_id, *measured.ids, PRIMARY, best_first=order == "Best first", offset=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
        )
    table = pd.DataFrame(
        {
            "Anchor": [row.text for row in rows],
            "Base": [row.base for row in rows],
            "Tuned": [row.tuned for row in rows],
            "Difference": [row.difference for row in rows],
        }
    )
    number_column = st.column_config.NumberColumn(format="%.3f", width="small", help="NDCG@5 of this anchor.")
    config = {
        "Anchor": st.column_config.TextColumn(width="large"),
        "Base": number_column,
        "Tuned": number_column,
        "Difference": st.column_config.NumberColumn(format="%+.3f", width="small", help="Tuned minus base."),
    }
    event = st.dataframe(
        table,
        hide_index=True,
        column_config=config,
        on_select="rerun",
        selection_mode="single-row",
        key=f"changes-{measured.evaluation.id}-{order}-{number}",
        height=320,
        alt="Held-out anchors with their NDCG@5 under both models",
    )
    chosen = event.selection.rows
    if not chosen or chosen[0] >= len(rows):
        st.caption(":material/touch_app: Choose a row to see what both models find for that anchor.")
        return
    st.text(rows[chosen[0]].text)
    show_side_by_side(page, rows[chosen[0]].text, base, tuned)


def draw_query(page: Page, base: ModelRecord, tuned: ModelRecord | None) -> None:
    """A text box, and both models' first five."""
    query = st.text_input("Query", key="q", bind="query-params", placeholder="Type a question and press Enter", help="The address of this page keeps it.")
    if query and query.strip():
        show_side_by_side(page, query, base, tuned)
    else:
        st.caption("Any question will do. An anchor's own words also show which documents are known answers.")


def offer_base(page: Page) -> None:
    """Where no model is registered yet: embed the documents first."""
    run = latest_run(page, RunKind.EMBED)
    if run:
        watch_run(page, run)
    if run is None or run.status.is_over:
        st.info("The documents have not been embedded yet, so no model can be asked. It takes a few seconds for a hundred documents.", icon=":material/info:")
        if st.button("Embed the documents", type="primary", icon=":material/memory:"):
            start_run(page, RunKind.EMBED)
            st.rerun()


page = open_page("Compare", ":material/compare_arrows:", caption="Base against tuned, measured on anchors held out from tuning.")
base_model, tuned_model = choose_model(page)
if tuned_model is None:
    st.info(
        "There is no tuned model yet. Label answers, review hard negatives, then start a tuning run. The base can be tried already.", icon=":material/info:"
    )
    st.page_link("tune.py", label="Go to tune", icon=":material/arrow_forward:")
if base_model is None:
    offer_base(page)
elif tuned_model is None:
    draw_query(page, base_model, None)
else:
    found = find_measured(page, tuned_model.id)
    if found:
        show_verdict(found.test["verdict"], large=True)
    offer_measuring(page, tuned_model, found)
    start = TABS[2] if found is None or st.query_params.get("q") else TABS[0]
    figures, anchors, query_tab = st.tabs(TABS, key="compare_view", on_change="rerun", default=start)
    if figures.open and found:
        with figures:
            draw_figures(found.test, found.openings)
    elif anchors.open and found:
        with anchors:
            draw_anchors(page, found, base_model, tuned_model)
    elif query_tab.open:
        with query_tab:
            draw_query(page, base_model, tuned_model)
    else:
        st.caption("The figures come with the measurement.")
