"""The hard negatives page: what it hands to the panel, what it says when nothing waits, and the plain buttons."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.curation.guideline import write_guideline
from core.curation.options import change_options
from core.curation.overlap import change_overlap
from core.curation.twins import write_twins
from core.model import Candidate, CandidateStatus, Document, Judgement, Label, PairsmithError, RunKind, RunStatus, Source
from core.settings import load_settings
from core.store import candidates, corpus, judgements, projects, runs
from core.workspace import Workspace
from pages._ui.text import escape_label
from tests.pages.conftest import ROUTER

Open = Callable[..., AppTest]


def put_queue(workspace: Workspace, pairs: list[tuple[str, str]]) -> None:
    """Put these (anchor id, document id) pairs in the queue, in this order."""
    found = [Candidate(anchor, doc, CandidateStatus.PROPOSED, "near", 1.0 - i / 100, 0.5, 0.8, 1, None, "none") for i, (anchor, doc) in enumerate(pairs)]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "small", found)


def add_run(workspace: Workspace, status: RunStatus) -> None:
    """A mining run that ended this way."""
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.MINE, {})
        run = runs.claim_run(conn, "worker", lease_s=60)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, status, error=None if status == RunStatus.SUCCEEDED else "It broke.")


def read_marks(workspace: Workspace) -> list[tuple[str, str, Label, int]]:
    """What was judged here, without what the project came with."""
    with workspace.store.read() as conn:
        return [(e.anchor_id, e.document_id, e.label, e.grade) for e in judgements.read_log(conn, "small") if e.author == "local"]


def said(app: AppTest) -> str:
    """All the page says in boxes."""
    return " ".join(item.value for kind in (app.info, app.success, app.warning, app.error) for item in kind)


def handed(app: AppTest) -> dict[str, object]:
    """The data the panel was given."""
    (panel,) = app.get("bidi_component")
    return json.loads(panel.proto.json)


@pytest.mark.usefixtures("small_project")
def test_the_panel_is_handed_the_leased_records_in_their_order(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4"), ("a5", "d1")])
    app = open_screen("negatives")
    assert not app.exception
    data = handed(app)
    assert [(record["anchor_id"], record["document_id"]) for record in data["records"]] == [("a3", "d4"), ("a5", "d1")]
    assert data["records"][0]["answers"] == 2
    assert set(data["records"][0]) == {"anchor_id", "document_id", "anchor", "candidate", "positives", "answers", "figures"}
    assert data["records"][0]["figures"] == "near · ratio 0.80 · 1st by meaning"
    assert str(data["project"]).startswith("small@")
    assert (data["user"], data["left"], data["acknowledged"], data["refused"]) == ("local", 2, [], {})
    assert "2 to review · 0 hard negatives and 20 answers in the project" in [item.value for item in app.caption]


@pytest.mark.usefixtures("small_project")
def test_a_project_never_mined_offers_to_find_candidates_and_queues_one_run(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("negatives")
    assert "has not looked for hard negatives yet" in said(app)
    app.button(key="start-mining").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        (run,) = runs.list_runs(conn, "small")
    assert (run.kind, run.status) == (RunKind.MINE, RunStatus.QUEUED)
    assert "No worker is running" in said(app)


@pytest.mark.usefixtures("small_project")
def test_a_queue_that_is_done_says_so(open_screen: Open, workspace: Workspace) -> None:
    add_run(workspace, RunStatus.SUCCEEDED)
    app = open_screen("negatives")
    assert "Everything found so far is judged" in said(app)
    assert app.button(key="start-mining").label == "Look for more"


@pytest.mark.usefixtures("small_project")
def test_a_mining_run_that_failed_shows_its_error_and_can_be_started_again(open_screen: Open, workspace: Workspace) -> None:
    add_run(workspace, RunStatus.FAILED)
    app = open_screen("negatives")
    assert escape_label("It broke.") in said(app)
    assert app.button(key="start-mining").label == "Find hard negatives"


@pytest.mark.usefixtures("small_project")
def test_candidates_in_other_hands_are_said_to_be_with_the_time_they_come_back_and_can_be_taken_over(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4")])
    with workspace.store.write() as conn:
        candidates.lease_candidates(conn, "small", "somebody", n=5, lease_s=900)
    app = open_screen("negatives")
    assert "All 1 open candidates are in the hands of other reviewers." in said(app)
    (held,) = [item.value for item in app.text if "held by" in item.value]
    assert held.startswith("1 held by somebody until ")
    app.button(key="take-over-somebody").click().run()
    assert "1 taken over from somebody." in [item.value for item in app.text]
    assert [(record["anchor_id"], record["document_id"]) for record in handed(app)["records"]] == [("a3", "d4")]


def test_a_project_without_documents_or_answers_leads_to_where_they_come_from(open_screen: Open, workspace: Workspace, tiny_model: object) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "small", base_model=str(tiny_model))
    assert "no documents yet" in said(open_screen("negatives"))
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "small", [Document("d1", "A clause.")])
    assert "No anchor has an answer yet" in said(open_screen("negatives"))


@pytest.mark.usefixtures("small_project")
def test_the_plain_buttons_store_the_decision_for_their_own_record_and_undo_it(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4"), ("a5", "d1")])
    app = open_screen("negatives")
    assert "For assistive technology, or where the panel does not work." in [item.value for item in app.caption]
    app.button(key="judge-Partly-a3-d4").click().run()
    assert read_marks(workspace) == [("a3", "d4", Label.POSITIVE, 2)]
    app.button(key="judge-Hard negative-a5-d1").click().run()
    assert read_marks(workspace)[1:] == [("a5", "d1", Label.HARD_NEGATIVE, 0)]
    assert not app.exception


@pytest.mark.usefixtures("small_project")
def test_undo_of_a_plain_button_brings_the_record_back(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4"), ("a5", "d1")])
    app = open_screen("negatives")
    app.button(key="judge-Skip-a3-d4").click().run()
    next(button for button in app.button if button.label == "Undo").click().run()
    assert [mark[2] for mark in read_marks(workspace)] == [Label.SKIPPED, Label.UNJUDGED]
    assert app.button(key="judge-Skip-a3-d4")


@pytest.mark.usefixtures("small_project")
def test_a_plain_button_changes_nothing_when_the_pair_was_judged_meanwhile(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4"), ("a5", "d1")])
    app = open_screen("negatives")
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement("somebody-else", "a3", "d4", Label.AMBIGUOUS, 0, Source.MINED, "somebody")])
    app.button(key="judge-Hard negative-a3-d4").click().run()
    assert read_marks(workspace) == []
    assert any("judged meanwhile" in item.value for item in app.text)


@pytest.mark.usefixtures("small_project")
def test_a_plain_button_gives_the_second_word_on_a_record_that_two_experts_judge(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4")])
    with workspace.store.write() as conn:
        candidates.set_wanted(conn, "small", [("a3", "d4")], 2)
        judgements.append_judgements(conn, "small", [Judgement("somebody-else", "a3", "d4", Label.HARD_NEGATIVE, 0, Source.MINED, "somebody")])
    app = open_screen("negatives")
    app.button(key="judge-Hard negative-a3-d4").click().run()
    assert not app.exception
    assert read_marks(workspace) == [("a3", "d4", Label.HARD_NEGATIVE, 0)]


@pytest.mark.usefixtures("small_project")
def test_the_plain_buttons_say_what_else_was_judged_and_take_it_back(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4"), ("a5", "d1")])
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, "small").corpus_revision
    write_twins(workspace, "small", {"d4": "d4", "d6": "d4"}, revision)
    app = open_screen("negatives")
    app.button(key="judge-Answers fully-a3-d4").click().run()
    assert "Also applied to d6 · for a3" in [item.value for item in app.text]
    assert read_marks(workspace) == [("a3", "d4", Label.POSITIVE, 3), ("a3", "d6", Label.POSITIVE, 3)]
    next(button for button in app.button if button.label == "Undo").click().run()
    assert "Also taken back: d6 · for a3" in [item.value for item in app.text]
    assert [mark[2] for mark in read_marks(workspace)[2:]] == [Label.UNJUDGED] * 2


@pytest.mark.usefixtures("small_project")
def test_skipped_records_can_be_brought_back(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4"), ("a5", "d1")])
    app = open_screen("negatives")
    app.button(key="judge-Skip-a3-d4").click().run()
    app.button(key="bring-back").click().run()
    assert "1 brought back into the queue." in [item.value for item in app.text]
    assert [record["document_id"] for record in handed(app)["records"]] == ["d4", "d1"]
    assert not app.exception


@pytest.mark.usefixtures("small_project")
def test_a_session_that_begins_anew_is_handed_the_last_decisions_once(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4"), ("a5", "d1")])
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement("made-before", "a3", "d4", Label.POSITIVE, 2, Source.MINED, "local", note="so")])
    (recent,) = handed(open_screen("negatives"))["recent"]
    assert (recent["client_id"], recent["act"], recent["note"], recent["record"]["document_id"]) == ("made-before", "partly", "so", "d4")


@pytest.mark.usefixtures("small_project")
def test_own_keys_reach_the_panel_and_keys_that_clash_are_refused(open_screen: Open, workspace: Workspace) -> None:
    put_queue(workspace, [("a3", "d4")])
    app = open_screen("negatives")
    app.text_input(key="own-key-small-hard_negative").set_value("X")
    save = next(button for button in app.button if button.label == "Save keys for everybody")
    save.click().run()
    assert handed(app)["keys"]["hard_negative"] == "x"
    app.text_input(key="own-key-small-hard_negative").set_value("P")
    next(button for button in app.button if button.label == "Save keys for everybody").click().run()
    assert any("would mean hard negative and fully at once" in item.value for item in app.text)
    assert handed(app)["keys"]["hard_negative"] == "x"


@pytest.mark.usefixtures("small_project")
def test_a_guideline_is_previewed_saved_and_shown_with_its_author(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("negatives")
    app.toggle(key="guideline-edit-small").set_value(True).run()
    app.text_area(key="guideline-text-small").set_value("**Cases** count <b>twice</b>.").run()
    assert "**Cases** count <b>twice</b>." in [item.value for item in app.markdown]
    app.button(key="guideline-save").click().run()
    with workspace.store.read() as conn:
        assert projects.get_project(conn, "small").guideline == "**Cases** count <b>twice</b>."
    assert any(item.value.startswith("Saved by local, ") for item in app.text)
    assert not any(item.allow_html for item in app.markdown)


@pytest.mark.usefixtures("small_project")
def test_whoever_does_not_lead_reads_the_guideline_and_takes_nothing_over(app_home: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    put_queue(workspace, [("a3", "d4")])
    write_guideline(workspace, "small", "Read this.", "lead@firm.example")
    with workspace.store.write() as conn:
        candidates.lease_candidates(conn, "small", "somebody", n=5, lease_s=900)
    monkeypatch.setenv("PAIRSMITH_REQUIRE_SIGN_IN", "true")
    monkeypatch.setenv("PAIRSMITH_LEAD_EMAILS", "lead@firm.example")
    load_settings.cache_clear()
    for user, leads in (("ann@firm.example", False), ("lead@firm.example", True)):
        app = AppTest.from_file(str(ROUTER), default_timeout=60)
        app.user = {"is_logged_in": True, "email": user}
        app.run()
        app.switch_page("negatives.py").run()
        assert "Read this." in [item.value for item in app.markdown]
        assert (len(app.toggle), any(button.key == "take-over-somebody" for button in app.button)) == ((1, True) if leads else (0, False))


@pytest.mark.usefixtures("small_project")
def test_keys_overlap_and_target_are_set_by_leads_alone(workspace: Workspace) -> None:
    settings = workspace.settings.model_copy(update={"require_sign_in": True, "lead_emails": "lead@firm.example"})
    served = replace(workspace, settings=settings)
    for change in ({"keys": {"undo": "x"}}, {"overlap": 0.1}, {"negatives_target": 5}):
        with pytest.raises(PairsmithError, match=r"ann@firm\.example may not change"):
            change_options(served, "small", author="ann@firm.example", **change)
        with pytest.raises(PairsmithError, match="may not change"):
            change_options(served, "small", **change)
        change_options(served, "small", author="lead@firm.example", **change)
    with pytest.raises(PairsmithError, match="how much of the queue"):
        change_overlap(served, "small", 0.2, "ann@firm.example")
    assert change_options(served, "small", parent_field="topic").negatives_target == 5
