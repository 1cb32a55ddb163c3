"""The label page: choosing an anchor, searching, marking and taking back, adding anchors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.curation.twins import write_twins
from core.model import Anchor, Candidate, CandidateStatus, Document, Judgement, Label, RunKind, Source
from core.store import candidates, corpus, judgements, projects, runs
from core.workspace import Workspace
from pages._ui.text import escape_label

Open = Callable[..., AppTest]
HOSTILE = "<img src=x onerror=alert(1)> **bold** $x$ :red[x]"


def read_marks(workspace: Workspace) -> list[tuple[str, str, Label, int]]:
    """What was marked here, without what the project came with."""
    with workspace.store.read() as conn:
        return [(e.anchor_id, e.document_id, e.label, e.grade) for e in judgements.read_log(conn, "small") if e.author == "local"]


def chosen(app: AppTest) -> str:
    """The anchor that the page is at."""
    return str(app.session_state["label-anchor-small"])


def read_panel_marks(app: AppTest) -> dict[str, Any]:
    """The present mark of each hit, by document id, as the panel was given it."""
    (panel,) = app.get("bidi_component")
    return {item["document_id"]: item["mark"] for item in json.loads(panel.proto.json)["results"]}


def texts(app: AppTest) -> list[str]:
    return [item.value for item in app.text]


@pytest.mark.usefixtures("small_project")
def test_the_first_anchor_without_an_answer_is_shown_with_hits_for_its_own_text(open_screen: Open) -> None:
    app = open_screen("label")
    assert not app.exception
    assert "2 of 12 anchors have no answer yet" in [item.value for item in app.caption]
    assert chosen(app) == "a10"
    assert app.radio[0].options == [r"What does the contract say on notice\?", r"What does the contract say on confidence\?"]
    assert list(app.radio[0].proto.captions) == ["0 answers · 0 hard negatives"] * 2
    assert {button.key for button in app.button if button.key and button.key.startswith("hit-3-")} >= {"hit-3-a10-d10", "hit-3-a10-d22"}


@pytest.mark.usefixtures("small_project")
@pytest.mark.parametrize(("grade", "label"), [(3, Label.POSITIVE), (2, Label.POSITIVE), (1, Label.POSITIVE), (0, Label.HARD_NEGATIVE)])
def test_a_mark_is_stored_for_the_pair_its_button_stands_under_and_the_anchor_stays(open_screen: Open, workspace: Workspace, grade: int, label: Label) -> None:
    app = open_screen("label")
    app.button(key=f"hit-{grade}-a10-d22").click().run()
    assert not app.exception
    assert read_marks(workspace) == [("a10", "d22", label, grade)]
    assert chosen(app) == "a10"
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
def test_a_mark_says_what_it_was_applied_to_and_what_was_taken_back(open_screen: Open, workspace: Workspace) -> None:
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, "small").corpus_revision
    write_twins(workspace, "small", {"d22": "d22", "d6": "d22"}, revision)
    app = open_screen("label")
    app.button(key="hit-3-a10-d22").click().run()
    assert "Also applied to d6 · for a10" in texts(app)
    app.button(key="hit-undo-a10-d22").click().run()
    assert "Also taken back: d6 · for a10" in texts(app)
    assert not app.exception


@pytest.mark.usefixtures("small_project")
def test_what_two_experts_judge_blind_is_hidden_until_ones_own_word_and_a_difference_is_said(open_screen: Open, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "small", [Candidate("a10", "d22", CandidateStatus.PROPOSED, "near", 1.0, 0.5, 0.8, 1, None, "none")])
        candidates.set_wanted(conn, "small", [("a10", "d22")], 2)
        judgements.append_judgements(conn, "small", [Judgement("somebody-else", "a10", "d22", Label.POSITIVE, 3, Source.SEARCH, "somebody")])
        assert candidates.read_blind(conn, "small", "a10", "local") == {"d22"}
        assert candidates.read_blind(conn, "small", "a10", "somebody") == set()
    app = open_screen("label", anchor="a10")
    assert read_panel_marks(app)["d22"] is None
    assert any(item.label == "Answers marked so far: 0" for item in app.expander)
    app.button(key="hit-0-a10-d22").click().run()
    assert not app.exception
    assert read_panel_marks(app)["d22"]["disputed"]
    assert any(text.endswith("marked experts differ: settle it on the agreement page") for text in texts(app))
    assert any("Another expert judged this otherwise." in text for text in texts(app))


@pytest.mark.usefixtures("small_project")
def test_next_anchor_goes_through_those_without_an_answer_and_round_again(open_screen: Open) -> None:
    app = open_screen("label")
    app.button(key="next-a10").click().run()
    assert chosen(app) == "a11"
    app.button(key="next-a11").click().run()
    assert chosen(app) == "a10"


@pytest.mark.usefixtures("small_project")
def test_the_list_is_filtered_by_answers_and_words_and_comes_a_page_at_a_time(open_screen: Open) -> None:
    app = open_screen("label")
    app.selectbox(key="label-show-small").set_value("All questions").run()
    assert list(app.radio[0].proto.captions) == ["2 answers · 0 hard negatives"] * 8
    next(button for button in app.button if button.label == "More").click().run()
    assert [caption.split(" ·")[0] for caption in app.radio[0].proto.captions] == ["2 answers", "2 answers", "0 answers", "0 answers"]
    assert "9–12 of 12" in [item.value for item in app.caption]
    app.text_input(key="label-filter-small").set_value("on AUDIT").run()
    assert app.radio[0].options == [r"What does the contract say on audit\?"]
    app.text_input(key="label-filter-small").set_value("zebra").run()
    assert "No question of this filter contains these words." in [item.value for item in app.info]
    app.text_input(key="label-filter-small").set_value("").run()
    app.selectbox(key="label-show-small").set_value("Fewer than 3 answers").run()
    assert "1–8 of 12" in [item.value for item in app.caption]


@pytest.mark.usefixtures("small_project")
def test_a_click_on_a_question_opens_it(open_screen: Open) -> None:
    app = open_screen("label")
    app.radio[0].set_value(1).run()
    assert chosen(app) == "a11"
    assert not app.exception


@pytest.mark.usefixtures("small_project")
def test_pasted_lines_are_previewed_and_become_anchors_each_once_and_the_first_is_chosen(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("label")
    app.text_area[0].set_value("Who pays for the audit?\n\n  Who pays for the audit?  \nWhat does the contract say on notice?\nMay we assign?").run()
    assert "2 new · 1 here already · 1 given twice" in texts(app)
    assert list(app.dataframe[0].value.itertuples(index=False, name=None)) == [
        (1, "Who pays for the audit?", "new"),
        (5, "May we assign?", "new"),
        (4, "What does the contract say on notice?", "here already"),
        (3, "Who pays for the audit?", "given in line 1"),
    ]
    with workspace.store.read() as conn:
        assert corpus.count_anchors(conn, "small") == 12
    app.button(key="add-anchors").click().run()
    assert not app.exception
    assert "2 added. 2 were there already." in texts(app)
    with workspace.store.read() as conn:
        assert corpus.count_anchors(conn, "small") == 14
        assert corpus.get_anchor(conn, "small", chosen(app)).text == "Who pays for the audit?"
    assert app.text_area[0].value == ""


@pytest.mark.usefixtures("small_project")
def test_a_pasted_table_comes_in_by_the_chosen_columns_and_a_bad_one_not_at_all(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("label")
    app.button_group(key="add-way-small").set_value("A table").run()
    app.text_area[0].set_value("nr\tquestion\tkind\nn1\tWho pays?\tx\nn2\tWho is to pay?\tx\na1\tOther?\t").run()
    assert app.selectbox(key="column-question-small").value == "question"
    app.selectbox(key="column-id-small").set_value("nr").run()
    app.selectbox(key="column-group-small").set_value("kind").run()
    assert any("line 4: the id 'a1' names another question of the project" in text for text in texts(app))
    assert app.button(key="add-anchors").disabled
    app.text_area[0].set_value("nr\tquestion\tkind\nn1\tWho pays?\tx\nn2\tWho is to pay?\tx").run()
    app.button(key="add-anchors").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        assert corpus.get_anchor(conn, "small", "n2") == Anchor("n2", "Who is to pay?", group="x")


@pytest.mark.usefixtures("small_project")
def test_questions_that_read_alike_are_joined_by_one_click_and_taken_apart_by_another(open_screen: Open, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, "small", [Anchor("b3", "what does the contract say on INSURANCE"), Anchor("b4", "What does the contract say on audit ?")])
    app = open_screen("label")
    assert [item.label for item in app.expander if "read alike" in item.label] == ["Questions that read alike: 2"]
    assert "These 2 questions read alike: same question?" in [item.value for item in app.caption]
    next(button for button in app.button if button.label == "Same question").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        assert corpus.get_anchor(conn, "small", "b3").group == "a3"
        state = judgements.read_state(conn, "small", anchor_ids=["b3"])
    assert [(item.document_id, item.grade, item.caused_by) for item in state] == [("d15", 2, "made-3-15"), ("d3", 3, "made-3-3")]
    assert any("b3 – d15, b3 – d3" in text for text in texts(app))
    next(button for button in app.button if button.label == "Different").click().run()
    assert [item.label for item in app.expander if "read alike" in item.label] == ["Questions that read alike"]  # none left; not embedded, which it says
    app.text_input(key="label-filter-small").set_value("insurance").run()
    app.selectbox(key="label-show-small").set_value("All questions").run()
    assert list(app.radio[0].proto.captions) == ["2 answers · 0 hard negatives · +1 paraphrase"]
    app.radio[0].set_value(0).run()
    app.button(key="dissolve-a3").click().run()
    with workspace.store.read() as conn:
        assert corpus.get_anchor(conn, "small", "b3").group is None
        assert judgements.read_state(conn, "small", anchor_ids=["b3"]) == []
    assert not app.exception


@pytest.mark.usefixtures("small_project")
def test_questions_that_are_not_embedded_are_said_to_be_and_the_run_is_offered(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("label")
    assert "12 of 12 questions are not embedded yet, so only their text was compared." in [item.value for item in app.caption]
    app.button(key="embed-anchors").click().run()
    with workspace.store.read() as conn:
        assert [run.kind for run in runs.list_runs(conn, "small")] == [RunKind.EMBED]
    assert "They are being embedded now; this list grows when that is done." in [item.value for item in app.caption]


def test_hostile_text_reaches_the_screen_only_as_plain_text(open_screen: Open, workspace: Workspace, tiny_model: object) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "small", base_model=str(tiny_model))
        corpus.put_documents(conn, "small", [Document("d1", f"{HOSTILE} clause", fields={"place": HOSTILE})])
        corpus.put_anchors(conn, "small", [Anchor("a1", f"{HOSTILE} clause?")])
    app = open_screen("label")
    assert not app.exception
    assert {f"{HOSTILE} clause", f"d1 · {HOSTILE}"} <= set(texts(app))
    assert app.radio[0].options == [escape_label(f"{HOSTILE} clause?")]
    assert not any("onerror" in item.value for item in [*app.markdown, *app.caption])


def test_a_project_without_anchors_asks_for_the_first(open_screen: Open, workspace: Workspace, tiny_model: object) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "small", base_model=str(tiny_model))
        corpus.put_documents(conn, "small", [Document("d1", "A clause.")])
    app = open_screen("label")
    assert any("There is no anchor yet" in item.value for item in app.info)
    assert next(item for item in app.expander if item.label == "Add questions").proto.expanded
