"""The figures of a comparison: NDCG@5 with intervals first, every measure explained, and what the verdict rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.verdict import MIN_GAIN
from core.store.artefacts import Openings
from pages._ui.charts import Interval, draw_intervals

STILL: dict[str, Any] = {"displaylogo": False, "displayModeBar": False}
"""Chart settings where there is nothing to zoom into."""
PRIMARY = "ndcg@5"
FEW_JUDGED = 0.5
"""Below this share of judged documents the page says that figures are too low."""
MEASURES = {
    "ndcg@5": ("NDCG@5", "How good the first five are: full answers near the top count most. 1 is the best order there is."),
    "ndcg@10": ("NDCG@10", "The same as NDCG@5 over the first ten."),
    "recall@5": ("Recall@5", "Share of all known answers that are among the first five."),
    "recall@50": ("Recall@50", "Share of all known answers that are among the first fifty: what a re-ranker could still save."),
    "rr@10": ("RR@10", "One over the place of the first answer within the first ten: 1 when it leads, 0.5 when it is second."),
    "judged@5": ("Judged@5", "Share of the first five that somebody has judged. Where it is low, unjudged answers count as wrong and figures are too low."),
}


def draw_figures(test: Mapping[str, Any], openings: Openings) -> None:
    """NDCG@5 with intervals first, then every measure, then what the verdict rests on."""
    base, tuned, difference = test["base"], test["tuned"], test["difference"]
    name, words = MEASURES[PRIMARY]
    interval = "The range below each figure is its 95 % interval: how far chance alone could move it, resampling anchors that share answers together."
    st.subheader(f"{name} on {difference['n']} held-out anchors", help=f"{words} {interval}")
    columns = st.columns(3)
    for column, title, value, (low, high), form in (
        (columns[0], "Base", base[PRIMARY], base["interval"], ".3f"),
        (columns[1], "Tuned", tuned[PRIMARY], tuned["interval"], ".3f"),
        (columns[2], "Difference", difference["gain"], (difference["low"], difference["high"]), "+.3f"),
    ):
        column.metric(title, f"{value:{form}}", f"{low:{form}} to {high:{form}}", delta_color="off", delta_arrow="off", border=True)
    marks = [Interval("Base", base[PRIMARY], *base["interval"]), Interval("Tuned", tuned[PRIMARY], *tuned["interval"])]
    change = Interval("Tuned minus base", difference["gain"], difference["low"], difference["high"])
    alt = f"{name} {base[PRIMARY]:.3f} with base, {tuned[PRIMARY]:.3f} with tuned; the difference lies between {change.low:+.3f} and {change.high:+.3f}"
    st.plotly_chart(draw_intervals(*marks, change, measure=name, least=MIN_GAIN), key="intervals", config=STILL, alt=alt)
    st.caption(f"Lines and the ranges above are 95 % intervals. The shaded band is a difference under {MIN_GAIN}, too small to notice in use.")
    rows = {"Base": base, "Tuned": tuned}
    table = pd.DataFrame({key: [row.get(key) for row in rows.values()] for key in MEASURES}, index=list(rows))
    table.loc["Difference"] = table.loc["Tuned"] - table.loc["Base"]
    config = {key: st.column_config.NumberColumn(word, help=text, format="%.3f") for key, (word, text) in MEASURES.items()}
    st.dataframe(table, column_config=config, alt="Every measure for base and tuned, and the difference")
    judged = min(base.get("judged@5", 1.0), tuned.get("judged@5", 1.0))
    if judged < FEW_JUDGED:
        st.caption(
            f":material/info: Only {judged:.0%} of the first five were judged by anybody. Unjudged documents count as wrong, so all figures are lower than "
            "the truth; the comparison is fair as long as both systems are judged alike."
        )
    draw_grounds(test, openings)


def draw_grounds(test: Mapping[str, Any], openings: Openings) -> None:
    """What the verdict rests on: how many anchors, who won, general knowledge."""
    difference, guard = test["difference"], test["guard"]
    cells = [
        (
            "Better · same · worse",
            f"{difference['wins']} · {difference['ties']} · {difference['losses']}",
            "Held-out anchors whose NDCG@5 rose, stayed, or fell under the tuned model.",
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
        (
            "p-value",
            "under 0.001" if difference["p"] < 0.001 else f"{difference['p']:.3f}",
            "How often flipping the sign of whole groups at random gives as large a difference. Two-sided.",
        ),
    ]
    if len(guard) == 2:
        text = "NDCG@5 on a set of everyday questions that is never trained on: a fall means the model forgot general knowledge."
        cells.append(("General knowledge", f"{guard['base']:.3f} → {guard['tuned']:.3f}", text))
    text = "How often the held-out anchors were opened to measure a tuned model, this one or another. One is best: the best of several looks is partly luck."
    cells.append(("Looks at the test part", f"{openings.looks} by {openings.models} models" if openings.models > 1 else str(openings.looks), text))
    for start in range(0, len(cells), 3):
        for column, (label, value, text) in zip(st.columns(3), cells[start : start + 3], strict=False):
            column.metric(label, value, help=text)
