"""The label panel in a real browser: what was pressed is what is stored, on the record under the cursor, through reloads and dead servers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.model import Anchor, Document, Judgement, Label, Source
from core.store import corpus, judgements, projects
from core.workspace import Workspace
from tests.e2e.conftest import HOSTILE
from tests.servers import Server, stop_server

PROJECT = "asked"
PANEL = "section.panel"
KEYS = {"3": (Label.POSITIVE, 3), "2": (Label.POSITIVE, 2), "1": (Label.POSITIVE, 1), "0": (Label.HARD_NEGATIVE, 0)}
PRESS_AT_EXCHANGE = """panel => new Promise((done, failed) => {
    const root = panel.getRootNode()
    const press = key => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))
    const pair = () => root.querySelector(".panel")?.dataset.pair
    const before = JSON.parse(pair())[0]
    const until = performance.now() + 60_000
    const look = () => {
        if (performance.now() > until) return failed(new Error("the next question never came"))
        if (!pair() || JSON.parse(pair())[0] === before) return setTimeout(look, 1)
        press("0")
        done()
    }
    press("n")
    look()
})"""
"""Goes on to the next question, and presses a grade in the moment its list is drawn."""
Mark = tuple[str, str, Label, int]


def fill_project(workspace: Workspace, *, documents: int = 30, text: str = "") -> None:
    """Two questions, on apples and on pears, and as many documents, every third on apples too; all are found by words."""
    found = [
        Document(f"d{n:02}", f"{text}Notice on pears{' and apples' if n % 3 == 0 else ''}, number {n}.", fields={"clause": f"{text}{n}"})
        for n in range(documents)
    ]
    with workspace.store.write() as conn:
        projects.add_project(conn, PROJECT, name="Asked", base_model="embedded:all-MiniLM-L6-v2")
        corpus.put_documents(conn, PROJECT, found)
        corpus.put_anchors(conn, PROJECT, [Anchor("q1", f"{text}Which notice is on pears?"), Anchor("q2", f"{text}Which notice is on apples?")])


@pytest.fixture
def asked(home_store: Workspace) -> str:
    """A project with two questions and thirty documents."""
    fill_project(home_store)
    return PROJECT


def open_panel(tab: Page, server: Server, query: str = "") -> None:
    """Open the page and wait for the hits."""
    tab.goto(f"{server.url}/label{query}")
    tab.locator(f"{PANEL} .hits li").first.wait_for(state="visible")


def at_cursor(tab: Page) -> tuple[str, str]:
    """Anchor and document of the row that is drawn as the one under the cursor."""
    anchor_id, document_id = json.loads(tab.locator(PANEL).get_attribute("data-pair") or "[null, null]")
    assert tab.locator(f"{PANEL} .hits li[aria-current=true]").get_attribute("data-document") == document_id
    return anchor_id, document_id


def press(tab: Page, keys: str, delay_ms: int = 50) -> list[Mark]:
    """Press keys one after the other; returns what each was pressed on and must mean."""
    meant = []
    for key in keys:
        meant.append((*at_cursor(tab), *KEYS[key]))
        tab.keyboard.press(key)
        tab.wait_for_timeout(delay_ms)
    return meant


def wait_saved(tab: Page) -> None:
    expect(tab.locator(f"{PANEL} .state")).to_have_text("Saved", timeout=60_000)


def read_marks(workspace: Workspace) -> list[Judgement]:
    with workspace.store.read() as conn:
        return judgements.read_log(conn, PROJECT)


def as_marks(events: list[Judgement]) -> list[Mark]:
    return [(event.anchor_id, event.document_id, event.label, event.grade) for event in events]


def read_state(workspace: Workspace) -> list[Mark]:
    with workspace.store.read() as conn:
        return as_marks(judgements.read_state(conn, PROJECT))


@pytest.mark.usefixtures("asked")
def test_twenty_grades_at_fifty_milliseconds_are_each_stored_once_on_the_record_under_the_cursor(
    tab: Page, serve: Callable[..., Server], home_store: Workspace
) -> None:
    open_panel(tab, serve())
    expect(tab.locator(f"{PANEL} .hits li")).to_have_count(20)
    meant = press(tab, "32103" * 4)
    wait_saved(tab)
    stored = read_marks(home_store)
    assert as_marks(stored) == meant
    assert len({mark[:2] for mark in meant}) == 20
    assert {event.source for event in stored} == {Source.SEARCH}
    assert all(event.shown_at and event.decided_at and event.shown_at <= event.decided_at and event.active_ms is not None for event in stored)
    expect(tab.locator(f"{PANEL} .hits li").first.locator(".tags")).to_have_text("3 fully by local")


@pytest.mark.usefixtures("asked")
def test_a_mark_goes_only_to_the_row_the_arrows_and_letters_moved_to(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    rows = [row.get_attribute("data-document") for row in tab.locator(f"{PANEL} .hits li").all()]
    for key in ["ArrowDown", "j", "J", "k", "ArrowDown", "ArrowUp"]:
        tab.keyboard.press(key)
    assert at_cursor(tab) == ("q1", rows[2])
    meant = press(tab, "2")
    tab.locator(f"{PANEL} .hits li").nth(7).click()
    meant += press(tab, "0")
    wait_saved(tab)
    assert [mark[1] for mark in meant] == [rows[2], rows[7]]
    assert as_marks(read_marks(home_store)) == meant


@pytest.mark.usefixtures("asked")
def test_a_reload_with_an_outbox_loses_nothing_and_shows_the_marks(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "3210", 5)
    tab.reload()
    tab.locator(f"{PANEL} .hits li").first.wait_for(state="visible")
    wait_saved(tab)
    assert as_marks(read_marks(home_store)) == meant
    expect(tab.locator(f"{PANEL} .hits .tags:not(:empty)")).to_have_count(4)


@pytest.mark.usefixtures("asked")
def test_a_server_killed_mid_way_and_started_again_loses_nothing(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    server = serve()
    open_panel(tab, server)
    meant = press(tab, "32")
    wait_saved(tab)
    server.process.kill()
    server.process.wait(timeout=15)
    meant += press(tab, "103")
    expect(tab.locator(f"{PANEL} .state")).to_have_text("Offline 3", timeout=15_000)
    assert len(read_marks(home_store)) == 2
    serve(port=int(server.url.rsplit(":", 1)[1]))
    wait_saved(tab)
    meant += press(tab, "2")
    wait_saved(tab)
    assert as_marks(read_marks(home_store)) == meant


@pytest.mark.usefixtures("asked")
def test_an_outbox_left_by_a_dead_server_is_sent_by_the_next_visit(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    server = serve()
    open_panel(tab, server)
    stop_server(server)
    meant = press(tab, "320")
    tab.goto("about:blank")
    open_panel(tab, serve(port=int(server.url.rsplit(":", 1)[1])))
    wait_saved(tab)
    assert as_marks(read_marks(home_store)) == meant


@pytest.mark.usefixtures("asked")
def test_digits_in_the_search_field_mark_nothing_and_the_search_finds_other_records(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "3")
    tab.keyboard.press("/")
    tab.keyboard.type("number 21 apples 3210 unjk", delay=10)
    assert at_cursor(tab)[1] != meant[0][1]
    tab.keyboard.press("Escape")
    expect(tab.locator(f"{PANEL} [data-part=query]")).to_have_value("Which notice is on pears?")
    tab.keyboard.press("/")
    tab.keyboard.type("apples 21", delay=10)
    tab.keyboard.press("Enter")
    expect(tab.locator(f"{PANEL} .hits li").first).to_have_attribute("data-document", "d21")
    tab.wait_for_timeout(600)
    assert at_cursor(tab) == ("q1", "d21")
    meant += press(tab, "2")
    wait_saved(tab)
    assert as_marks(read_marks(home_store)) == meant


@pytest.mark.usefixtures("asked")
def test_a_list_that_was_just_exchanged_takes_no_grade_and_marks_in_flight_are_kept(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "32", 0)
    tab.locator(PANEL).evaluate(PRESS_AT_EXCHANGE)
    expect(tab.locator(f"{PANEL} .question")).to_have_text("Which notice is on apples?")
    tab.wait_for_timeout(700)
    meant += press(tab, "1")
    wait_saved(tab)
    assert as_marks(read_marks(home_store)) == meant
    assert meant[-1][0] == "q2"


@pytest.mark.usefixtures("asked")
def test_a_grade_pressed_after_going_on_marks_nothing_and_says_so(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve(), "?anchor=q1")
    tab.locator(PANEL).evaluate("""() => ["n", "3"].forEach(key => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))""")
    expect(tab.locator(f"{PANEL} .passed")).to_have_text("Another list is on its way: nothing was marked.")
    expect(tab.locator(f"{PANEL} .question")).to_have_text("Which notice is on apples?")
    tab.wait_for_timeout(700)
    meant = press(tab, "2")
    wait_saved(tab)
    assert as_marks(read_marks(home_store)) == meant


@pytest.mark.usefixtures("asked")
def test_undo_ten_times_goes_back_record_by_record_and_leaves_nothing_marked(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    open_panel(tab, serve())
    meant = press(tab, "3210321032")
    for mark in reversed(meant):
        tab.keyboard.press("u")
        assert at_cursor(tab) == mark[:2]
    expect(tab.locator(f"{PANEL} [data-act=undo]")).to_be_disabled()
    wait_saved(tab)
    assert read_state(home_store) == []
    assert len(read_marks(home_store)) == 20
    expect(tab.locator(f"{PANEL} .hits .tags:not(:empty)")).to_have_count(0)


@pytest.mark.usefixtures("asked")
def test_undo_gives_back_the_mark_that_stood_before_and_opens_the_question_it_was_made_on(
    tab: Page, serve: Callable[..., Server], home_store: Workspace
) -> None:
    with home_store.store.write() as conn:
        judgements.append_judgements(conn, PROJECT, [Judgement("bobs-mark", "q1", "d00", Label.POSITIVE, 1, Source.SEARCH, "bob")])
    open_panel(tab, serve(), "?anchor=q1")
    row = tab.locator(f"{PANEL} .hits li[data-document=d00]")
    expect(row.locator(".tags")).to_have_text("1 touches by bob")
    row.click()
    press(tab, "0")
    expect(row.locator(".tags")).to_have_text("0 no answer by local")
    tab.keyboard.press("n")
    expect(tab.locator(f"{PANEL} .question")).to_have_text("Which notice is on apples?")
    tab.wait_for_timeout(600)
    tab.keyboard.press("u")
    expect(tab.locator(f"{PANEL} .question")).to_have_text("Which notice is on pears?")
    assert at_cursor(tab) == ("q1", "d00")
    wait_saved(tab)
    expect(row.locator(".tags")).to_contain_text("1 touches")
    assert read_state(home_store) == [("q1", "d00", Label.POSITIVE, 1)]


@pytest.mark.usefixtures("asked")
def test_held_and_modified_keys_mark_nothing_and_a_clicked_question_leaves_the_keys_to_the_panel(
    tab: Page, serve: Callable[..., Server], home_store: Workspace
) -> None:
    open_panel(tab, serve())
    tab.keyboard.press("Control+3")
    tab.keyboard.press("Alt+2")
    tab.get_by_text("Which notice is on apples?", exact=True).first.click()
    expect(tab.locator(f"{PANEL} .question")).to_have_text("Which notice is on apples?")
    tab.wait_for_timeout(600)
    first = at_cursor(tab)
    for _ in range(3):
        tab.keyboard.down("3")
    tab.keyboard.up("3")
    wait_saved(tab)
    assert as_marks(read_marks(home_store)) == [(*first, Label.POSITIVE, 3)]
    assert first[0] == "q2"


def test_hostile_text_is_shown_letter_for_letter(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    fill_project(home_store, documents=3, text=HOSTILE + " ")
    open_panel(tab, serve())
    assert tab.locator(f"{PANEL} .question").inner_text() == f"{HOSTILE} Which notice is on pears?"
    texts = tab.locator(f"{PANEL} .hits .text").all_inner_texts()
    assert f"{HOSTILE} Notice on pears, number 1." in texts
    assert f"clause: {HOSTILE} 1" in " ".join(tab.locator(f"{PANEL} .hits .place").all_inner_texts())
    expect(tab.locator("[data-testid=stRadio]").get_by_text(f"{HOSTILE} Which notice is on pears?")).to_be_visible()
    assert tab.locator("img[src=x]").count() == 0
    assert tab.title() != "broken"
