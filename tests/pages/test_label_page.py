"""The label page: choosing an anchor, searching, marking and taking back, adding anchors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.model import Anchor, Document, Judgement, Label, Source
from core.store import corpus, judgements, projects
from core.workspace import Workspace

Open = Callable[..., AppTest]
HOSTILE = "<img src=x onerror=alert(1)> **bold** $x$ :red[x]"


def read_marks(workspace: Workspace) -> list[tuple[str, str, Label, int]]:
    """What was marked here, without what the project came with."""
    with workspace.store.read() as conn:
        return [(e.anchor_id, e.document_id, e.label, e.grade) for e in judgements.read_log(conn, "small") if e.author == "local"]


def texts(app: AppTest) -> list[str]:
    return [item.value for item in app.text]


@pytest.mark.usefixtures("small_project")
def test_the_first_anchor_without_an_answer_is_shown_with_hits_for_its_own_text(open_screen: Open) -> None:
    app = open_screen("label")
    assert not app.exception
    assert "2 of 12 anchors have no answer yet" in [item.value for item in app.caption]
    assert app.text_input[0].value == "What does the contract say on notice?"
    assert list(app.dataframe[0].value["Question"]) == ["What does the contract say on notice?", "What does the contract say on confidence?"]
    assert {button.key for button in app.button if button.key and button.key.startswith("hit-3-")} >= {"hit-3-a10-d10", "hit-3-a10-d22"}


@pytest.mark.usefixtures("small_project")
@pytest.mark.parametrize(("grade", "label"), [(3, Label.POSITIVE), (2, Label.POSITIVE), (1, Label.POSITIVE), (0, Label.HARD_NEGATIVE)])
def test_a_mark_is_stored_for_the_pair_its_button_stands_under_and_the_anchor_stays(open_screen: Open, workspace: Workspace, grade: int, label: Label) -> None:
    app = open_screen("label")
    app.button(key=f"hit-{grade}-a10-d22").click().run()
    assert not app.exception
    assert read_marks(workspace) == [("a10", "d22", label, grade)]
    assert app.text_input[0].value == "What does the contract say on notice?"
    assert any(text.endswith(f"marked {['0 no answer', '1 touches', '2 partly', '3 fully'][grade]}") for text in texts(app))


@pytest.mark.usefixtures("small_project")
def test_undo_takes_the_last_mark_back_and_the_one_before_stands_again(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("label")
    app.button(key="hit-2-a10-d22").click().run()
    app.button(key="hit-3-a10-d22").click().run()
    app.button(key="hit-undo-a10-d22").click().run()
    assert read_marks(workspace)[-1] == ("a10", "d22", Label.POSITIVE, 2)
    app.button(key="hit-undo-a10-d22").click().run()
    assert read_marks(workspace)[-1] == ("a10", "d22", Label.UNJUDGED, 0)
    assert not app.exception


@pytest.mark.usefixtures("small_project")
def test_an_answer_marked_before_is_listed_and_can_be_made_no_answer(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("label", anchor="a3")
    assert any(item.label == "Answers marked so far: 2" for item in app.expander)
    app.button(key="answer-0-a3-d15").click().run()
    assert read_marks(workspace) == [("a3", "d15", Label.HARD_NEGATIVE, 0)]
    assert any(item.label == "Answers marked so far: 1" for item in app.expander)


@pytest.mark.usefixtures("small_project")
def test_a_button_changes_nothing_when_somebody_else_judged_the_pair_since_it_was_drawn(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("label")
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement("somebody-else", "a10", "d22", Label.AMBIGUOUS, 0, Source.SEARCH, "somebody")])
    app.button(key="hit-3-a10-d22").click().run()
    assert read_marks(workspace) == []
    assert any("judged meanwhile" in text for text in texts(app))
    assert any(text.endswith("marked ambiguous") for text in texts(app))


@pytest.mark.usefixtures("small_project")
def test_next_anchor_goes_through_those_without_an_answer_and_round_again(open_screen: Open) -> None:
    app = open_screen("label")
    app.button(key="next-a10").click().run()
    assert app.text_input[0].value == "What does the contract say on confidence?"
    app.button(key="next-a11").click().run()
    assert app.text_input[0].value == "What does the contract say on notice?"


@pytest.mark.usefixtures("small_project")
def test_all_anchors_are_listed_when_the_filter_is_off_a_page_at_a_time(open_screen: Open) -> None:
    app = open_screen("label")
    app.toggle(key="label-unlabelled").set_value(False).run()
    assert list(app.dataframe[0].value["Answers"]) == [2] * 8
    next(button for button in app.button if button.label == "More").click().run()
    assert list(app.dataframe[0].value["Answers"]) == [2, 2, 0, 0]
    assert "9–12 of 12" in [item.value for item in app.caption]


@pytest.mark.usefixtures("small_project")
def test_another_query_finds_other_documents_and_an_odd_one_nothing(open_screen: Open) -> None:
    app = open_screen("label")
    app.text_input[0].set_value("warranty").run()
    assert {button.key for button in app.button if button.key and button.key.startswith("hit-3-")} == {"hit-3-a10-d8", "hit-3-a10-d20"}
    app.text_input[0].set_value("zebra").run()
    assert "Nothing found. Try other words." in [item.value for item in app.info]


@pytest.mark.usefixtures("small_project")
def test_pasted_lines_become_anchors_each_once_and_the_first_is_chosen(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("label")
    app.text_area[0].set_value("Who pays for the audit?\n\n  Who pays for the audit?  \nWhat does the contract say on notice?\nMay we assign?")
    app.button(key="add-anchors").click().run()
    assert not app.exception
    assert "2 added. 1 were there already." in texts(app)
    assert app.text_input[0].value == "Who pays for the audit?"
    with workspace.store.read() as conn:
        assert corpus.count_anchors(conn, "small") == 14


def test_hostile_text_reaches_the_screen_only_as_plain_text(open_screen: Open, workspace: Workspace, tiny_model: object) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "small", base_model=str(tiny_model))
        corpus.put_documents(conn, "small", [Document("d1", f"{HOSTILE} clause", fields={"place": HOSTILE})])
        corpus.put_anchors(conn, "small", [Anchor("a1", f"{HOSTILE} clause?")])
    app = open_screen("label")
    assert not app.exception
    assert {f"{HOSTILE} clause", f"{HOSTILE} clause?", f"d1 · {HOSTILE}"} <= set(texts(app))
    assert not any("onerror" in item.value for item in [*app.markdown, *app.caption])


def test_a_project_without_anchors_asks_for_the_first(open_screen: Open, workspace: Workspace, tiny_model: object) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "small", base_model=str(tiny_model))
        corpus.put_documents(conn, "small", [Document("d1", "A clause.")])
    app = open_screen("label")
    assert any("There is no anchor yet" in item.value for item in app.info)
    assert app.expander[0].proto.expanded
