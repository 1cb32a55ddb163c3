"""The judging panel in a real browser: what was pressed is what is stored, on the record that was shown, through reloads and dead servers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.model import Judgement, Label
from core.store import candidates, judgements
from core.workspace import Workspace
from tests.e2e.conftest import HOSTILE, QUEUE_PROJECT, fill_queue
from tests.servers import Server, stop_server

KEYS = {
    "a": (Label.HARD_NEGATIVE, 0),
    "p": (Label.POSITIVE, 3),
    "2": (Label.POSITIVE, 2),
    "1": (Label.POSITIVE, 1),
    "b": (Label.AMBIGUOUS, 0),
    "s": (Label.SKIPPED, 0),
    "n": (Label.CANNOT_JUDGE, 0),
}
PANEL = "section.panel"
SETTLED_MS = 800
"""A record that came under the eyes by another tab takes no decision for half a second; who changes tabs takes longer than that."""


def open_panel(tab: Page, server: Server) -> None:
    """Open the page and wait for the first record."""
    tab.goto(f"{server.url}/negatives")
    tab.locator(f"{PANEL} .question").wait_for(state="visible")


def shown_pair(tab: Page) -> tuple[str, str]:
    """Anchor and document id of the record on the screen."""
    anchor_id, document_id = json.loads(tab.locator(PANEL).get_attribute("data-pair") or "[null, null]")
    return anchor_id, document_id


def wait_saved(tab: Page) -> None:
    """Wait until the panel says that all is stored."""
    expect(tab.locator(f"{PANEL} .state")).to_have_text("Saved", timeout=60_000)


def read_judged(workspace: Workspace) -> list[Judgement]:
    """Everything in the log but the project's own answers."""
    with workspace.store.read() as conn:
        return [event for event in judgements.read_log(conn, QUEUE_PROJECT) if event.author == "local"]


def as_marks(events: list[Judgement]) -> list[tuple[str, str, Label, int]]:
    return [(event.anchor_id, event.document_id, event.label, event.grade) for event in events]


def press(tab: Page, keys: str, delay_ms: int = 50) -> list[tuple[str, str, Label, int]]:
    """Press keys one after the other, each with a record on the screen; returns what each was pressed on and must mean."""
    meant = []
    for key in keys:
        expect(tab.locator(f"{PANEL}:not([data-pair=''])")).to_be_attached()  # a busy server may leave the queue empty for a moment
        meant.append((*shown_pair(tab), *KEYS[key]))
        tab.keyboard.press(key)
        tab.wait_for_timeout(delay_ms)
    return meant


@pytest.mark.usefixtures("queue_project")
def test_fifty_keys_at_fifty_milliseconds_are_each_stored_once_on_the_record_they_were_pressed_on(
    tab: Page, serve: Callable[..., Server], home_store: Workspace
) -> None:
    open_panel(tab, serve())
    meant = press(tab, "ap21bsn" * 7 + "a")
    wait_saved(tab)
    stored = read_judged(home_store)
    assert as_marks(stored) == meant
    assert len({(event.anchor_id, event.document_id) for event in stored}) == 50
    assert all(event.shown_at and event.decided_at and event.shown_at <= event.decided_at and event.active_ms is not None for event in stored)
    assert [event.decided_at for event in stored] == sorted(event.decided_at or 0 for event in stored)


@pytest.mark.usefixtures("queue_project")
def test_a_reload_in_mid_queue_loses_nothing_and_shows_nothing_again(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "apbsn", 10)
    tab.reload()
    tab.locator(f"{PANEL} .question").wait_for(state="visible")
    wait_saved(tab)
    meant += press(tab, "12a")
    wait_saved(tab)
    assert as_marks(read_judged(home_store)) == meant
    assert len({mark[:2] for mark in meant}) == 8


@pytest.mark.usefixtures("queue_project")
def test_a_server_killed_in_mid_queue_and_started_again_loses_nothing(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    server = serve()
    open_panel(tab, server)
    meant = press(tab, "ap2")
    wait_saved(tab)
    server.process.kill()
    server.process.wait(timeout=15)
    meant += press(tab, "1bsna")
    expect(tab.locator(f"{PANEL} .state")).to_have_text("Offline 5", timeout=15_000)
    tab.keyboard.press("Escape")  # the browser's own notice of the lost connection; keys below it judge nothing
    tab.get_by_role("dialog").wait_for(state="detached")
    meant += press(tab, "p")
    assert len(read_judged(home_store)) == 3
    serve(port=int(server.url.rsplit(":", 1)[1]))
    wait_saved(tab)
    meant += press(tab, "a")
    wait_saved(tab)
    assert as_marks(read_judged(home_store)) == meant


@pytest.mark.usefixtures("queue_project")
def test_an_outbox_left_by_a_dead_server_is_sent_by_the_next_visit(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    server = serve()
    open_panel(tab, server)
    stop_server(server)
    meant = press(tab, "apb")
    tab.goto("about:blank")
    open_panel(tab, serve(port=int(server.url.rsplit(":", 1)[1])))
    wait_saved(tab)
    assert as_marks(read_judged(home_store)) == meant
    assert shown_pair(tab) == ("a01", "d1")


@pytest.mark.usefixtures("queue_project")
def test_typing_in_the_note_judges_nothing_and_the_note_goes_with_the_next_decision(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    first = shown_pair(tab)
    tab.keyboard.press("t")
    tab.keyboard.type("a plan by nobody? 12 u", delay=10)
    assert shown_pair(tab) == first
    tab.keyboard.press("Enter")
    tab.keyboard.press("e")
    tab.keyboard.press("2")
    tab.keyboard.press("a")
    wait_saved(tab)
    (event,) = read_judged(home_store)
    assert (event.anchor_id, event.document_id, event.label) == (*first, Label.HARD_NEGATIVE)
    assert (event.note, event.reason) == ("a plan by nobody? 12 u", "superseded")


@pytest.mark.usefixtures("queue_project")
def test_undo_goes_back_record_by_record_and_each_can_be_judged_again(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "aap")
    wait_saved(tab)
    tab.keyboard.press("u")
    assert shown_pair(tab) == meant[2][:2]
    tab.keyboard.press("u")
    assert shown_pair(tab) == meant[1][:2]
    again = press(tab, "bn")
    wait_saved(tab)
    assert [mark[:2] for mark in again] == [mark[:2] for mark in meant[1:]]
    with home_store.store.read() as conn:
        state = {(item.anchor_id, item.document_id): item.label for item in judgements.read_state(conn, QUEUE_PROJECT) if item.author == "local"}
    assert state == {meant[0][:2]: Label.HARD_NEGATIVE, again[0][:2]: Label.AMBIGUOUS, again[1][:2]: Label.CANNOT_JUDGE}
    assert len(read_judged(home_store)) == 7


@pytest.mark.usefixtures("queue_project")
def test_held_keys_and_modified_keys_judge_nothing(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    first = shown_pair(tab)
    tab.keyboard.press("Control+b")
    tab.keyboard.press("Alt+s")
    assert shown_pair(tab) == first
    tab.keyboard.down("a")
    tab.keyboard.down("a")
    tab.keyboard.down("a")
    tab.keyboard.up("a")
    wait_saved(tab)
    assert as_marks(read_judged(home_store)) == [(*first, Label.HARD_NEGATIVE, 0)]


def test_hostile_text_is_shown_letter_for_letter(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    fill_queue(home_store, anchors=2, per_anchor=1, text=HOSTILE + " ")
    open_panel(tab, serve())
    assert tab.locator(f"{PANEL} .question").inner_text() == f"{HOSTILE} Question 0?"
    assert tab.locator(f"{PANEL} .candidate .text").inner_text() == f"{HOSTILE} Candidate passage 0."
    assert f"agreement: {HOSTILE} Agreement 0 · clause: 0" in tab.locator(f"{PANEL} .candidate .place").inner_text()
    assert tab.locator(f"{PANEL} img").count() == 0
    tab.get_by_text("Judge with buttons").click()
    expect(tab.get_by_test_id("stText").filter(has_text=f"{HOSTILE} Question 0?")).to_be_visible()
    assert tab.locator("img[src=x]").count() == 0
    assert tab.title() != "broken"


@pytest.mark.usefixtures("queue_project")
def test_two_tabs_of_one_expert_judge_no_pair_twice(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    server = serve()
    open_panel(tab, server)
    second = tab.context.new_page()
    open_panel(second, server)
    tab.bring_to_front()
    meant = press(tab, "aap")
    second.bring_to_front()
    second.wait_for_timeout(SETTLED_MS)
    meant += press(second, "bs")
    wait_saved(second)
    tab.bring_to_front()
    tab.wait_for_timeout(SETTLED_MS)
    meant += press(tab, "n")
    wait_saved(tab)
    assert as_marks(read_judged(home_store)) == meant
    assert len({mark[:2] for mark in meant}) == 6


@pytest.mark.usefixtures("queue_project")
def test_a_change_of_page_and_back_doubles_no_key(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    for _ in range(2):
        tab.get_by_test_id("stSidebarNav").get_by_role("link", name="Models", exact=True).click()
        tab.locator(PANEL).wait_for(state="detached")
        tab.keyboard.press("a")
        tab.get_by_test_id("stSidebarNav").get_by_role("link", name="Hard negatives", exact=True).click()
        tab.locator(f"{PANEL} .question").wait_for(state="visible")
    meant = press(tab, "ab")
    wait_saved(tab)
    assert as_marks(read_judged(home_store)) == meant


def test_the_end_of_the_queue_says_so_and_undo_still_goes_back(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    fill_queue(home_store, anchors=2, per_anchor=1)
    open_panel(tab, serve())
    meant = press(tab, "ap")
    wait_saved(tab)
    expect(tab.locator(f"{PANEL} .empty")).to_have_text("That was the last one for now. Undo still goes back.")
    tab.locator(PANEL).get_by_role("button", name="Undo, key U").click()
    assert shown_pair(tab) == meant[1][:2]
    wait_saved(tab)
    with home_store.store.read() as conn:
        assert candidates.count_queue(conn, QUEUE_PROJECT, "local")["open"] == 1


@pytest.mark.usefixtures("queue_project")
def test_the_plain_buttons_judge_the_record_the_panel_is_at(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "a")
    wait_saved(tab)
    second = shown_pair(tab)
    tab.wait_for_timeout(1200)
    tab.get_by_text("Judge with buttons").click()
    tab.get_by_role("button", name="Skip", exact=True).click()
    expect(tab.locator(PANEL)).not_to_have_attribute("data-pair", json.dumps(second, separators=(",", ":")))
    assert as_marks(read_judged(home_store)) == [*meant, (*second, Label.SKIPPED, 0)]


@pytest.mark.usefixtures("queue_project")
@pytest.mark.parametrize("name", ["Models", "Tune"])
def test_a_decision_made_just_before_the_page_is_left_is_stored_without_coming_back(
    tab: Page, serve: Callable[..., Server], home_store: Workspace, name: str
) -> None:
    open_panel(tab, serve())
    link = tab.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True)
    meant = [(*shown_pair(tab), Label.HARD_NEGATIVE, 0)]
    link.evaluate("link => { document.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true })); link.click() }")  # both in one moment
    tab.get_by_role("heading", name=name, exact=True).wait_for()
    deadline = time.monotonic() + 10
    while not read_judged(home_store) and time.monotonic() < deadline:
        tab.wait_for_timeout(100)
    assert as_marks(read_judged(home_store)) == meant


@pytest.mark.usefixtures("queue_project")
def test_an_outbox_left_by_a_dead_server_is_sent_from_the_tune_page(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    server = serve()
    open_panel(tab, server)
    stop_server(server)
    meant = press(tab, "apb")
    tab.goto("about:blank")
    server = serve(port=int(server.url.rsplit(":", 1)[1]))
    tab.goto(f"{server.url}/tune")
    tab.get_by_role("heading", name="Tune", exact=True).wait_for()
    deadline = time.monotonic() + 10
    while len(read_judged(home_store)) < 3 and time.monotonic() < deadline:
        tab.wait_for_timeout(100)
    assert as_marks(read_judged(home_store)) == meant
    expect(tab.locator(PANEL)).to_be_hidden()
    tab.keyboard.press("u")
    tab.keyboard.press("a")
    tab.wait_for_timeout(1_000)
    assert as_marks(read_judged(home_store)) == meant


@pytest.mark.usefixtures("queue_project")
def test_the_tune_page_says_how_many_judgements_the_browser_still_holds(tab: Page, serve: Callable[..., Server]) -> None:
    server = serve()
    tab.goto(f"{server.url}/tune")
    tab.locator(PANEL).wait_for(state="attached")
    stop_server(server)
    prefix = tab.evaluate(
        """project => {
            return [...globalThis.pairsmithSittings.keys()].find(name => name.includes(project))
        }""",
        QUEUE_PROJECT,
    )
    event = {"client_id": "left", "anchor_id": "a00", "document_id": "d0", "label": "hard_negative", "decided_at": 1.0}
    tab.evaluate(
        "([key, value]) => { localStorage.setItem(key, value); window.dispatchEvent(new StorageEvent('storage', { key })) }",
        [f"{prefix}left", json.dumps(event)],
    )
    expect(tab.locator(f"{PANEL} .empty")).to_have_text("1 judgement is still in this browser and on the way to the server. This page does not count it yet.")
    expect(tab.locator(f"{PANEL} button:visible")).to_have_count(0)
