"""The compare page in a real browser: a verdict taken apart, one query before and after by its address, holes into the queue."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from core.curation.review_queue import next_records
from core.model import Anchor, Document
from core.store import corpus, projects
from core.workspace import Workspace
from tests.compared import add_columns
from tests.e2e.conftest import HOSTILE
from tests.servers import Server

LIMIT_MS = 90_000


def test_from_the_verdict_to_its_rule_a_query_and_the_queue(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    with home_store.store.write() as conn:
        projects.add_project(conn, "small", name="Small", base_model="nowhere")
        corpus.put_documents(conn, "small", [Document(f"d{n}", f"{HOSTILE} Clause {n}.") for n in range(24)])
        corpus.put_anchors(conn, "small", [Anchor(f"a{n}", f"{HOSTILE} Question {n}?") for n in range(12)])
    run_id = add_columns(home_store, "small", text=f"{HOSTILE} Question 1?")
    url = serve().url

    tab.goto(f"{url}/compare?project=small")
    tab.get_by_text("conditions of a better system are met").click(timeout=LIMIT_MS)
    expect(tab.get_by_text("At least 10 unrelated held-out anchors")).to_be_visible()

    tab.get_by_role("tab", name="Before and after").click()
    tab.get_by_text("Biggest losses").wait_for(timeout=LIMIT_MS)
    tab.get_by_role("button", name="Show").last.click()
    for name in ("Base", "Tuned"):
        expect(tab.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=LIMIT_MS)
    expect(tab.get_by_text("New in the top 10").first).to_be_visible()
    assert "q=" in tab.url

    shared = tab.context.new_page()
    shared.goto(tab.url)
    expect(shared.get_by_role("heading", name="Tuned", exact=True)).to_be_visible(timeout=LIMIT_MS)
    assert "broken" not in (shared.title(), tab.title())

    tab.get_by_role("button", name="Judge the holes").click()
    expect(tab.get_by_text("wait in the review queue")).to_be_visible(timeout=LIMIT_MS)
    assert len(next_records(home_store, "small", "ann", n=500)) > 50
    assert run_id
