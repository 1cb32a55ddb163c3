"""The maps as a pure function: documents with their places in, a Plotly figure out. No Streamlit here.

Invariants: those of `pages._ui.charts`; what is said by a colour or a mark is the same on both maps; zooming one map zooms the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from pages._ui.charts import BLUE, GREY, MARGIN, MAX_POINTS
from pages._ui.map_marks import add_marks, explain_hotspots
from pages._ui.map_points import MapPoints, assign_colours
from pages._ui.text import escape_hover

OTHER = "All others"
LEGEND_WIDTH = 28
LASSO, MOVE = "lasso", "pan"


def draw_map(points: MapPoints, shown: Sequence[str], *, titles: Sequence[str] = ("Base", "Tuned"), drag: str = MOVE) -> go.Figure:
    """Base and, where there is one, tuned side by side on the same axes; zooming one zooms the other.

    `shown`: the values that have a colour; the others are grey. Hotspot documents are large diamonds, answers are rings with a number. Raises
    `ValueError` above `MAX_POINTS` documents: choose some with `choose_points` and say so on the page.
    """
    layouts = points.layouts
    refuse_too_many(points)
    figure = make_subplots(1, len(layouts), subplot_titles=[escape_hover(title, 60) for title in titles[: len(layouts)]], horizontal_spacing=0.03)
    for column, layout in enumerate(layouts, start=1):
        for group in group_rows(points, shown):
            figure.add_trace(draw_group(points, layout, group, legend=column == 1), 1, column)
        if points.hotspots:
            figure.add_trace(explain_hotspots(len(points.hotspots), legend=column == 1), 1, column)
        add_marks(figure, points, layout, column)
    share_axes(figure, np.concatenate(layouts))
    legend = {"orientation": "h", "y": -0.02, "yanchor": "top", "itemsizing": "constant", "bgcolor": "rgba(0,0,0,0)"}
    figure.update_annotations(yshift=10)
    return figure.update_layout(
        height=600, margin={**MARGIN, "t": 64}, legend=legend, dragmode=drag, clickmode="event+select", hoverlabel={"align": "left"}, uirevision="kept"
    )


def refuse_too_many(points: MapPoints) -> None:
    """Raises `ValueError` above `MAX_POINTS` documents."""
    if len(points.ids) > MAX_POINTS:
        raise ValueError(f"{len(points.ids)} documents are too many for a figure: {MAX_POINTS} at most.")


@dataclass(frozen=True)
class Group:
    """Documents that are drawn alike: one colour, and either all or none of them in a hotspot."""

    name: str
    colour: str
    rows: NDArray[np.int64]
    flagged: bool
    named: bool
    """Whether it stands in the legend; else another group of its name does."""


def group_rows(points: MapPoints, shown: Sequence[str]) -> list[Group]:
    """The groups that are drawn, those below first: grey ones, coloured ones, then documents of hotspots."""
    colours = assign_colours(shown)
    place_of = {value: place for place, value in enumerate(colours, start=1)}
    places = np.fromiter((place_of.get(value, 0) for value in points.values), np.int64, len(points.values))
    flagged = np.fromiter((item in points.hotspots for item in points.ids), bool, len(points.ids))
    named = [(OTHER if colours else "Documents", GREY if colours else BLUE), *colours.items()]
    found = [Group(name, colour, np.flatnonzero((places == place) & ~flagged), False, True) for place, (name, colour) in enumerate(named)]
    plain = {group.name for group in found if len(group.rows)}
    found += [Group(name, colour, np.flatnonzero((places == place) & flagged), True, name not in plain) for place, (name, colour) in enumerate(named)]
    return [group for group in found if len(group.rows)]


def draw_group(points: MapPoints, layout: NDArray[np.float32], group: Group, *, legend: bool) -> go.Scattergl:
    """The documents of one group. Texts are arrays and marks are one for all: Plotly looks at each element of a list, which takes longer than all else."""
    is_grey = group.colour == GREY
    mark = {"symbol": "diamond", "size": 12, "opacity": 1.0} if group.flagged else {"symbol": "circle", "size": 5 if is_grey else 8}
    return go.Scattergl(
        x=layout[group.rows, 0],
        y=layout[group.rows, 1],
        customdata=np.array([points.ids[row] for row in group.rows]),
        hovertext=np.array([points.hover[row] for row in group.rows]),
        hovertemplate="%{hovertext}<extra></extra>",
        mode="markers",
        name=escape_hover(group.name, LEGEND_WIDTH),
        legendgroup=f"value {group.name}",
        showlegend=legend and group.named,
        marker={"opacity": 0.45 if is_grey else 0.9, **mark, "color": group.colour, "line": {"width": 1.5 if group.flagged else 0, "color": "#333333"}},
        selected={"marker": {"opacity": 1.0}},
        unselected={"marker": {"opacity": 0.5}},
    )


def share_axes(figure: go.Figure, places: NDArray[np.float32]) -> None:
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
    figure.update_layout(xaxis_matches=None, yaxis_matches=None)  # the first axis is what the others match
