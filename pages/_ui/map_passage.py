"""The passage from base to tuned on one map: every document moves from its place under the one to that under the other. No Streamlit here.

Both layouts are in one frame already, so a document's way says where the tuned model took it, as far as it is longer than the noise floor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pages._ui.charts import MARGIN
from pages._ui.map_chart import MOVE, draw_group, group_rows, refuse_too_many, share_axes
from pages._ui.map_marks import explain_hotspots
from pages._ui.map_points import MapPoints

STEPS = 12
STEP_MS = 90


def draw_passage(points: MapPoints, shown: Sequence[str], *, drag: str = MOVE) -> go.Figure:
    """One map with a button that plays the passage and a slider over it. Raises `ValueError` above the most that a figure draws, or without two layouts."""
    refuse_too_many(points)
    if points.tuned is None:
        raise ValueError("There is no tuned layout to move to.")
    groups = group_rows(points, shown)
    shares = np.linspace(0, 1, STEPS + 1)
    places = [np.asarray(points.base + share * (points.tuned - points.base), np.float32) for share in shares]
    frames = [
        go.Frame(
            name=name_step(share), data=[go.Scattergl(x=layout[group.rows, 0], y=layout[group.rows, 1]) for group in groups], traces=list(range(len(groups)))
        )
        for share, layout in zip(shares, places, strict=True)
    ]
    figure = go.Figure([draw_group(points, places[0], group, legend=True) for group in groups], frames=frames)
    if points.hotspots:
        figure.add_trace(explain_hotspots(len(points.hotspots), legend=True))
    share_axes(figure, np.concatenate([places[0], places[-1]]))
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    play = {"fromcurrent": True, "frame": {"duration": STEP_MS, "redraw": True}, "transition": {"duration": 0}}
    button = {"label": "Play", "method": "animate", "args": [None, play]}
    steps = [{"label": name_step(share), "method": "animate", "args": [[name_step(share)], still]} for share in shares]
    return figure.update_layout(
        height=640,
        margin=MARGIN,
        dragmode=drag,
        clickmode="event+select",
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "itemsizing": "constant"},
        hoverlabel={"align": "left"},
        updatemenus=[{"type": "buttons", "buttons": [button], "showactive": False, "x": 0, "y": -0.06, "xanchor": "left", "yanchor": "top"}],
        sliders=[{"steps": steps, "x": 0.12, "len": 0.88, "y": -0.02, "currentvalue": {"visible": False}}],
    )


def name_step(share: float) -> str:
    """What a moment of the passage is called."""
    return "Base" if share <= 0 else "Tuned" if share >= 1 else f"{share:.0%}"
