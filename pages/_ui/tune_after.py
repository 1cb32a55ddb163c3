"""What a tuning run left beside its verdict: how much was blended, what was forgotten, how far seeds spread, what a cancelled run kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.verdict import MAX_FORGETTING
from pages._ui.text import escape_label


def draw_after(result: Mapping[str, Any]) -> None:
    """The blend with its curve, forgetting, seeds and unreviewed negatives, as far as the run has them; of an adapter the step that was kept."""
    if adapter := result.get("adapter"):
        st.caption(f"The adapter is that of step {adapter['step']} of {adapter['steps']}, the best on development anchors. Documents keep the base's vectors.")
    if blend := result.get("merge"):
        _draw_blend(blend)
    forgetting = result.get("forgetting") or {}
    if "neighbours_kept" in forgetting:
        st.caption(
            f"Everyday texts keep {forgetting['neighbours_kept']:.0%} of their ten nearest neighbours.",
            help="1,000 texts of everyday topics that were never trained on. The fewer neighbours they keep, the more the whole space was moved.",
        )
    if seeds := result.get("seeds"):
        values = ", ".join(f"{value:.3f}" for value in seeds["values"])
        text = f"With {len(seeds['values'])} seeds, NDCG@5 on held-out anchors is {values}: a spread (standard deviation) of {seeds['spread']:.3f}."
        st.caption(text, help="What luck alone does: the same settings and data, another order and start. The first seed is the model.")
    train = result.get("train") or {}
    if train.get("stopped_early"):
        st.caption(f"It ended by itself at step {train['steps']:,}, as development NDCG@5 no longer rose.")
    if peak := train.get("peak_gb"):
        st.caption(f"Its process held at most {peak:.1f} GB of memory.", help="The libraries are part of it, and measuring as well as training.")
    if unreviewed := train.get("unreviewed"):
        st.caption(f"{unreviewed:,} of the negatives shown were reviewed by nobody.")


def draw_kept(result: Mapping[str, Any]) -> None:
    """What a cancelled run kept, or nothing."""
    if kept := result.get("cancelled"):
        what = "The training had ended; its model was kept" if kept.get("is_trained") else f"Its best moment until step {kept['step']:,} was kept"
        st.success(
            f"{what} as {escape_label(kept['model_name'])}: development NDCG@5 {kept['dev']['tuned']:.3f}, "
            f"base {kept['dev']['base']:.3f}. It was not measured on held-out anchors; the compare page does that when asked.",
            icon=":material/bookmark_added:",
        )


def _draw_blend(blend: Mapping[str, Any]) -> None:
    measured = sum(point["dev"] is not None for point in blend["points"])
    forgets = blend["base_guard"] - blend["guard"]
    how = f"the best of {measured} shares measured" if forgets <= MAX_FORGETTING + 1e-9 else "the share that forgets least, as none forgets little"
    st.caption(
        f"{blend['weight']:.0%} of the tuned weights were blended with the base's, {how}: "
        f"development NDCG@5 {blend['dev']:.3f}, on general questions {blend['guard']:.3f} (base {blend['base_guard']:.3f}). "
        "The model without blending was kept too."
    )
    names = {"dev": "Development anchors", "guard": "General questions"}
    rows = [{"share": point["weight"], "value": point[key], "on": name} for point in blend["points"] for key, name in names.items() if point[key] is not None]
    spec = {
        "height": 200,
        "layer": [
            {
                "mark": {"type": "line", "point": True},
                "encoding": {
                    "x": {"field": "share", "type": "quantitative", "title": "Share of the tuned weights", "axis": {"format": ".0%"}, "scale": {"zero": False}},
                    "y": {"field": "value", "type": "quantitative", "title": "NDCG@5", "scale": {"zero": False}, "axis": {"format": ".3f"}},
                    "color": {"field": "on", "type": "nominal", "title": None, "scale": {"range": ["#0072B2", "#D55E00"]}, "legend": {"orient": "top"}},
                    "shape": {"field": "on", "type": "nominal", "title": None},
                    "tooltip": [
                        {"field": "on", "title": "On"},
                        {"field": "share", "type": "quantitative", "title": "Share", "format": ".0%"},
                        {"field": "value", "type": "quantitative", "title": "NDCG@5", "format": ".4f"},
                    ],
                },
            },
            {
                "data": {"values": [{"share": blend["weight"]}]},
                "mark": {"type": "rule", "strokeDash": [4, 4]},
                "encoding": {"x": {"field": "share", "type": "quantitative"}},
            },
        ],
    }
    with st.container(border=True):
        st.markdown(
            "**Blending**", help="What each share of the tuned weights gives here, and what it leaves of general knowledge. The dashed line is the one kept."
        )
        st.vega_lite_chart(pd.DataFrame(rows), spec, key="blend-curve", alt=f"NDCG@5 by share of the tuned weights; {blend['weight']:.0%} was kept")
