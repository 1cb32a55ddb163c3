"""The figures of the compare page and of the value meter, as pure functions: values in, a Plotly figure out. No Streamlit here.

Invariants: colours can be told apart by colour-blind readers (Okabe and Ito 2008) and never stand alone, a symbol says the same; coordinates are
float32; a figure draws at most `MAX_POINTS` marks; ids travel in `customdata`; text of the corpus is cut and escaped before it comes near a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.model import ValuePoint
from pages._ui.text import escape_hover

MAX_POINTS = 20_000
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, "#56B4E9", "#CC79A7", "#F0E442")
"""Okabe and Ito's colours without black, which a dark background swallows."""
GREY = "#8a8f98"
MARGIN = {"l": 10, "r": 10, "t": 36, "b": 10}


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    name: str
    value: float
    low: float
    high: float


def draw_intervals(base: Interval, tuned: Interval, difference: Interval, *, measure: str, least: float) -> go.Figure:
    """Base (circle) and tuned (diamond) on one scale at the left, their difference (square) against zero at the right: green where the interval lies above
    zero, vermillion where below, grey where it may be chance.

    `least`: the smallest gain that counts; the band between its negative and itself is shaded.
    """
    figure = make_subplots(1, 2, subplot_titles=(measure, "Difference"), horizontal_spacing=0.08)
    change = GREEN if difference.low > 0 else VERMILLION if difference.high < 0 else GREY
    for item, colour, symbol, column in ((tuned, VERMILLION, "diamond", 1), (base, BLUE, "circle", 1), (difference, change, "square", 2)):
        bars = {"type": "data", "symmetric": False, "array": [item.high - item.value], "arrayminus": [item.value - item.low], "thickness": 2, "width": 7}
        hover = f"{item.name}: {item.value:.3f}<br>95 % interval {item.low:.3f} to {item.high:.3f}<extra></extra>"
        marker = {"size": 13, "color": colour, "symbol": symbol}
        figure.add_trace(
            go.Scatter(
                x=np.float32([item.value]), y=[item.name], error_x=bars, marker=marker, mode="markers", hovertemplate=hover, name=item.name, showlegend=False
            ),
            1,
            column,
        )
    figure.add_vrect(x0=-least, x1=least, fillcolor=GREY, opacity=0.18, line_width=0, row=1, col=2)
    figure.add_vline(x=0, line={"color": GREY, "width": 1.5, "dash": "dot"}, row=1, col=2)
    reach = max(abs(difference.low), abs(difference.high), 2 * least) * 1.15
    figure.update_xaxes(range=[-reach, reach], tickformat="+.2f", row=1, col=2)
    figure.update_xaxes(tickformat=".2f", row=1, col=1)
    figure.update_yaxes(showticklabels=False, row=1, col=2)
    return figure.update_layout(height=190, margin=MARGIN, dragmode=False)


def draw_changes(changes: Mapping[str, float], *, measure: str) -> go.Figure:
    """One mark an anchor, sorted by its change: losses (triangles down) first, then ties (circles), then gains (triangles up).

    `changes`: tuned minus base by anchor id. Above `MAX_POINTS` anchors, evenly spaced ones of the sorted row are drawn.
    """
    ordered = sorted(changes.items(), key=lambda item: (item[1], item[0]))
    kept = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), MAX_POINTS)).astype(int)) if ordered else np.array([], int)
    place, value = kept.astype(np.float32) + 1, np.array([ordered[row][1] for row in kept], np.float32)
    groups = (
        ("Worse", value < -1e-9, VERMILLION, "triangle-down"),
        ("The same", np.abs(value) <= 1e-9, GREY, "circle"),
        ("Better", value > 1e-9, BLUE, "triangle-up"),
    )
    figure = go.Figure()
    for name, chosen, colour, symbol in groups:
        ids = [ordered[row][0] for row in kept[chosen]]
        figure.add_trace(
            go.Scattergl(
                x=place[chosen],
                y=value[chosen],
                customdata=ids,
                hovertext=[escape_hover(anchor_id, 60) for anchor_id in ids],
                hovertemplate="%{hovertext}: %{y:+.3f}<extra></extra>",
                mode="markers",
                name=f"{name} ({len(ids)})",
                marker={"color": colour, "symbol": symbol, "size": 8},
            )
        )
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    figure.update_xaxes(title="Held-out anchors, from the worst change to the best", tickformat="d")
    figure.update_yaxes(title=f"Change in {measure}", tickformat="+.1f", range=[-1.08, 1.08])
    return figure.update_layout(height=280, margin={**MARGIN, "t": 10}, legend={"orientation": "h", "y": 1.12})


def draw_value(points: Sequence[ValuePoint], *, measure: str) -> go.Figure:
    """The value meter's curve: NDCG against judgements spent (diamonds) with the interval of its gain as a band, and the base as a dashed line with circles.

    The band is `base + low` to `base + high` of each point; the axis of values need not begin at zero.
    """
    spent = np.array([point.judged for point in points], np.float32)
    base = np.array([point.base for point in points], np.float32)
    value = np.array([point.value for point in points], np.float32)
    low, high = base + np.float32([point.low for point in points]), base + np.float32([point.high for point in points])
    figure = go.Figure()
    band = {"x": np.concatenate([spent, spent[::-1]]), "y": np.concatenate([high, low[::-1]])}
    figure.add_trace(go.Scatter(**band, fill="toself", fillcolor="rgba(213,94,0,0.18)", line={"width": 0}, hoverinfo="skip", name="95 % interval of the gain"))
    line = {"color": BLUE, "width": 2, "dash": "dash"}
    hover = f"Base: {measure} %{{y:.3f}}<extra></extra>"
    figure.add_trace(
        go.Scatter(x=spent, y=base, mode="lines+markers", line=line, marker={"symbol": "circle", "size": 7}, name="Base model", hovertemplate=hover)
    )
    hover = f"After %{{x}} judgements: {measure} %{{y:.3f}}<br>gain %{{customdata[0]:+.3f}} (%{{customdata[1]:+.3f}} to %{{customdata[2]:+.3f}})<extra></extra>"
    gains = np.array([[point.value - point.base, point.low, point.high] for point in points], np.float32)
    figure.add_trace(
        go.Scatter(
            x=spent,
            y=value,
            customdata=gains,
            mode="lines+markers",
            line={"color": VERMILLION, "width": 2},
            marker={"symbol": "diamond", "size": 10},
            name="With your judgements",
            hovertemplate=hover,
        )
    )
    figure.update_xaxes(title="Judgements spent", tickformat="d", rangemode="tozero")
    figure.update_yaxes(title=f"{measure} on development anchors", tickformat=".3f")
    return figure.update_layout(height=320, margin={**MARGIN, "t": 10}, legend={"orientation": "h", "y": 1.14}, dragmode=False)
