"""What is drawn over the points of a map: answers with their anchor and lines to it, what a search found, the clicked document, what was drawn around.

Every mark has a shape of its own and a name in the legend; one that can be clicked carries the id of the document below it.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages._ui.charts import BLUE, GREEN, ORANGE, VERMILLION
from pages._ui.map_points import MapPoints


def add_marks(figure: go.Figure, points: MapPoints, layout: NDArray[np.float32], column: int) -> None:
    """Everything that is marked on the map in `column` (from 1), whose documents lie at `layout` (n, 2)."""
    row_of = {document_id: row for row, document_id in enumerate(points.ids)}
    legend = column == 1
    if points.answers:
        figure.add_trace(_draw_answers(points, layout, row_of, legend=legend), 1, column)
    if len(points.anchor_places) >= column:
        for trace in _draw_anchor(points, layout, row_of, points.anchor_places[column - 1], legend=legend):
            figure.add_trace(trace, 1, column)
    if points.found:
        figure.add_trace(_draw_set(points, layout, row_of, points.found, "Found by the search", "x-thin-open", GREEN, legend=legend), 1, column)
    if points.lasso:
        figure.add_trace(_draw_set(points, layout, row_of, points.lasso, "Drawn around", "hexagon-open", ORANGE, legend=legend), 1, column)
    if points.chosen in row_of:
        figure.add_trace(_frame_chosen(layout, row_of[points.chosen], legend=legend), 1, column)


def explain_hotspots(count: int, *, legend: bool) -> go.Scattergl:
    """A legend entry that says what the diamonds are."""
    marker = {"symbol": "diamond", "size": 12, "color": "white", "line": {"width": 1.5, "color": "#333333"}}
    name = f"Came closer together ({count})"
    return go.Scattergl(x=[None], y=[None], mode="markers", name=name, legendgroup="hotspots", showlegend=legend, marker=marker)


def _draw_answers(points: MapPoints, layout: NDArray[np.float32], row_of: dict[str, int], *, legend: bool) -> go.Scatter:
    """Rings with the answer's number, the same on both maps."""
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


def _draw_anchor(
    points: MapPoints, layout: NDArray[np.float32], row_of: dict[str, int], place: NDArray[np.float32], *, legend: bool
) -> tuple[go.Scatter, go.Scatter]:
    """The anchor as a star, and a line from it to each of its answers."""
    rows = [row_of[item] for item in points.answers if item in row_of]
    xs = [value for row in rows for value in (float(place[0]), float(layout[row, 0]), None)]
    ys = [value for row in rows for value in (float(place[1]), float(layout[row, 1]), None)]
    line = {"color": VERMILLION, "width": 1.5, "dash": "dot"}
    lines = go.Scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip", legendgroup="anchor", showlegend=False, name="To its answers")
    star = go.Scatter(
        x=place[[0]],
        y=place[[1]],
        mode="markers",
        hovertext=[points.anchor],
        hovertemplate="%{hovertext}<extra></extra>",
        name="The anchor",
        legendgroup="anchor",
        showlegend=legend,
        marker={"symbol": "star", "size": 18, "color": VERMILLION, "line": {"width": 1, "color": "#333333"}},
        unselected={"marker": {"opacity": 1.0}},
    )
    return lines, star


def _draw_set(
    points: MapPoints, layout: NDArray[np.float32], row_of: dict[str, int], ids: frozenset[str], name: str, symbol: str, colour: str, *, legend: bool
) -> go.Scatter:
    """One open mark on each of some documents, to see where they lie on both maps."""
    rows = sorted(row_of[item] for item in ids if item in row_of)
    return go.Scatter(
        x=layout[rows, 0],
        y=layout[rows, 1],
        customdata=[points.ids[row] for row in rows],
        hovertext=[points.hover[row] for row in rows],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="markers",
        name=f"{name} ({len(rows)})",
        legendgroup=name,
        showlegend=legend,
        marker={"symbol": symbol, "size": 13, "color": colour, "line": {"width": 2, "color": colour}},
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 1.0}},
    )


def _frame_chosen(layout: NDArray[np.float32], row: int, *, legend: bool) -> go.Scatter:
    """A square frame around the clicked document, to find it again on the other map."""
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
