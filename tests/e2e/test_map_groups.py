"""The map in a real browser: from a group that came together to the review queue, what a search marks, and text that would be markup."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from core.model import Document
from core.store import corpus
from core.workspace import Workspace
from tests.e2e.conftest import HOSTILE, QUEUE_PROJECT
from tests.e2e.test_map_lasso import draw_map, review_inside
from tests.servers import Server

GROUP = {"ids": ["r00", "r01", "r02"], "terms": ["right", "answer"], "closer": 2.5, "anchors": 0}


def test_a_group_that_came_together_is_reviewed_with_one_click(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    draw_map(home_store, hotspots=[GROUP])
    tab.goto(f"{serve().url}/map?project={QUEUE_PROJECT}")
    expect(tab.get_by_text("Group 1: right, answer — 3 documents came 2.5 times closer together")).to_be_visible()
    review_inside(tab, home_store)


def test_a_search_marks_what_it_finds_and_hostile_text_stays_text(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    draw_map(home_store, text=f"{HOSTILE} ", hotspots=[GROUP | {"terms": ["<img src=x>", "**bold**"]}])
    with home_store.store.write() as conn:
        fields = (Document(f"r{n:02}", f"{HOSTILE} The right answer to question {n}.", fields={"topic": f"{HOSTILE} {n}"}) for n in range(6))
        corpus.put_documents(conn, QUEUE_PROJECT, list(fields))
    tab.set_viewport_size({"width": 1280, "height": 2_400})
    tab.goto(f"{serve().url}/map?project={QUEUE_PROJECT}")
    names = tab.locator(".js-plotly-plot .legendtext")
    expect(names.filter(has_text="<img src=x").first).to_be_visible(timeout=120_000)  # the field that colours the map; drawn in software it can be slow
    search = tab.get_by_role("textbox", name="Highlight documents about")
    search.fill("right answer")
    search.press("Enter")
    expect(names.filter(has_text="Found by the search (6)")).to_be_visible(timeout=120_000)
    group = tab.locator("details").filter(has_text="came 2.5 times closer together")
    expect(group.locator("summary")).to_contain_text("Group 1: <img src=x>, **bold** — 3 documents")
    expect(group.get_by_text(f"{HOSTILE} The right answer to question 1.", exact=True)).to_be_visible()
    assert tab.locator("img[src='x']").count() == 0
    assert tab.locator("strong", has_text="bold").count() == 0
    assert tab.title() != "broken"
