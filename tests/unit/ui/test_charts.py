from dataclasses import replace

import numpy as np
import pytest

from pages._ui.charts import GREEN, GREY, MAX_POINTS, PALETTE, VERMILLION, Interval, draw_changes, draw_intervals
from pages._ui.map_chart import OTHER, draw_map
from pages._ui.map_points import MapPoints, assign_colours, choose_points, rank_values
from pages._ui.text import escape_hover

HOSTILE = "<b onclick=alert(1)>x</b><script>alert(2)</script>"


def points(n: int = 6, *, tuned: bool = True, **given: object) -> MapPoints:
    ids = [f"d{row}" for row in range(n)]
    layout = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    values = ["red" if row % 2 else "blue" for row in range(n)]
    return MapPoints(**{"ids": ids, "base": layout, "tuned": layout[::-1] if tuned else None, "values": values, "hover": ids} | given)


def test_a_map_escapes_names_that_come_from_the_corpus() -> None:
    figure = draw_map(points(values=[HOSTILE] * 6, hover=[escape_hover(HOSTILE)] * 6), [HOSTILE], titles=[HOSTILE, "Tuned"])
    texts = (
        [annotation.text for annotation in figure.layout.annotations] + [trace.name for trace in figure.data] + [str(trace.hovertext) for trace in figure.data]
    )
    assert not [text for text in texts if "<b" in text or "<script" in text]
    assert figure.layout.annotations[0].text.startswith("&lt;b onclick=alert(1)&gt;")


def test_the_change_plot_escapes_the_ids_of_anchors() -> None:
    hovers = [text for trace in draw_changes({HOSTILE: 0.5}, measure="NDCG@5").data for text in trace.hovertext]
    assert hovers == [escape_hover(HOSTILE, 60)]


def test_a_value_has_the_same_colour_on_both_maps_and_in_any_order_of_documents() -> None:
    shown = rank_values(["red", "blue", "red"])
    assert shown == ["red", "blue"]
    forward, backward = draw_map(points(), shown), draw_map(points(values=["blue", "red", "red", "blue", "blue", "red"]), shown)
    colours = [{(trace.name, trace.marker.color) for trace in figure.data} for figure in (forward, backward)]
    assert colours[0] == colours[1] == {("red", PALETTE[0]), ("blue", PALETTE[1])}


def test_values_beyond_the_palette_are_grey_not_a_colour_used_twice() -> None:
    values = [f"v{row}" for row in range(12)]
    assert len(assign_colours(values)) == len(set(assign_colours(values).values())) == len(PALETTE)
    figure = draw_map(points(12, values=values), values)
    others = [trace for trace in figure.data if trace.name == OTHER]
    assert [trace.marker.color for trace in others] == [GREY, GREY]
    assert len(others[0].x) == 12 - len(PALETTE)


def test_ranking_values_breaks_ties_by_name_and_leaves_out_the_empty() -> None:
    assert rank_values(["b", "a", "", "c", "c", ""]) == ["c", "a", "b"]


def test_hotspots_differ_by_symbol_and_size_as_well_as_colour() -> None:
    figure = draw_map(points(hotspots=frozenset({"d1", "d2"})), [])
    marks = [(set(trace.customdata.tolist()), trace.marker.symbol, trace.showlegend) for trace in figure.data if trace.customdata is not None]
    plain, flagged = {"d0", "d3", "d4", "d5"}, {"d1", "d2"}
    assert marks == [(plain, "circle", True), (flagged, "diamond", False), (plain, "circle", False), (flagged, "diamond", False)]
    assert figure.data[1].marker.size > figure.data[0].marker.size
    only = draw_map(points(hotspots=frozenset(f"d{row}" for row in range(6))), [])
    assert [trace.showlegend for trace in only.data if trace.customdata is not None] == [True, False]
    assert "Came closer together (2)" in {trace.name for trace in figure.data}


def test_answers_are_ringed_with_the_same_number_on_both_maps() -> None:
    figure = draw_map(points(answers=["d4", "gone", "d0"]), [])
    rings = [trace for trace in figure.data if trace.mode == "markers+text"]
    assert [list(zip(ring.customdata, ring.text, strict=True)) for ring in rings] == [[("d4", "1"), ("d0", "3")]] * 2
    assert [float(ring.x[0]) for ring in rings] == [8.0, 2.0]


def test_coordinates_are_float32_and_drawn_by_webgl_with_ids_beside_them() -> None:
    trace = draw_map(points(), []).data[0]
    assert trace.type == "scattergl"
    assert (trace.x.dtype, trace.y.dtype) == (np.float32, np.float32)
    assert list(trace.customdata) == [f"d{row}" for row in range(6)]


def test_both_maps_share_one_range_and_zoom_together() -> None:
    layout = draw_map(replace(points(), tuned=np.full((6, 2), 100, np.float32)), []).layout
    assert layout.xaxis.range == layout.xaxis2.range
    assert (layout.xaxis2.matches, layout.yaxis2.matches) == ("x", "y")


def test_a_base_alone_makes_one_map() -> None:
    figure = draw_map(points(tuned=False), [])
    assert [annotation.text for annotation in figure.layout.annotations] == ["Base"]
    assert len(figure.data) == 1


def test_a_map_of_too_many_points_is_refused_and_choosing_keeps_those_that_matter() -> None:
    ids = [f"d{row}" for row in range(MAX_POINTS + 5_000)]
    with pytest.raises(ValueError, match="too many"):
        draw_map(points(MAX_POINTS + 1), [])
    rows = choose_points(ids, 10**6, frozenset({"d17", ids[-2]}))
    assert len(rows) == len(set(rows.tolist())) == MAX_POINTS
    assert {17, len(ids) - 2} <= set(rows.tolist())
    assert choose_points(ids[:3], 5_000).tolist() == [0, 1, 2]


def test_the_change_plot_sorts_and_gives_each_direction_a_symbol_of_its_own() -> None:
    figure = draw_changes({"a": 0.5, "b": -0.25, "c": 0.0}, measure="NDCG@5")
    assert {trace.name: (list(trace.customdata), trace.x.tolist(), trace.marker.symbol) for trace in figure.data} == {
        "Worse (1)": (["b"], [1.0], "triangle-down"),
        "The same (1)": (["c"], [2.0], "circle"),
        "Better (1)": (["a"], [3.0], "triangle-up"),
    }


def test_the_change_plot_draws_at_most_its_limit_and_nothing_for_no_anchors() -> None:
    many = draw_changes({f"a{n}": n / 10**6 for n in range(MAX_POINTS + 1_000)}, measure="NDCG@5")
    assert sum(len(trace.x) for trace in many.data) == MAX_POINTS
    assert sum(len(trace.x) for trace in draw_changes({}, measure="NDCG@5").data) == 0


def test_intervals_tell_base_tuned_and_difference_apart_by_symbol_and_show_their_bounds() -> None:
    figure = draw_intervals(
        Interval("Base", 0.25, 0.125, 0.5), Interval("Tuned", 0.5, 0.25, 0.75), Interval("Change", 0.25, -0.5, 0.5), measure="NDCG@5", least=0.02
    )
    assert {trace.name: trace.marker.symbol for trace in figure.data} == {"Tuned": "diamond", "Base": "circle", "Change": "square"}
    assert {trace.name: (trace.error_x.arrayminus[0], trace.error_x.array[0]) for trace in figure.data}["Base"] == (0.125, 0.25)
    low, high = figure.layout.xaxis2.range
    assert low < -0.5
    assert high > 0.5


@pytest.mark.parametrize(("low", "high", "colour"), [(0.1, 0.3, GREEN), (-0.3, -0.1, VERMILLION), (-0.1, 0.3, GREY)])
def test_a_loss_is_not_drawn_in_the_colour_of_a_gain(low: float, high: float, colour: str) -> None:
    change = Interval("Change", (low + high) / 2, low, high)
    figure = draw_intervals(Interval("Base", 0.5, 0.4, 0.6), Interval("Tuned", 0.5, 0.4, 0.6), change, measure="NDCG@5", least=0.02)
    assert {trace.name: trace.marker.color for trace in figure.data}["Change"] == colour
