"""Where each document went between two lists, as a pure function: values in, a Plotly figure out. No Streamlit here.

Invariants: an answer is green and a diamond, a reviewed hard negative vermillion and a cross, the rest grey and a circle; ids are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pages._ui.charts import GREEN, GREY, VERMILLION
from pages._ui.text import escape_hover

_MARGIN = {"l": 10, "r": 10, "t": 30, "b": 10}


def draw_movements(first: Sequence[str], second: Sequence[str], grades: Mapping[str, int], *, titles: tuple[str, str], shown: int) -> go.Figure:
    """Lines from a document's place in the first list to its place in the second; what leaves or enters the first `shown` runs to a row below them.

    `first`, `second`: document ids, best first. `grades`: above 0 for an answer, 0 for a hard negative, absent for what nobody judged.
    """
    places = [{item: rank for rank, item in enumerate(listed, start=1)} for listed in (first, second)]
    ids = list(dict.fromkeys([*first[:shown], *second[:shown]]))
    figure = go.Figure()
    for item in sorted(ids, key=lambda item: grades.get(item, -1)):  # answers last, so that they lie on top
        ranks = [place.get(item) for place in places]
        drawn = [rank if rank is not None and rank <= shown else shown + 1 for rank in ranks]
        grade = grades.get(item, -1)
        colour, symbol, width = (GREEN, "diamond", 4) if grade > 0 else (VERMILLION, "x", 2) if grade == 0 else (GREY, "circle", 1)
        said = " → ".join("below" if rank is None else str(rank) for rank in ranks)
        figure.add_trace(
            go.Scatter(
                x=[0, 1],
                y=drawn,
                mode="lines+markers",
                line={"color": colour, "width": width},
                marker={"symbol": symbol, "size": 10 if grade > 0 else 7, "color": colour},
                hovertemplate=f"{escape_hover(item, 60)}: {said}<extra></extra>",
                showlegend=False,
            )
        )
    ticks = list(range(1, shown + 2))
    figure.update_yaxes(range=[shown + 1.6, 0.4], tickvals=ticks, ticktext=[*map(str, ticks[:-1]), "below"], showgrid=False, zeroline=False)
    figure.update_xaxes(
        range=[-0.08, 1.08], tickvals=[0, 1], ticktext=[escape_hover(title, 40) for title in titles], side="top", showgrid=False, zeroline=False
    )
    return figure.update_layout(height=34 * (shown + 2), margin=_MARGIN, dragmode=False)
