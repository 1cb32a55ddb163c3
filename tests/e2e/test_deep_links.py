"""A cold deep link: the first request to a fresh server is an inner page, and the guard and the navigation stand there too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.workspace import Workspace
from tests.e2e.conftest import fill_queue
from tests.servers import Server


@pytest.mark.parametrize(("path", "title"), [("negatives", "Hard negatives"), ("models", "Models")])
def test_a_cold_deep_link_shows_its_page_with_the_navigation(tab: Page, serve: Callable[..., Server], home_store: Workspace, path: str, title: str) -> None:
    fill_queue(home_store, anchors=2, per_anchor=1)
    tab.goto(f"{serve().url}/{path}")
    expect(tab.get_by_test_id("stHeading").get_by_text(title)).to_be_visible(timeout=60_000)
    expect(tab.get_by_test_id("stSidebarNav").get_by_role("link", name="Corpus", exact=True)).to_be_visible()


@pytest.mark.parametrize("path", ["negatives", "models"])
def test_a_cold_deep_link_shows_nothing_of_the_project_before_the_sign_in(tab: Page, serve: Callable[..., Server], home_store: Workspace, path: str) -> None:
    fill_queue(home_store, anchors=2, per_anchor=1, text="Confidential ")
    tab.goto(f"{serve(environment={'PAIRSMITH_REQUIRE_SIGN_IN': 'true'}).url}/{path}")
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible(timeout=60_000)
    content = tab.content()
    assert "Confidential" not in content
    assert "Queue" not in content
    assert tab.locator("section.panel").count() == 0
