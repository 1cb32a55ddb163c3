"""Two experts who are signed in, each in a browser of their own, on one queue: nothing is lost, nothing is judged twice, each word carries its author.

The sign-in itself is a provider's; here each browser holds the signed cookie that the app sets after one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from itsdangerous import URLSafeTimedSerializer
from playwright.sync_api import Browser, Page, expect

from core.curation.review_queue import BATCH
from core.store import judgements
from core.workspace import Workspace
from tests.e2e.conftest import QUEUE_PROJECT, fill_queue
from tests.e2e.test_judging_panel import KEYS, PANEL, as_marks, open_panel, press, wait_saved
from tests.servers import Server

SECRET = "a secret of the tests"
COOKIE = "_streamlit_user"
ANNA, BEN = "anna@example.org", "ben@example.org"
KEYS_IN_TURN = "apb21"
"""None that leaves the record open for somebody else."""
PRESS_IN_TURN = """
(panel, { keys, at }) => {
  const pressed = (window.pressed = [])
  window.pressing = setInterval(() => {
    const pair = panel.dataset.pair
    if (Date.now() < at || !pair) return
    const key = keys[pressed.length % keys.length]
    document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))
    if (panel.dataset.pair !== pair) pressed.push([...JSON.parse(pair), key]) // else the panel said that it took no decision just then
  }, 15)
}
"""
HANG_S = 900
"""Far more than the slowest machine takes."""


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A server that asks for a sign-in."""
    return serve(environment={"PAIRSMITH_REQUIRE_SIGN_IN": "true", "STREAMLIT_SERVER_COOKIE_SECRET": SECRET, "PAIRSMITH_LEAD_EMAILS": ANNA})


@pytest.fixture
def sign_in(chromium: Browser, server: Server) -> Iterator[Callable[[str], Page]]:
    """Opens a browser of an expert's own, signed in by address."""
    opened = []

    def open_for(email: str) -> Page:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        opened.append(context)
        account = json.dumps({"origin": server.url, "is_logged_in": True, "email": email, "email_verified": True})
        context.add_cookies([{"name": COOKIE, "value": URLSafeTimedSerializer(SECRET, salt=COOKIE).dumps(account), "url": server.url}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        return page

    yield open_for
    for context in opened:
        context.close()


def read_words(workspace: Workspace, author: str) -> list[tuple]:
    with workspace.store.read() as conn:
        return as_marks([event for event in judgements.read_log(conn, QUEUE_PROJECT) if event.author == author and event.caused_by is None])


def test_two_signed_in_experts_on_one_queue_lose_and_double_nothing(sign_in: Callable[[str], Page], server: Server, home_store: Workspace) -> None:
    fill_queue(home_store, anchors=40, per_anchor=2)
    anna, ben = sign_in(ANNA), sign_in(BEN)
    open_panel(anna, server)
    open_panel(ben, server)
    expect(anna.get_by_text(f"Signed in as {ANNA}")).to_be_attached()
    expect(ben.get_by_text(f"Signed in as {BEN}")).to_be_attached()
    meant: dict[str, list] = {ANNA: [], BEN: []}
    for keys in ("ap2", "bsn", "1aa", "ppb"):
        meant[ANNA] += press(anna, keys)
        meant[BEN] += press(ben, keys[::-1])
    wait_saved(anna)
    wait_saved(ben)
    assert {author: read_words(home_store, author) for author in meant} == meant
    judged = [mark[:2] for marks in meant.values() for mark in marks]
    assert len(set(judged)) == len(judged) == 24


def press_at_once(pages: dict[str, Page], workspace: Workspace, total: int) -> dict[str, list]:
    """Press keys in all pages from one moment on, each in a loop of its own, until `total` words are stored; returns what each page's must mean."""
    start = {"keys": KEYS_IN_TURN, "at": 1000 * (time.time() + 1)}
    for page in pages.values():
        page.locator(PANEL).evaluate(PRESS_IN_TURN, start)
    guard = time.monotonic() + HANG_S
    while sum(len(read_words(workspace, author)) for author in pages) < total and time.monotonic() < guard:
        for page in pages.values():
            page.wait_for_timeout(100)
    for page in pages.values():
        page.evaluate("clearInterval(window.pressing)")
        wait_saved(page)
    return {author: [(anchor, document, *KEYS[key]) for anchor, document, key in page.evaluate("window.pressed")] for author, page in pages.items()}


@pytest.mark.timeout(2 * HANG_S)
def test_two_experts_who_press_at_the_same_time_empty_the_queue_and_lose_and_double_nothing(
    sign_in: Callable[[str], Page], server: Server, home_store: Workspace
) -> None:
    """Each has a batch at first, and what is left is fought over by every refill of both."""
    total = 2 * BATCH + 80
    fill_queue(home_store, anchors=total // 2, per_anchor=2)
    pages = {ANNA: sign_in(ANNA), BEN: sign_in(BEN)}
    for page in pages.values():
        open_panel(page, server)
    meant = press_at_once(pages, home_store, total)
    assert {author: read_words(home_store, author) for author in pages} == meant
    judged = [mark[:2] for marks in meant.values() for mark in marks]
    assert sorted(judged) == [(f"a{n // 2:02}", f"d{n % 2}") for n in range(total)]
    assert min(len(marks) for marks in meant.values()) >= BATCH


def test_the_last_records_in_another_experts_hands_are_named_and_a_lead_takes_them_over(
    sign_in: Callable[[str], Page], server: Server, home_store: Workspace
) -> None:
    fill_queue(home_store, anchors=3, per_anchor=2)
    ben, anna = sign_in(BEN), sign_in(ANNA)
    open_panel(ben, server)
    anna.goto(f"{server.url}/negatives")
    expect(anna.get_by_text("All 6 open candidates are in the hands of other reviewers.")).to_be_visible()
    expect(anna.get_by_text(f"6 held by {BEN}")).to_be_visible()
    anna.get_by_role("button", name="Take over").click()
    expect(anna.get_by_text(f"6 taken over from {BEN}.")).to_be_visible()
    mine = press(anna, "abp")
    late = press(ben, "n")  # what Ben had before him still counts
    wait_saved(anna)
    wait_saved(ben)
    assert read_words(home_store, ANNA) == mine
    assert read_words(home_store, BEN) == late


def test_a_cookie_that_was_signed_with_another_secret_opens_nothing(chromium: Browser, server: Server, home_store: Workspace) -> None:
    fill_queue(home_store, anchors=1, per_anchor=1)
    context = chromium.new_context()
    account = json.dumps({"origin": server.url, "is_logged_in": True, "email": ANNA, "email_verified": True})
    context.add_cookies([{"name": COOKIE, "value": URLSafeTimedSerializer("guessed", salt=COOKIE).dumps(account), "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/negatives")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    assert page.get_by_text("Candidate passage").count() == 0
    context.close()
