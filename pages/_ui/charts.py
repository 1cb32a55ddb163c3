"""The figures of the compare and map pages and of the value meter, as pure functions: values in, a Plotly figure out. No Streamlit here.

Invariants: colours can be told apart by colour-blind readers (Okabe and Ito 2008) and never stand alone, a symbol says the same; coordinates are
float32; a figure draws at most `MAX_POINTS` documents; ids travel in `customdata`; text of the corpus is cut and escaped before it comes near a figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from core.model import ValuePoint
from pages._ui.text import escape_hover

MAX_POINTS = 20_000
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, "#56B4E9", "#CC79A7", "#F0E442")
"""Okabe and Ito's colours without black, which a dark background swallows."""
GREY = "#8a8f98"
OTHER = "All others"
LEGEND_WIDTH = 28
_MARGIN = {"l": 10, "r": 10, "t": 36, "b": 10}


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    name: str
    value: float
    low: float
    high: float


def draw_intervals(base: Interval, tuned: Interval, difference: Interval, *, measure: str, least: float) -> go.Figure:
    """Base (circle) and tuned (diamond) on one scale at the left, their difference (square) against zero at the right.

    `least`: the smallest gain that counts; the band between its negative and itself is shaded.
    """
    figure = make_subplots(1, 2, subplot_titles=(measure, "Difference, tuned minus base"), horizontal_spacing=0.08)
    for item, colour, symbol, column in ((tuned, VERMILLION, "diamond", 1), (base, BLUE, "circle", 1), (difference, GREEN, "square", 2)):
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
    return figure.update_layout(height=190, margin=_MARGIN, dragmode=False)


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
    return figure.update_layout(height=280, margin={**_MARGIN, "t": 10}, legend={"orientation": "h", "y": 1.12})


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
    return figure.update_layout(height=320, margin={**_MARGIN, "t": 10}, legend={"orientation": "h", "y": 1.14}, dragmode=False)


@dataclass(frozen=True)
class MapPoints:
    """What a map draws: documents in a fixed order, their place under one model or two, and what is said of them."""

    ids: Sequence[str]
    base: NDArray[np.float32]
    """(n, 2) float32, in the layout's own units, which mean nothing."""
    tuned: NDArray[np.float32] | None
    values: Sequence[str]
    """The value that colours each document, not escaped."""
    hover: Sequence[str]
    """Escaped."""
    hotspots: frozenset[str] = frozenset()
    answers: Sequence[str] = field(default=())
    """Documents to ring and number, e.g. the answers of one anchor."""
    chosen: str = ""
    """The document that was clicked last: framed on both maps."""


def rank_values(values: Sequence[str]) -> list[str]:
    """The values there are, the most frequent first, ties by name; documents without one are left out."""
    return [value for value, _ in sorted(Counter(filter(None, values)).items(), key=lambda item: (-item[1], item[0]))]


def assign_colours(values: Sequence[str]) -> dict[str, str]:
    """A colour for each of the first `len(PALETTE)` values, in the order given; the same values give the same colours."""
    return dict(zip(dict.fromkeys(values), PALETTE, strict=False))


def choose_points(ids: Sequence[str], most: int, keep: frozenset[str] = frozenset()) -> NDArray[np.int64]:
    """Rows to draw, in order: all where they fit, else those of `keep` and evenly spaced others, at most `most` and never above `MAX_POINTS`."""
    most = min(most, MAX_POINTS)
    if len(ids) <= most:
        return np.arange(len(ids))
    held = [row for row, item in enumerate(ids) if item in keep][:most]
    others = np.setdiff1d(np.arange(len(ids)), held)
    room = most - len(held)
    spaced = others[np.linspace(0, len(others) - 1, room).astype(int)] if room else others[:0]
    return np.sort(np.concatenate([np.array(held, np.int64), spaced]))


def draw_map(points: MapPoints, shown: Sequence[str], *, titles: Sequence[str] = ("Base", "Tuned")) -> go.Figure:
    """Base and, where there is one, tuned side by side on the same axes; zooming one zooms the other.

    `shown`: the values that have a colour; the others are grey. Hotspot documents are large diamonds, answers are rings with a number. Raises
    `ValueError` above `MAX_POINTS` documents: choose some with `choose_points` and say so on the page.
    """
    if len(points.ids) > MAX_POINTS:
        raise ValueError(f"{len(points.ids)} documents are too many for a figure: {MAX_POINTS} at most.")
    layouts = [np.asarray(layout, np.float32) for layout in (points.base, points.tuned) if layout is not None]
    figure = make_subplots(1, len(layouts), subplot_titles=[escape_hover(title, 60) for title in titles[: len(layouts)]], horizontal_spacing=0.03)
    colours = assign_colours(shown)
    groups = [(OTHER if colours else "Documents", GREY if colours else BLUE, [row for row, value in enumerate(points.values) if value not in colours])]
    groups += [(value, colour, [row for row, own in enumerate(points.values) if own == value]) for value, colour in colours.items()]
    for column, layout in enumerate(layouts, start=1):
        for name, colour, rows in groups:
            if rows:
                figure.add_trace(_draw_group(points, layout, rows, name, colour, legend=column == 1), 1, column)
        if points.hotspots:
            figure.add_trace(_explain_hotspots(points, legend=column == 1), 1, column)
        if points.answers:
            figure.add_trace(_draw_answers(points, layout, legend=column == 1), 1, column)
        if points.chosen in points.ids:
            figure.add_trace(_frame_chosen(points, layout, legend=column == 1), 1, column)
    _share_axes(figure, np.concatenate(layouts))
    legend = {"orientation": "h", "y": -0.02, "yanchor": "top", "itemsizing": "constant"}
    figure.update_annotations(yshift=10)
    return figure.update_layout(
        height=600, margin={**_MARGIN, "t": 64}, legend=legend, dragmode="pan", clickmode="event+select", hoverlabel={"align": "left"}, uirevision="kept"
    )


def _draw_group(points: MapPoints, layout: NDArray[np.float32], rows: Sequence[int], name: str, colour: str, *, legend: bool) -> go.Scattergl:
    flagged = [points.ids[row] in points.hotspots for row in rows]
    is_grey = colour == GREY
    return go.Scattergl(
        x=layout[rows, 0],
        y=layout[rows, 1],
        customdata=[points.ids[row] for row in rows],
        hovertext=[points.hover[row] for row in rows],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="markers",
        name=escape_hover(name, LEGEND_WIDTH),
        legendgroup=f"value {name}",
        showlegend=legend,
        marker={
            "color": colour,
            "symbol": np.where(flagged, "diamond", "circle").tolist(),
            "size": np.where(flagged, 12, 5 if is_grey else 8).astype(np.float32),
            "opacity": np.where(flagged, 1.0, 0.45 if is_grey else 0.9).astype(np.float32),
            "line": {"width": np.where(flagged, 1.5, 0).astype(np.float32), "color": "#333333"},
        },
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 0.5}},
    )


def _explain_hotspots(points: MapPoints, *, legend: bool) -> go.Scattergl:
    """A legend entry that says what the diamonds are."""
    marker = {"symbol": "diamond", "size": 12, "color": "white", "line": {"width": 1.5, "color": "#333333"}}
    name = f"Came closer together ({len(points.hotspots)})"
    return go.Scattergl(x=[None], y=[None], mode="markers", name=name, legendgroup="hotspots", showlegend=legend, marker=marker)


def _draw_answers(points: MapPoints, layout: NDArray[np.float32], *, legend: bool) -> go.Scatter:
    """Rings with the answer's number, the same on both maps."""
    row_of = {document_id: row for row, document_id in enumerate(points.ids)}
    drawn = [(number, row_of[document_id]) for number, document_id in enumerate(points.answers, start=1) if document_id in row_of]
    rows = [row for _, row in drawn]
    return go.Scatter(
        x=layout[rows, 0],
        y=layout[rows, 1],
        customdata=[points.ids[row] for row in rows],
        text=[str(number) for number, _ in drawn],
        textposition="top right",
        textfont={"size": 15, "color": VERMILLION},
        hovertext=[points.hover[row] for row in rows],
        hovertemplate="Answer %{text}: %{hovertext}<extra></extra>",
        mode="markers+text",
        name=f"Answers of the anchor ({len(rows)})",
        legendgroup="answers",
        showlegend=legend,
        marker={"symbol": "circle-open", "size": 20, "color": VERMILLION, "line": {"width": 3}},
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0}, "textfont": {"color": VERMILLION}},
    )


def _frame_chosen(points: MapPoints, layout: NDArray[np.float32], *, legend: bool) -> go.Scatter:
    """A square frame around the clicked document, to find it again on the other map."""
    row = list(points.ids).index(points.chosen)
    return go.Scatter(
        x=layout[[row], 0],
        y=layout[[row], 1],
        hoverinfo="skip",
        mode="markers",
        name="The document beside",
        legendgroup="chosen",
        showlegend=legend,
        marker={"symbol": "square-open", "size": 24, "color": BLUE, "line": {"width": 3}},
        unselected={"marker": {"opacity": 1.0}},
    )


def _share_axes(figure: go.Figure, places: NDArray[np.float32]) -> None:
    """One range for all panels, tied together; no numbers, since the units mean nothing."""
    low, high = places.min(axis=0), places.max(axis=0)
    pad = np.maximum(high - low, 1e-6) * 0.05
    for axis, update in ((0, figure.update_xaxes), (1, figure.update_yaxes)):
        update(
            matches="x" if axis == 0 else "y",
            range=[float(low[axis] - pad[axis]), float(high[axis] + pad[axis])],
            showticklabels=False,
            showgrid=False,
            zeroline=False,
            showline=True,
            mirror=True,
            linecolor=GREY,
        )
