"""The calibration curve as a figure: values in, a Plotly figure out. No Streamlit here.

The curve is a line with its interval as a band, decisions are marks at the foot and the head (a symbol and a colour each), the threshold is a line.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from core.curation.calibration import CHANCE, Calibration
from pages._ui.charts import BLUE, GREY, MAX_POINTS, ORANGE, VERMILLION

_FOOT, _HEAD = -0.05, 1.05


def draw_calibration(found: Calibration) -> go.Figure:
    """The chance of being an answer by ratio, with the decisions it rests on; without a curve, the decisions alone. At most `MAX_POINTS` of each kind."""
    figure = go.Figure()
    if found.grid:
        band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        figure.add_trace(go.Scatter(x=found.grid, y=found.high, showlegend=False, **band))
        figure.add_trace(go.Scatter(x=found.grid, y=found.low, fill="tonexty", fillcolor="rgba(0, 114, 178, 0.18)", name="95 % interval", **band))
        hover = "Ratio %{x:.2f}: %{y:.0%} are answers<extra></extra>"
        figure.add_trace(go.Scatter(x=found.grid, y=found.chance, mode="lines", line={"color": BLUE, "width": 3}, name="Chance", hovertemplate=hover))
    for is_answer, name, colour, symbol, height in ((True, "Answers", ORANGE, "triangle-down", _HEAD), (False, "Hard negatives", BLUE, "circle-open", _FOOT)):
        ratios = np.float32([ratio for ratio, answer in found.points if answer == is_answer][:MAX_POINTS])
        figure.add_trace(
            go.Scattergl(
                x=ratios,
                y=np.full(len(ratios), height, np.float32),
                mode="markers",
                name=f"{name} ({len(ratios)})",
                marker={"color": colour, "symbol": symbol, "size": 9, "opacity": 0.6},
                hovertemplate="%{x:.2f}<extra></extra>",
            )
        )
    figure.add_vline(x=found.threshold, line={"color": VERMILLION, "width": 2, "dash": "dash"}, annotation_text=f"suspicious from {found.threshold:.2f}")
    figure.add_hline(y=CHANCE, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="Ratio: similarity over that of the anchor's lowest answer", tickformat=".2f")
    figure.update_yaxes(title="Chance of being an answer", tickformat=".0%", range=[-0.1, 1.12])
    return figure.update_layout(height=340, margin={"l": 10, "r": 10, "t": 30, "b": 10}, legend={"orientation": "h", "y": 1.15})
