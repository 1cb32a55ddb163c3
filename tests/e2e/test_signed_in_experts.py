"""Two experts who are signed in, each in a browser of their own, on one queue: nothing is lost, nothing is judged twice, each word carries its author.

The sign-in itself is a provider's; here each browser holds the signed cookie that the app sets after one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from itsdangerous import URLSafeTimedSerializer
from playwright.sync_api import Browser, Page, expect

from core.store import judgements
from core.workspace import Workspace
from tests.e2e.conftest import QUEUE_PROJECT, fill_queue
from tests.e2e.test_judging_panel import as_marks, open_panel, press, wait_saved
from tests.servers import Server

SECRET = "a secret of the tests"
COOKIE = "_streamlit_user"
ANNA, BEN = "anna@example.org", "ben@example.org"


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
        return as_marks([event for event in judgements.read_log(conn, QUEUE_PROJECT) if event.author == author])


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
