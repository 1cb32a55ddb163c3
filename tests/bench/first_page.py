"""`first-page`: from starting the web process, set-up done, to the home page of the sample project drawn in a browser; and the process's memory."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from core.ingest.sample import create_sample
from core.settings import Settings
from core.store import open_store
from core.workspace import Workspace
from tests.bench.harness import REPEATS, Row
from tests.servers import CHROMIUM, CHROMIUM_FLAGS, running_server


def run() -> Row:
    """Start, draw, measure, end; the browser is already open, as a user's is."""
    taken: list[float] = []
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder) / "home"
        settings = Settings(home=home)
        workspace = Workspace(settings, open_store(settings.url))
        create_sample(workspace)
        workspace.store.close()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        for _ in range(REPEATS):
            page = browser.new_page()
            began = time.perf_counter()
            with running_server(home) as server:
                page.goto(server.url)
                page.get_by_role("heading", name="Pairsmith").first.wait_for(timeout=60_000)
                page.get_by_text("Commercial contracts").first.wait_for(timeout=60_000)
                taken.append(time.perf_counter() - began)
                memory.append(psutil.Process(server.process.pid).memory_info().rss / 1e6)
            page.close()
        browser.close()
    return Row("first-page", statistics.median(taken), None, None, "-", f"web process {statistics.median(memory):.0f} MB resident, worker not counted")
