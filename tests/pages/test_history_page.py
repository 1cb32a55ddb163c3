"""The history page: the log by link, an event with what was shown, taking it back, snapshots compared."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.curation.snapshot import is_whole, snapshot_path, take_snapshot
from core.model import Document, Judgement, Label, hash_text
from core.store import corpus, judgements
from core.workspace import Workspace

HOSTILE = "**bold** $x$ :red[x] <img src=x> # head"


@pytest.fixture
def judged(workspace: Workspace, small_project: str) -> str:
    """Two decisions of Ann, the second with what was shown; the document was reworded after."""
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, [Document("d5", HOSTILE)])
        shown = {"document": hash_text(HOSTILE), "anchor": hash_text(corpus.get_anchor(conn, small_project, "a0").text), "ratio": 0.91}
        first = Judgement("first", "a0", "d5", Label.HARD_NEGATIVE, author="ann")
        second = Judgement("second", "a0", "d5", Label.POSITIVE, 2, author="ann", active_ms=1500, reason="partial", shown=shown)
        judgements.append_judgements(conn, small_project, [first, second])
        corpus.put_documents(conn, small_project, [Document("d5", "reworded")])
    return small_project


def texts(app: AppTest) -> list[str]:
    return [item.value for item in app.text]


def test_the_log_is_shown_newest_first_and_a_link_filters_it(open_screen: Callable[..., AppTest], judged: str) -> None:
    app = open_screen("history")
    assert list(app.dataframe[0].value["After"][:2]) == ["Answer, partly", "Hard negative"]
    assert len(app.dataframe[0].value) == 20
    app.text_input(key="document").set_value("d5").run()
    app.selectbox(key="author").set_value("ann").run()
    assert not app.exception
    assert list(app.dataframe[0].value["Before"]) == ["Hard negative", "—"]


def test_a_linked_event_shows_the_text_as_it_was_then_letter_for_letter(open_screen: Callable[..., AppTest], judged: str) -> None:
    app = open_screen("history", event="second")
    assert not app.exception
    assert HOSTILE in texts(app)
    assert "Reason: partial" in texts(app)
    assert HOSTILE not in str([item.value for item in [*app.markdown, *app.caption]])


def test_only_the_standing_event_can_be_taken_back_and_the_page_says_why(open_screen: Callable[..., AppTest], workspace: Workspace, judged: str) -> None:
    app = open_screen("history", event="first")
    assert app.button(key="take-back-first").disabled
    assert any("judged again since" in item.value for item in app.caption)
    app = open_screen("history", event="second")
    app.button(key="take-back-second").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        (state,) = [item for item in judgements.read_state(conn, judged, anchor_ids=["a0"]) if item.document_id == "d5"]
    assert (state.label, state.undoes) == (Label.HARD_NEGATIVE, "second")
    assert app.button(key="take-back-second").disabled


def test_an_event_that_is_not_there_is_said_to_be_missing(open_screen: Callable[..., AppTest], judged: str) -> None:
    assert "has no event" in open_screen("history", event="nothing").warning[0].value


def test_people_have_their_figures(open_screen: Callable[..., AppTest], judged: str) -> None:
    app = open_screen("history", view="People")
    rows = app.dataframe[0].value.set_index("Who")
    assert (rows.loc["ann", "Decisions"], rows.loc["ann", "Median seconds"]) == (2, 1.5)


def test_snapshots_are_taken_compared_and_made_again(open_screen: Callable[..., AppTest], workspace: Workspace, judged: str) -> None:
    first = take_snapshot(workspace, judged, now=1.0)
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, judged, [Judgement("third", "a1", "d5", Label.HARD_NEGATIVE)])
    app = open_screen("history", view="Snapshots")
    app.button[next(n for n, item in enumerate(app.button) if item.label == "Take a snapshot now")].click().run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 2
    changes = app.dataframe[1].value
    assert changes.to_dict("records") == [{"Anchor": "a1", "Document": "d5", "Before": "Not judged", "After": "Hard negative"}]
    snapshot_path(workspace, first.id).unlink()
    app.selectbox(key="snapshot").set_value(first.id).run()
    app.button[next(n for n, item in enumerate(app.button) if item.label == "Make it again")].click().run()
    assert not app.exception
    assert is_whole(workspace, first.id)
