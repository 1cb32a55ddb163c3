"""One query before and after: its lists side by side with the movements drawn, and the queries that tell most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.curation.split import plan_split
from core.evaluation.found import find_figures, read_score_pair
from core.evaluation.lists import read_lists
from core.evaluation.options import RERANK
from core.evaluation.telling import Telling, choose_telling
from core.model import Anchor, ModelRecord
from core.retrieval.search import Hit
from core.store import corpus
from pages._ui.move_chart import draw_movements
from pages._ui.outcome import Measured
from pages._ui.page import Page
from pages._ui.side_by_side import Listed, draw_lists, say_known, show_side_by_side

STILL: dict[str, Any] = {"displaylogo": False, "displayModeBar": False}
QUERY_TAB = "Before and after"
"""The name of the tab that `open_query` opens."""
SHOWN = 10
MOST_COLUMNS = 3
CUT = 110


def show_query(page: Page, query: str, measured: Measured | None, base: ModelRecord, tuned: ModelRecord | None) -> None:
    """A query's lists: those that were measured, where it is a measured anchor; else searched now."""
    with page.workspace.store.read() as conn:
        anchor = corpus.find_anchor(conn, page.project_id, query.strip())
    if measured is None or anchor is None or not show_measured(page, anchor, measured):
        told = measured.found.test.get("facts", {}).get("settings", {}) if measured else {}
        show_side_by_side(page, query, base, tuned, told.get("reranker", ""))


def show_measured(page: Page, anchor: Anchor, measured: Measured) -> bool:
    """The lists of an anchor as they were measured, with movements; False where none were kept."""
    test = measured.found.test
    chosen = _choose_systems(test, measured)
    kept = {name: read_lists(page.workspace, find_figures(test, name)["evaluation_id"], [anchor.id]).get(anchor.id, []) for name in chosen}
    if not all(kept.values()):
        return False
    with page.workspace.store.read() as conn:
        wanted = sorted({item for listed in kept.values() for item in listed[:SHOWN]})
        documents = corpus.get_documents(conn, page.project_id, wanted)
    grades = say_known(page, anchor.text)
    names = {item["system"]: item["title"] for item in test["systems"]}
    if len(chosen) > 1:
        first, last = chosen[0], chosen[-1]
        figure = draw_movements(kept[first], kept[last], grades, titles=(names[first], names[last]), shown=SHOWN)
        found = [sum(grades.get(item, 0) > 0 for item in kept[name][:SHOWN]) for name in (first, last)]
        alt = f"{found[0]} answers among the first {SHOWN} with {names[first]}, {found[1]} with {names[last]}"
        st.plotly_chart(figure, key=f"moves-{anchor.id}", config=STILL, alt=alt)
        st.caption("Green diamonds answer the question, red crosses were reviewed and do not, grey circles were judged by nobody.")
    lists = [
        Listed(names[name], "", [Hit(documents[item], rank, math.nan) for rank, item in enumerate(kept[name], start=1) if item in documents]) for name in chosen
    ]
    draw_lists(lists, grades, shown=SHOWN)
    return True


def _choose_systems(test: Mapping[str, Any], measured: Measured) -> list[str]:
    """The reference and the system at hand, and others of the run by choice."""
    names = {item["system"]: item["title"] for item in test["systems"]}
    standing = [measured.found.reference["system"], measured.found.system]
    if len(names) <= len(standing):
        return standing
    further = [name for name in names if name == f"{measured.found.system}{RERANK}"]
    chosen = st.multiselect(
        "Systems side by side",
        list(names),
        default=[*standing, *further],
        format_func=lambda name: names.get(name, name),
        max_selections=MOST_COLUMNS,
        key=f"side-by-side-{measured.found.run.id}-{measured.found.system}",
    )
    return sorted(chosen, key=lambda name: (name != standing[0], list(names).index(name))) or standing


def draw_telling(page: Page, measured: Measured) -> None:
    """The biggest gains and the biggest losses, each opening its lists."""
    before, after = read_score_pair(page.workspace, measured.found)
    found = choose_telling(before, after, plan_split(page.workspace, page.project_id).groups)
    with page.workspace.store.read() as conn:
        anchors = corpus.get_anchors(conn, page.project_id, [item.anchor_id for item in found])
    if not found:
        st.caption("No anchor changed.")
        return
    gains, losses = ([item for item in found if (item.difference > 0) is is_gain] for is_gain in (True, False))
    for column, title, items in zip(st.columns(2), ("Biggest gains", "Biggest losses"), (gains, losses), strict=True):
        with column:
            st.markdown(f"**{title}**")
            _draw_items(items, anchors)
            if not items:
                st.caption("None.")


def _draw_items(items: Sequence[Telling], anchors: Mapping[str, Anchor]) -> None:
    for item in items:
        if item.anchor_id not in anchors:
            continue
        text = anchors[item.anchor_id].text
        with st.container(border=True):
            st.text(text if len(text) <= CUT else text[: CUT - 1] + "…")
            with st.container(horizontal=True, vertical_alignment="center"):
                st.badge(f"{item.base:.2f} → {item.tuned:.2f}", color="blue" if item.difference > 0 else "orange", help="NDCG@5 of this anchor.")
                st.button("Show", key=f"tell-{item.anchor_id}", icon=":material/compare_arrows:", type="tertiary", on_click=open_query, args=(text,))


def open_query(text: str) -> None:
    """Put a query into the box and the address; the tab with the lists opens."""
    st.session_state["q"] = text
    st.session_state["compare_view"] = QUERY_TAB
