"""Movements between two lists, from the figure that Plotly is given."""

from __future__ import annotations

from pages._ui.charts import GREEN, GREY, VERMILLION
from pages._ui.move_chart import draw_movements


def test_each_document_is_a_line_and_what_leaves_or_enters_runs_below() -> None:
    figure = draw_movements(["a", "b", "c"], ["c", "d", "a"], {"c": 3, "b": 0}, titles=("Base", "Tuned"), shown=2)
    lines = {trace.hovertemplate.split(":")[0]: (list(trace.y), trace.line.color, trace.marker.symbol) for trace in figure.data}
    assert lines == {
        "a": ([1, 3], GREY, "circle"),
        "b": ([2, 3], VERMILLION, "x"),
        "c": ([3, 1], GREEN, "diamond"),
        "d": ([3, 2], GREY, "circle"),
    }
    assert figure.data[-1].line.color == GREEN
    assert list(figure.layout.yaxis.ticktext) == ["1", "2", "below"]
    assert list(figure.layout.xaxis.ticktext) == ["Base", "Tuned"]


def test_hover_says_the_place_beyond_what_is_shown_and_ids_are_escaped() -> None:
    figure = draw_movements(["<b>", "x", "y"], ["x", "y"], {}, titles=("<i>", "Tuned"), shown=1)
    hovers = [trace.hovertemplate for trace in figure.data]
    assert "&lt;b&gt;: 1 → below<extra></extra>" in hovers
    assert "x: 2 → 1<extra></extra>" in hovers
    assert figure.layout.xaxis.ticktext[0] == "&lt;i&gt;"


def test_empty_lists_draw_nothing() -> None:
    assert len(draw_movements([], [], {}, titles=("Base", "Tuned"), shown=10).data) == 0
