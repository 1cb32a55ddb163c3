from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.model import Document, ModelKind, ModelRecord, Projection, RunKind, RunStatus
from core.store import artefacts, corpus, projects, runs
from core.workspace import Workspace
from pages._ui.page import Page

OpenScreen = Callable[..., AppTest]
BASE, TUNED = "b" * 64, "c" * 64
SPACE = {
    "mean_cosine": {"base": 0.25, "tuned": 0.5},
    "participation_ratio": {"value": 0.875, "low": 0.8125, "high": 0.9375},
    "relative_contrast": {"value": 0.75, "low": 0.6875, "high": 0.8125},
}
SINGLE = {"documents": 24, "drawn": 24, "base": {"n": 24, "mean_cosine": 0.25, "participation_ratio": 12.5, "relative_contrast": None}}
PAIR = SINGLE | {
    "noise_floor": 0.125,
    "displacement": 0.5,
    "verdict": "amber",
    "reasons": ["2 documents came 1.8 times closer together than the rest of the space."],
    "global": {"n": 24, "documents": SPACE, "reference": SPACE, "neighbour_overlap": 0.625},
    "hotspots": [{"ids": ["d1", "d13"], "closer": 1.8}],
    "gap": {},
    "duplicates": [],
}


def add_model(workspace: Workspace, model_id: str, kind: ModelKind) -> None:
    with workspace.store.write() as conn:
        artefacts.put_model(conn, "small", ModelRecord(model_id, kind.value, kind, "/nowhere", 32, 64, created_at=1.0))


def add_map(workspace: Workspace, figures: dict[str, Any], *, tuned: bool) -> Projection:
    layout = np.random.default_rng(0).normal(size=(24, 2)).astype(np.float32)
    arrays = {"ids": np.array([f"d{n}" for n in range(24)]), "base": layout} | ({"tuned": layout[::-1]} if tuned else {})
    path = workspace.folder("maps") / "one.npz"
    np.savez(path, **arrays)
    projection = Projection("one", BASE, TUNED if tuned else None, str(path), figures, 10.0)
    with workspace.store.write() as conn:
        artefacts.put_projection(conn, "small", projection)
    return projection


def read_figure(app: AppTest) -> dict[str, Any]:
    return json.loads(app.get("plotly_chart")[0].proto.spec)


@pytest.fixture
def mapped(workspace: Workspace, small_project: str) -> str:
    """The small project with a map of base and tuned on which `d1` and `d13` came together."""
    add_model(workspace, BASE, ModelKind.BASE)
    add_model(workspace, TUNED, ModelKind.TUNED)
    add_map(workspace, PAIR, tuned=True)
    return small_project


def test_without_a_map_the_page_offers_to_draw_one_and_queues_it(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    app = open_screen("map")
    assert not app.exception
    assert "No map has been drawn yet" in app.info[0].value
    next(button for button in app.button if button.label == "Draw the map").click().run()
    with workspace.store.read() as conn:
        assert [(run.kind, run.status) for run in runs.list_runs(conn, small_project)] == [(RunKind.MAP, RunStatus.QUEUED)]
    assert not [button for button in app.button if button.label == "Draw the map"]


def test_the_flag_stands_in_words_with_reasons_and_says_where_it_comes_from(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    assert not app.exception
    assert "### Look closer" in app.warning[0].value
    assert "2 documents came 1.8 times closer" in app.warning[0].value
    assert "The verdict is computed in the original space; the map only shows where." in app.warning[0].value


@pytest.mark.parametrize(
    ("verdict", "word", "kind"),
    [("green", "No clumping", "success"), ("red", "Clumped", "error"), ("none", "No verdict", "info"), ("note", "No clumping, but", "info")],
)
def test_every_flag_has_its_own_word(open_screen: OpenScreen, small_project: str, workspace: Workspace, verdict: str, word: str, kind: str) -> None:
    add_map(workspace, PAIR | {"verdict": verdict}, tuned=True)
    assert f"### {word}" in getattr(open_screen("map"), kind)[0].value


def test_both_maps_are_drawn_in_one_figure_with_hotspots_as_diamonds(open_screen: OpenScreen, mapped: str) -> None:
    figure = read_figure(open_screen("map"))
    assert [annotation["text"] for annotation in figure["layout"]["annotations"]] == ["Base", "Tuned"]
    diamonds = {
        item
        for trace in figure["data"]
        if "customdata" in trace
        for item, symbol in zip(trace["customdata"], trace["marker"]["symbol"], strict=True)
        if symbol == "diamond"
    }
    assert diamonds == {"d1", "d13"}


def test_a_field_of_five_to_sixty_values_colours_the_map_first(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    assert next(box for box in app.selectbox if box.label == "Colour by").value == "topic"
    assert len(app.multiselect[0].value) == 7
    app.multiselect[0].set_value(["audit"]).run()
    names = {trace["name"] for trace in read_figure(app)["data"]}
    assert names == {"audit", "All others", "Came closer together (2)"}


def test_the_answers_of_an_anchor_are_ringed_on_both_maps(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    app.selectbox(key="map_anchor").set_value("a3").run()
    assert not app.exception
    rings = [trace for trace in read_figure(app)["data"] if trace["name"].startswith("Answers of the anchor")]
    assert [(ring["customdata"], ring["text"]) for ring in rings] == [(["d3", "d15"], ["1", "2"])] * 2


def test_figures_are_shares_of_the_base_with_intervals_and_help(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    table = app.dataframe[0].value
    assert table["Participation ratio"].tolist() == ["88% (81% to 94%)"] * 2
    assert table["Texts"].tolist() == ["Documents", "General language"]
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics == {"Neighbour overlap": "62%", "Movement on the map": "50%", "Movement by chance": "12%"}
    assert all(metric.help for metric in app.metric)


def test_a_map_of_the_base_alone_has_one_panel_and_no_flag(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    add_map(workspace, SINGLE, tuned=False)
    app = open_screen("map")
    assert not app.exception
    assert not (app.success)
    assert not (app.warning)
    assert not (app.error)
    assert {metric.label: metric.value for metric in app.metric}["Relative contrast"] == "not measured"
    assert [annotation["text"] for annotation in read_figure(app)["layout"]["annotations"]] == ["Base"]


def test_a_newer_tuned_model_is_offered_a_map(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    add_map(workspace, SINGLE, tuned=False)
    add_model(workspace, TUNED, ModelKind.TUNED)
    app = open_screen("map")
    assert "newest tuned model is not on this map" in app.info[0].value
    assert [button.label for button in app.button if button.label == "Draw the map"] == ["Draw the map"]


def test_the_document_that_was_clicked_is_read_beside_and_framed_on_both_maps(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    app.session_state["map_document_small"] = "d5"
    app.run()
    assert any("clause 5" in text.value for text in app.text)
    assert [trace["name"] for trace in read_figure(app)["data"]].count("The document beside") == 2


def test_the_document_clicked_in_one_project_is_not_chosen_in_another(open_screen: OpenScreen, mapped: str, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "other", base_model="embedded:all-MiniLM-L6-v2")
    page = Page(workspace, "local", None)
    seen = {}
    for name in ("small", "other"):
        with workspace.store.read() as conn:
            page = replace(page, project=projects.get_project(conn, name))
        app = AppTest.from_function(click_point, args=(page,))
        app.session_state["map_document"] = "d9"  # a choice that belongs to no project
        if seen:
            app.session_state["map_document_small"] = "d5"
        else:
            app.session_state["chart"] = {"selection": {"points": [{"customdata": ["d5"]}]}}
        app.run()
        assert not app.exception
        seen[name] = app.session_state["chosen"]
    assert seen == {"small": "d5", "other": ""}


def click_point(page) -> None:
    """A script of its own: choose a document in the project of `page`, and say which is chosen."""
    import streamlit as st

    from pages._ui.map_controls import chosen_document, keep_choice

    if "chart" in st.session_state:
        keep_choice(page, "chart")
    st.session_state["chosen"] = chosen_document(page)


def test_text_of_the_corpus_is_escaped_in_the_figure(open_screen: OpenScreen, mapped: str, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        corpus.put_documents(conn, mapped, [Document("d2", "<script>alert(1)</script>", fields={"topic": "<img src=x>"})])
    app = open_screen("map")
    assert not app.exception
    spec = app.get("plotly_chart")[0].proto.spec
    hovers = [text for trace in read_figure(app)["data"] for text in trace.get("hovertext") or []]
    assert any("&lt;script&gt;" in text for text in hovers)
    assert "<script>" not in spec.replace("\\u003c", "<")


def test_a_map_whose_file_is_gone_says_so(open_screen: OpenScreen, mapped: str, workspace: Workspace) -> None:
    (workspace.home / "maps" / "one.npz").unlink()
    app = open_screen("map")
    assert not app.exception
    assert any("is gone from the home folder" in item.value for item in app.warning)
