from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.curation.twins import write_twins
from core.model import Document, Evaluation, Judgement, Label, ModelKind, ModelRecord, Part, Projection, RunKind, RunStatus
from core.store import artefacts, candidates, corpus, judgements, projects, runs
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
    "hotspots": [{"ids": ["d1", "d13"], "terms": ["assignment", "schedule"], "closer": 1.8}],
    "gap": {},
    "duplicates": ["d9"],
}


def add_model(workspace: Workspace, model_id: str, kind: ModelKind) -> None:
    with workspace.store.write() as conn:
        artefacts.put_model(conn, "small", ModelRecord(model_id, kind.value, kind, "/nowhere", 32, 64, created_at=1.0))


def add_map(workspace: Workspace, figures: dict[str, Any], *, tuned: bool, name: str = "one", dense: bool = False) -> Projection:
    layout = np.random.default_rng(0).normal(size=(24, 2)).astype(np.float32)
    arrays = {"ids": np.array([f"d{n}" for n in range(24)]), "anchors": np.array(["a3"]), "base": layout, "anchors_base": layout[:1]}
    if tuned:
        arrays |= {"tuned": layout[::-1], "anchors_tuned": layout[:1], "overlap": np.repeat([0.1, 0.9], 12).astype(np.float32)}
    if dense:
        arrays |= {f"{place}_dense": arrays[place] for place in ("base", "tuned", "anchors_base", "anchors_tuned")}
    path = workspace.folder("maps") / f"{name}.npz"
    np.savez(path, **arrays)
    projection = Projection(name, BASE, TUNED if tuned else None, str(path), figures, 10.0 if name == "one" else 20.0)
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
    diamonds = {item for trace in figure["data"] if trace["marker"]["symbol"] == "diamond" for item in trace.get("customdata", ())}
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
    assert metrics == {"Neighbours kept": "62%", "Movement on the map": "4.0 × chance"}
    assert all(metric.help for metric in app.metric)


def test_movement_stands_under_the_map_against_the_noise_floor_and_is_no_verdict(open_screen: OpenScreen, mapped: str) -> None:
    said = next(item.value for item in open_screen("map").caption if item.value.startswith("Documents moved"))
    assert said.startswith("Documents moved 4 times as far on the map as when the base is drawn again with another random seed.")
    assert said.endswith("it has no part in the flag.")


def test_a_map_of_the_base_alone_has_one_panel_and_no_flag(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    add_map(workspace, SINGLE, tuned=False)
    app = open_screen("map")
    assert not app.exception
    assert not (app.success)
    assert not (app.warning)
    assert not (app.error)
    assert {metric.label: metric.value for metric in app.metric}["Relative contrast"] == "not measured"
    assert [annotation["text"] for annotation in read_figure(app)["layout"]["annotations"]] == ["Base"]


def test_a_tuned_model_that_is_not_drawn_is_offered_a_map(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    add_map(workspace, SINGLE, tuned=False)
    add_model(workspace, TUNED, ModelKind.TUNED)
    app = open_screen("map")
    assert "tuned model is not on this map" in app.info[0].value
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

    from pages._ui.map_side import chosen_document, keep_choice

    if "chart" in st.session_state:
        keep_choice(page, "chart")
    st.session_state["chosen"] = chosen_document(page)


def test_a_hotspot_is_named_by_its_terms_and_says_what_it_did_to_search(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    change = {"gain": -0.25, "low": -0.5, "high": -0.125}
    spot = PAIR["hotspots"][0] | {"anchors": 6, "ndcg@5": change}
    gap = {"distance": 0.5, "ndcg": 0.5, "centred": 0.75, "gain": 0.25, "low": 0.125, "high": 0.375, "orphans": 0.5, "n": 8}
    figures = {"hotspots": [spot], "gap": {"base": gap, "tuned": gap}, "global": PAIR["global"] | {"ndcg@5": change}}
    add_map(workspace, PAIR | figures, tuned=True)
    app = open_screen("map")
    assert not app.exception
    assert any(item.label.startswith("Group 1\\: assignment\\, schedule — 2 documents came 1.8 times closer") for item in app.expander)
    shown = [item.value for item in app.text]
    assert "6 held-out questions are answered in here; their NDCG@5 changed by -0.250 (95 % interval -0.500 to -0.125)." in shown
    assert any("changed by -0.250 with tuning (95 % interval -0.500 to -0.125): fewer answers are found." in text for text in shown)
    assert any("That costs answers: bringing both sides together raises NDCG@5 on 8 development questions by 0.250. 50%" in text for text in shown)


def test_one_click_on_a_hotspot_puts_its_pairs_first_and_opens_their_review(open_screen: OpenScreen, mapped: str, workspace: Workspace) -> None:
    add_map(workspace, PAIR | {"hotspots": [{"ids": ["d1", "d13", "d2", "d3"], "terms": [], "closer": 1.8}]}, tuned=True, name="two")
    with workspace.store.write() as conn:
        corpus.set_parts(conn, mapped, {"a1": Part.TRAIN, "a3": Part.TEST})
        revision = projects.get_project(conn, mapped).corpus_revision
    app = open_screen("map")
    app.button(key="review-hotspot-1").click().run()
    assert not app.exception
    assert any("is not known for the corpus as it is" in item.value for item in app.warning)
    write_twins(workspace, mapped, {}, revision)
    app.button(key="review-hotspot-1").click().run()
    assert not app.exception
    assert "Hard negatives" in app.title[0].value
    assert any("1 pair of 1 question answered there comes next." in text.value for text in app.text)
    with workspace.store.read() as conn:
        assert candidates.list_queued_pairs(conn, mapped) == [("a1", "d2")]  # d3 answers the held-out a3


def test_what_was_drawn_around_stands_beside_and_can_be_let_go(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    app.session_state["map_lasso_small"] = ["d4", "d5"]
    app.run()
    assert any("2 documents drawn around" in text.value for text in app.text)
    assert [trace["name"] for trace in read_figure(app)["data"]].count("Drawn around (2)") == 2
    app.button(key="forget-lasso").click().run()
    assert not any("drawn around" in text.value for text in app.text)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("Label state", {"Answer", "Unjudged", "Hard negative"}),
        ("Part of the split", {"train", "no part yet", "All others"}),
        ("Flag", {"Came closer together", "Near-duplicate in the base", "All others"}),
        ("Group that came together", {"Group 1: assignment, schedu…", "All others"}),
        ("Neighbours kept", {"Nearly all neighbours new", "Nearly all neighbours kept"}),
    ],
)
def test_the_map_is_coloured_by_what_is_known_of_documents(open_screen: OpenScreen, mapped: str, workspace: Workspace, choice: str, expected: set[str]) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, mapped, {"a1": Part.TRAIN})
        judgements.append_judgements(conn, mapped, [Judgement("negative-d10", "a1", "d10", Label.HARD_NEGATIVE)])
    app = open_screen("map")
    app.selectbox(key="map_colour").set_value(choice).run()
    assert not app.exception
    names = {trace["name"] for trace in read_figure(app)["data"]} - {"Came closer together (2)"}
    assert names == expected


def test_a_search_marks_what_it_finds_on_both_maps(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    app.text_input(key="map_search").set_value("insurance").run()
    assert not app.exception
    crosses = [trace for trace in read_figure(app)["data"] if trace["name"].startswith("Found by")]
    assert [sorted(trace["customdata"]) for trace in crosses] == [["d15", "d3"]] * 2


def test_the_chosen_anchor_is_a_star_with_a_line_to_each_answer(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    app.selectbox(key="map_anchor").set_value("a3").run()
    traces = read_figure(app)["data"]
    assert [trace["name"] for trace in traces].count("The anchor") == 2
    assert [len(trace["x"]) for trace in traces if trace["name"] == "To its answers"] == [6, 6]


def test_the_passage_moves_every_document_from_base_to_tuned(open_screen: OpenScreen, mapped: str) -> None:
    app = open_screen("map")
    app.segmented_control(key="map_view").set_value("Passage from base to tuned").run()
    assert not app.exception
    figure = read_figure(app)
    assert (figure["frames"][0]["name"], figure["frames"][-1]["name"]) == ("Base", "Tuned")
    assert len(figure["frames"]) == 13


def test_the_density_view_is_offered_where_it_was_drawn(open_screen: OpenScreen, mapped: str, workspace: Workspace) -> None:
    assert not open_screen("map").toggle
    add_map(workspace, PAIR, tuned=True, name="two", dense=True)
    app = open_screen("map")
    app.toggle(key="map_density").set_value(True).run()
    assert not app.exception


def test_the_clicked_document_has_its_anchors_with_their_change_beside(open_screen: OpenScreen, mapped: str, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        for model, value in ((BASE, 0.5), (TUNED, 0.75)):
            artefacts.put_evaluation(conn, mapped, Evaluation(model[:12], "x", model, "test", {"ndcg@5": value}, 1, 1, None, 1.0), {"a5": {"ndcg@5": value}})
    app = open_screen("map")
    app.session_state["map_document_small"] = "d5"
    app.run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "Change in NDCG@5" in frame.value)
    assert table[["Grade", "Change in NDCG@5"]].to_numpy().tolist() == [[3, 0.25]]


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


def test_the_figures_stand_beside_those_of_random_vectors_and_recall_is_stated(open_screen: OpenScreen, small_project: str, workspace: Workspace) -> None:
    spaces = {side: {"n": 24, "participation_ratio": ratio, "relative_contrast": 1.5, "mean_cosine": 0.25} for side, ratio in (("base", 8.0), ("tuned", 9.0))}
    spaces["random"] = {"n": 24, "participation_ratio": 17.5, "relative_contrast": 1.0625, "mean_cosine": 0.0, "neighbour_overlap": 0.25}
    figures = PAIR | {"global": PAIR["global"] | {"absolute": spaces}, "map_recall": {"base": 0.998, "tuned": 0.9875}}
    add_map(workspace, figures, tuned=True)
    app = open_screen("map")
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "Documents under" in frame.value)
    assert table["Documents under"].tolist() == ["Base", "Tuned", "Random vectors"]
    assert table["Participation ratio"].tolist() == [8.0, 9.0, 17.5]
    captions = [item.value for item in app.caption]
    assert any("Two random spaces would share 25.0% of their neighbours." in text for text in captions)
    assert any("of the true nearest, 98.8% were found" in text for text in captions)


def test_a_field_of_thousands_of_values_lists_the_most_frequent(open_screen: OpenScreen, mapped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages._ui.map_colours.LISTED", 8)
    app = open_screen("map")
    assert not app.exception
    assert len(app.multiselect[0].options) == 8
    assert "The 8 most frequent of 12 values are listed." in app.multiselect[0].help
