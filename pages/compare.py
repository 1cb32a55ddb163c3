"""Compare: the verdict on a tuned model, its figures, each held-out anchor, and any query side by side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from core.evaluation.found import list_comparisons
from core.model import ModelKind, ModelRecord, RunKind
from core.store import artefacts
from pages._ui.before_after import QUERY_TAB, draw_telling, show_query
from pages._ui.change_table import draw_anchors
from pages._ui.clump_story import show_clump_line
from pages._ui.evaluate_form import draw_form
from pages._ui.figures import draw_figures
from pages._ui.holes_panel import draw_holes
from pages._ui.model_label import label_model
from pages._ui.origin import draw_origin
from pages._ui.outcome import Measured, find_measured, offer_measuring
from pages._ui.page import Page, open_page
from pages._ui.runs import latest_run, start_run, watch_run
from pages._ui.slice_table import draw_slices
from pages._ui.text import escape_label
from pages._ui.verdict import show_verdict
from pages._ui.verdict_rule import draw_rule, show_doubts

TABS = ("Figures", "Anchor by anchor", "Slices", QUERY_TAB, "Where from")


def choose_model(page: Page) -> tuple[ModelRecord | None, ModelRecord | None]:
    """The base and the tuned model to compare: the one that is `tuned` everywhere, or the one chosen."""
    with page.workspace.store.read() as conn:
        models, first = artefacts.list_models(conn, page.project_id), artefacts.find_tuned(conn, page.project_id)
    by_id = {model.id: model for model in models}
    tuned = [model for model in models if model.kind.is_trained]
    if first is None:
        return next((model for model in models if model.kind == ModelKind.BASE), None), None
    words = {model.id: label_model(model) for model in tuned}
    text = "Newest first. To begin with it is the newest that was measured on held-out anchors."
    index = list(words).index(first.id)
    chosen = st.selectbox("Tuned model", list(words), index, format_func=lambda item: words.get(item, item), help=text, key="compare_model")
    return by_id.get(by_id[chosen].base_id or ""), by_id[chosen]


def choose_run(page: Page, model: ModelRecord) -> str | None:
    """The measurement to look at: the one in the address, else the newest, where there are several one of them by choice."""
    found = list_comparisons(page.workspace, page.project_id, model_id=model.id)
    wanted = st.query_params.get("run")
    if len(found) < 2:
        return wanted
    words = {run.id: f"{datetime.fromtimestamp(run.created_at, UTC):%Y-%m-%d %H:%M} UTC, {len(test['systems'])} systems" for run, test in found}
    ids = list(words)
    start = ids.index(wanted) if wanted in ids else 0
    chosen = st.selectbox("Measurement", ids, index=start, format_func=lambda item: words.get(item, item), key=f"compare_run-{model.id}-{ids[0]}")
    if chosen == ids[0]:
        st.query_params.pop("run", None)  # the newest stays the newest when another is measured
    else:
        st.query_params["run"] = chosen
    return chosen


def choose_system(measured: Measured) -> Measured:
    """The comparison seen from one of its systems, where there is more than one beside the reference."""
    names = {item["system"]: item["title"] for item in measured.found.test["systems"]}
    against = [item["system"] for item in measured.found.test["comparisons"]]
    if len(against) < 2:
        return measured
    chosen = st.selectbox(
        f"{escape_label(measured.titles[0])} against",
        against,
        index=against.index(measured.found.system),
        format_func=lambda name: names.get(name, name),
        key=f"compare_system-{measured.found.run.id}",
    )
    st.query_params["system"] = chosen
    return replace(measured, found=replace(measured.found, system=chosen))


def draw_query(page: Page, measured: Measured | None, base: ModelRecord, tuned: ModelRecord | None) -> None:
    """A text box and the lists it leads to; without a query, those that tell most."""
    query = st.text_input("Query", key="q", bind="query-params", placeholder="Type a question and press Enter", help="The address of this page keeps it.")
    if query and query.strip():
        show_query(page, query, measured, base, tuned)
        return
    st.caption("Any question will do. An anchor's own words also show which documents are known answers.")
    if measured is not None:
        draw_telling(page, measured)


def draw_tabs(page: Page, found: Measured | None, base: ModelRecord, tuned: ModelRecord | None) -> None:
    """The views of a comparison, each drawn only while it is open."""
    start = QUERY_TAB if found is None or st.query_params.get("q") else TABS[0]
    figures, anchors, slices, query_tab, origin = st.tabs(TABS, key="compare_view", on_change="rerun", default=start)
    if query_tab.open:
        with query_tab:
            draw_query(page, found, base, tuned)
    elif found is None:
        st.caption("The figures come with the measurement.")
    elif figures.open:
        with figures:
            draw_figures(found)
    elif anchors.open:
        with anchors:
            draw_anchors(page, found, base, tuned)
    elif slices.open:
        with slices:
            draw_slices(page, found)
    elif origin.open:
        with origin:
            draw_origin(page, found)


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
choices = st.container(horizontal=True)
with choices:
    base_model, tuned_model = choose_model(page)
if tuned_model is None:
    st.info(
        "There is no tuned model yet. Label answers, review hard negatives, then start a tuning run. The base can be tried already.", icon=":material/info:"
    )
    st.page_link("tune.py", label="Go to tune", icon=":material/arrow_forward:")
if base_model is None:
    offer_base(page)
else:
    model = tuned_model or base_model
    with choices:
        found = find_measured(page, model.id, system=st.query_params.get("system"), run_id=choose_run(page, model))
        found = choose_system(found) if found else None
    if found:
        show_verdict(found.view["verdict"], large=True)
        show_doubts(found.view)
        draw_rule(found.view)
        if tuned_model:
            show_clump_line(page, tuned_model)
    if tuned_model:
        offer_measuring(page, tuned_model, found)
    if found or tuned_model:
        draw_tabs(page, found, base_model, tuned_model)
    else:
        draw_query(page, None, base_model, None)
    if found:
        draw_holes(page, found)
    draw_form(page, model)
