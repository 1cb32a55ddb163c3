"""The figures of a comparison: NDCG@5 with intervals first, every measure of every system, and what the verdict rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.measures import PRIMARY
from core.evaluation.verdict import FEW_JUDGED, MIN_GAIN
from core.store.artefacts import Openings
from pages._ui.charts import Interval, draw_intervals
from pages._ui.outcome import Measured
from pages._ui.text import escape_hover, escape_label

STILL: dict[str, Any] = {"displaylogo": False, "displayModeBar": False}
"""Chart settings where there is nothing to zoom into."""
MEASURES = {
    "ndcg@5": ("NDCG@5", "How good the first five are: full answers near the top count most. 1 is the best order there is."),
    "condensed_ndcg@5": ("NDCG@5, judged only", "The same with unjudged documents taken out of the list. Far above NDCG@5: unjudged hits decide."),
    "ndcg@10": ("NDCG@10", "The same as NDCG@5 over the first ten."),
    "recall@5": ("Recall@5", "Share of all known answers that are among the first five."),
    "recall@50": ("Recall@50", "Share of all known answers that are among the first fifty: what a reranker could still save."),
    "rr@10": ("RR@10", "One over the place of the first answer within the first ten: 1 when it leads, 0.5 when it is second."),
    "judged@5": ("Judged@5", "Share of the first five that somebody has judged. Where it is low, unjudged answers count as wrong and figures are too low."),
}
COSTS: Mapping[str, tuple[str, str, Callable[[float], str]]] = {
    "latency_ms": ("Time a query", "Median of a few single queries on the worker's machine, from text to list.", lambda value: f"{value:,.1f} ms"),
    "added_ms": ("Added by reranking", "The part of it that the reranker takes.", lambda value: f"{value:,.1f} ms"),
    "bytes_per_document": ("Index a document", "Vectors in float32, or the index of words on disk.", lambda value: f"{value:,.0f} bytes"),
    "ceiling": ("Best by reranking", "NDCG@5 that a reranker without error would reach on the same lists.", lambda value: f"{value:.3f}"),
}


def draw_figures(measured: Measured) -> None:
    """NDCG@5 with intervals first, then every measure of every system, then what the verdict rests on."""
    view, (first, second) = measured.view, measured.titles
    base, tuned, difference = view["base"], view["tuned"], view["difference"]
    name, words = MEASURES[PRIMARY]
    interval = "The range below each figure is its 95 % interval: how far chance alone could move it, resampling anchors that share answers together."
    st.subheader(f"{name} on {difference['n']} held-out anchors", help=f"{words} {interval}")
    columns = st.columns(3)
    for column, title, value, (low, high), form in (
        (columns[0], first, base[PRIMARY], base["interval"], ".3f"),
        (columns[1], second, tuned[PRIMARY], tuned["interval"], ".3f"),
        (columns[2], "Difference", difference["gain"], (difference["low"], difference["high"]), "+.3f"),
    ):
        column.metric(escape_label(title), f"{value:{form}}", f"{low:{form}} to {high:{form}}", delta_color="off", delta_arrow="off", border=True)
    named = [escape_hover(title, 40) for title in measured.titles]
    marks = [Interval(named[0], base[PRIMARY], *base["interval"]), Interval(named[1], tuned[PRIMARY], *tuned["interval"])]
    change = Interval(f"{named[1]} minus {named[0].lower()}", difference["gain"], difference["low"], difference["high"])
    alt = f"{name} {base[PRIMARY]:.3f} with {first}, {tuned[PRIMARY]:.3f} with {second}; the difference lies between {change.low:+.3f} and {change.high:+.3f}"
    st.plotly_chart(draw_intervals(*marks, change, measure=name, least=MIN_GAIN), key="intervals", config=STILL, alt=alt)
    st.caption(f"Lines and the ranges above are 95 % intervals. The shaded band is a difference under {MIN_GAIN}, too small to notice in use.")
    draw_columns(view)
    judged = min(base.get("judged@5", 1.0), tuned.get("judged@5", 1.0))
    if judged < FEW_JUDGED:
        st.caption(
            f":material/info: Only {judged:.0%} of the first five were judged by anybody. Unjudged documents count as wrong, so all figures are lower than "
            "the truth; the comparison is fair as long as both systems are judged alike."
        )
    draw_grounds(view, measured.openings)


def draw_columns(test: Mapping[str, Any]) -> None:
    """Every system a column, every measure, cost and comparison a row; what the rows say is told below."""
    systems = {item["system"]: item for item in test["systems"]}
    against = {item["system"]: item for item in test["comparisons"]}
    rows: dict[str, list[str]] = {}
    told: dict[str, str] = {}
    for key, (label, words) in MEASURES.items():
        if any(key in item for item in systems.values()):
            rows[label], told[label] = [_say(item.get(key), lambda value: f"{value:.3f}") for item in systems.values()], words
    family = f" Adjusted for {len(against)} comparisons (Holm)." if len(against) > 1 else ""
    compared = [against.get(name) for name in systems]
    for label, words, say in (
        ("Change in NDCG@5", "Against the reference.", lambda item: f"{item['difference']['gain']:+.3f}"),
        (
            "95 % interval",
            "Of the change. Where it holds 0, chance may be all there is.",
            lambda item: f"{item['difference']['low']:+.3f} to {item['difference']['high']:+.3f}",
        ),
        ("p-value", f"How often chance alone gives as large a change.{family}", lambda item: _say_p(item["adjusted_p"])),
        ("Better · same · worse", "Anchors.", lambda item: " · ".join(str(item["difference"][key]) for key in ("wins", "ties", "losses"))),
        ("Verdict", "By the rule above. A dash is the reference.", lambda item: item["verdict"]["title"]),
    ):
        rows[label], told[label] = ["—" if item is None else say(item) for item in compared], words
    for key, (label, words, form) in COSTS.items():
        if any(item.get(key) is not None for item in systems.values()):
            rows[label], told[label] = [_say(item.get(key), form) for item in systems.values()], words
    titles = _make_unique([item["title"] for item in systems.values()])
    table = pd.DataFrame(rows.values(), index=pd.Index(list(rows)), columns=titles)
    config = {title: st.column_config.TextColumn(width=150) for title in titles}
    st.dataframe(table, column_config=config, height="content", alt="Every system a column, every measure a row")
    with st.expander("What the rows say", icon=":material/help:"):
        for label, words in told.items():
            st.markdown(f"**{escape_label(label)}** — {escape_label(words)}")
    for item in systems.values():
        for note in item.get("notes", ()):
            st.text(f"{item['title']}: {note}")


def _say(value: float | None, form: Callable[[float], str]) -> str:
    return "—" if value is None else form(value)


def _say_p(value: float) -> str:
    return "under 0.001" if value < 0.001 else f"{value:.3f}"


def _make_unique(titles: list[str]) -> list[str]:
    """Titles that differ: a table takes no two columns of one name."""
    return [title if titles.count(title) == 1 else f"{title} ({place + 1})" for place, title in enumerate(titles)]


def draw_grounds(test: Mapping[str, Any], openings: Openings) -> None:
    """What the verdict rests on: how many anchors, who won, general knowledge."""
    difference, guard = test["difference"], test["guard"]
    cells = [
        (
            "Better · same · worse",
            f"{difference['wins']} · {difference['ties']} · {difference['losses']}",
            "Held-out anchors whose NDCG@5 rose, stayed, or fell.",
        ),
        (
            "Held-out anchors",
            f"{difference['n']} in {difference['groups']} groups",
            "Anchors the models never saw in tuning. Those that share an answer form a group and count together.",
        ),
        (
            "Smallest detectable",
            f"{difference['detectable']:.3f}" if math.isfinite(difference["detectable"]) else "none",
            "The smallest true difference in NDCG@5 that so many anchors would show four times out of five.",
        ),
        ("p-value", _say_p(difference["p"]), "How often flipping the sign of whole groups at random gives as large a difference. Two-sided, not adjusted."),
    ]
    if len(guard) == 2:
        text = "NDCG@5 on a set of everyday questions that is never trained on: a fall means the model forgot general knowledge."
        cells.append(("General knowledge", f"{guard['base']:.3f} → {guard['tuned']:.3f}", text))
    text = "How often the held-out anchors were opened to measure a tuned model, this one or another. One is best: the best of several looks is partly luck."
    cells.append(("Looks at the held-out part", f"{openings.looks} by {openings.models} models" if openings.models > 1 else str(openings.looks), text))
    with st.container(horizontal=True, gap="medium"):
        for label, value, text in cells:
            st.metric(label, value, help=text, width="content")
