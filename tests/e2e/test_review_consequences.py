"""What follows from a key, in a real browser: near-duplicates listed and taken back, more like this, marks, full text, undo after a reload, two
experts on one queue, and text of others that stays letters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.curation.guideline import write_guideline
from core.curation.twins import write_twins
from core.model import Candidate, CandidateStatus, Document, Label, Part
from core.store import candidates, corpus, judgements, projects
from core.workspace import Workspace
from tests.e2e.conftest import HOSTILE, QUEUE_PROJECT, fill_queue
from tests.e2e.test_judging_panel import PANEL, open_panel, press, read_judged, shown_pair, wait_saved
from tests.servers import Server

CLICK_TWICE = """panel => new Promise((done, failed) => {
    const root = panel.getRootNode()
    const anchor = () => JSON.parse(root.querySelector(".panel").dataset.pair || "[null]")[0]
    const click = () => root.querySelector("[data-act=hard_negative]").click()
    const before = anchor()
    const until = performance.now() + 60_000
    const look = () => {
        if (performance.now() > until) return failed(new Error("the next question never came"))
        if (anchor() === before) return setTimeout(look, 1)
        click()
        done()
    }
    click()
    look()
})"""
"""Judges, and clicks again in the moment the near-duplicate that was judged with it gives way to the next question."""
LONG = "Nothing of note stands in this sentence. " * 40


def put_long_candidate(workspace: Workspace) -> None:
    """A project with one long candidate that matches its question far down, and hostile letters in what is marked."""
    fill_queue(workspace, anchors=1, per_anchor=1)
    with workspace.store.write() as conn:
        corpus.put_documents(conn, QUEUE_PROJECT, [Document("long", f"{LONG} {HOSTILE} The question 0 is answered never in 7 <b>days</b>. {LONG}")])
        candidates.replace_candidates(conn, QUEUE_PROJECT, [Candidate("a00", "long", CandidateStatus.PROPOSED, "near", 1.0, 0.5, 0.97, 3, 12, "none")])


def make_twins(workspace: Workspace) -> None:
    """A queue in which the two candidates of each question are near-duplicates."""
    fill_queue(workspace, anchors=3, per_anchor=2)
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, QUEUE_PROJECT).corpus_revision
    write_twins(workspace, QUEUE_PROJECT, {"d0": "d0", "d1": "d0"}, revision)


def test_near_duplicates_are_judged_with_the_record_listed_and_taken_back_by_one_undo(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    make_twins(home_store)
    open_panel(tab, serve())
    expect(tab.locator(f"{PANEL} .last")).to_be_hidden()
    press(tab, "a")
    expect(tab.locator(f"{PANEL} .followed")).to_contain_text("Also applied to 1 near-duplicate: d1")
    expect(tab.locator(f"{PANEL} .last")).to_have_text("Last: Hard negative · near · ratio 0.80 · 1st by meaning")
    expect(tab.locator(f'{PANEL}[data-pair=\'["a01","d0"]\']')).to_be_attached()
    tab.keyboard.press("u")
    expect(tab.locator(f"{PANEL} .followed")).to_contain_text("Also taken back: 1 near-duplicate d1")
    assert shown_pair(tab) == ("a00", "d0")
    wait_saved(tab)
    with home_store.store.read() as conn:
        assert [item for item in judgements.read_state(conn, QUEUE_PROJECT) if item.author == "local"] == []
    assert [event.label for event in read_judged(home_store)] == [Label.HARD_NEGATIVE] * 2 + [Label.UNJUDGED] * 2


def test_a_click_at_the_moment_a_record_is_exchanged_judges_nothing_and_says_so(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    make_twins(home_store)
    open_panel(tab, serve())
    tab.locator(PANEL).evaluate(CLICK_TWICE)
    expect(tab.locator(f"{PANEL} .passed")).to_have_text("The record has just changed: nothing was judged.")
    wait_saved(tab)
    assert shown_pair(tab) == ("a01", "d0")
    assert {event.anchor_id for event in read_judged(home_store)} == {"a00"}


def test_a_note_and_a_reason_stay_with_the_record_they_were_given_for(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    make_twins(home_store)
    open_panel(tab, serve())
    press(tab, "a", 0)
    assert shown_pair(tab) == ("a00", "d1")
    tab.keyboard.press("t")
    tab.keyboard.type("on the near-duplicate")
    expect(tab.locator(f"{PANEL} .followed")).to_contain_text("Also applied to 1 near-duplicate: d1")
    tab.wait_for_timeout(2_500)
    assert shown_pair(tab) == ("a00", "d1")
    tab.keyboard.press("Enter")
    tab.keyboard.press("b")
    wait_saved(tab)
    assert [(event.document_id, event.note) for event in read_judged(home_store) if event.note] == [("d1", "on the near-duplicate")]
    expect(tab.locator(f"{PANEL} [data-part=note]")).to_have_value("")


def test_an_answer_offers_more_like_it_and_puts_it_next(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    fill_queue(home_store, anchors=2, per_anchor=3)
    with home_store.store.write() as conn:
        kept = [Candidate("a00", "d0", CandidateStatus.PROPOSED, "near", 9.0, 0.5, 0.8, 1, None, "none")]
        kept += [Candidate("a01", f"d{n}", CandidateStatus.PROPOSED, "near", 5.0 - n, 0.5, 0.8, 1, None, "none") for n in range(3)]
        candidates.replace_candidates(conn, QUEUE_PROJECT, kept)
        corpus.set_parts(conn, QUEUE_PROJECT, {"a00": Part.TRAIN, "a01": Part.TRAIN})
        revision = projects.get_project(conn, QUEUE_PROJECT).corpus_revision
    write_twins(home_store, QUEUE_PROJECT, {}, revision)
    open_panel(tab, serve())
    press(tab, "p")
    tab.keyboard.press("m")
    expect(tab.locator(f"{PANEL} .followed")).to_contain_text("only words were compared")
    wait_saved(tab)
    assert shown_pair(tab)[0] == "a01"  # the record under the expert's eyes stays
    press(tab, "a")
    assert shown_pair(tab)[0] == "a00"


def test_the_best_passage_comes_first_and_keys_show_the_full_text_and_hide_the_marks(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    put_long_candidate(home_store)
    open_panel(tab, serve())
    candidate = tab.locator(f"{PANEL} .candidate")
    expect(candidate.locator(".extent")).to_contain_text("Best passage · F shows all 3,")
    assert "answered never in 7 <b>days</b>." in candidate.locator(".text").inner_text()
    assert candidate.locator(".mark.shared, .mark.both").first.inner_text() == "question"
    assert "7" in " ".join(candidate.locator(".mark.differs, .mark.both").all_inner_texts())
    tab.keyboard.press("f")
    expect(candidate.locator(".extent")).to_contain_text("F shows the best passage")
    assert HOSTILE in candidate.locator(".text").inner_text()
    assert tab.locator(f"{PANEL} :is(img, b)").count() == 0
    tab.keyboard.press("f")
    expect(candidate.locator(".extent")).to_contain_text("Best passage")
    tab.keyboard.press("d")
    expect(tab.locator(f"{PANEL} [data-marks='false']")).to_be_attached()
    assert read_judged(home_store) == []


@pytest.mark.usefixtures("queue_project")
def test_undo_goes_back_twenty_records_after_a_reload(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "apbsn" * 4, 20)
    wait_saved(tab)
    tab.reload()
    tab.locator(f"{PANEL} .question").wait_for(state="visible")
    for mark in reversed(meant):
        tab.keyboard.press("u")
        assert shown_pair(tab) == mark[:2]
    wait_saved(tab)
    with home_store.store.read() as conn:
        assert [item for item in judgements.read_state(conn, QUEUE_PROJECT) if item.author == "local"] == []


@pytest.mark.usefixtures("queue_project")
def test_two_browsers_on_one_queue_lose_and_double_nothing(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    server = serve()
    other = tab.context.browser.new_context() if tab.context.browser else None
    assert other is not None
    second = other.new_page()
    second.set_default_timeout(60_000)
    open_panel(tab, server)
    meant = press(tab, "abs")
    wait_saved(tab)
    open_panel(second, server)
    meant += press(second, "pa")
    wait_saved(second)
    other.close()
    stored = read_judged(home_store)
    assert [(event.anchor_id, event.document_id, event.label, event.grade) for event in stored] == meant
    assert len({mark[:2] for mark in meant}) == 5


@pytest.mark.usefixtures("queue_project")
def test_a_guideline_of_hostile_markdown_renders_no_html(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    hostile = "**Bold** stays.\n\n<img src=x onerror=\"document.title='broken'\">\n\n<script>document.title='broken'</script>"
    write_guideline(home_store, QUEUE_PROJECT, hostile, "local")
    open_panel(tab, serve())
    tab.get_by_text("Guideline", exact=True).click()
    expect(tab.locator("strong", has_text="Bold")).to_be_visible()
    assert tab.locator("img[src=x]").count() == 0
    assert tab.title() != "broken"
