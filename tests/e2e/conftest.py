"""A real browser against a real server: on a free port, in a home of its own, without a worker unless a test asks for one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.jobs.engine import start_worker
from core.model import Anchor, Candidate, CandidateStatus, Document, Judgement, Label, Source
from core.settings import Settings
from core.store import candidates, corpus, judgements, open_store, projects
from core.workspace import Workspace
from tests.servers import CHROMIUM, CHROMIUM_FLAGS, Server, launch_server, stop_server

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests; each gets a context of its own."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab with a storage of its own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers: `serve()` on the test's home, `serve(port=…, environment={…}, home=…)` as needed. All are ended after the test."""
    started: list[Server] = []

    def start(*, home: Path | None = None, port: int | None = None, environment: dict[str, str] | None = None) -> Server:
        server = launch_server(home or tmp_path / "home", port=port, environment=environment)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            stop_server(server)


@pytest.fixture
def home_store(tmp_path: Path) -> Iterator[Workspace]:
    """The workspace of the home that `serve()` serves, for the test's own reading and writing."""
    settings = Settings(home=tmp_path / "home", start_worker=False)
    store = open_store(settings.url)
    yield Workspace(settings, store)
    store.close()


@pytest.fixture
def worker(home_store: Workspace) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the home, ended after the test."""
    process = start_worker(home_store)
    yield process
    process.terminate()
    process.wait(timeout=30)


QUEUE_PROJECT = "queue"
HOSTILE = "<img src=x onerror=\"document.title='broken'\"> **bold** $x$ :red[x] # head"


@pytest.fixture
def queue_project(home_store: Workspace) -> str:
    """A project with 80 candidates in the queue, in the order `a00/d00, a00/d01, a01/d00 …`; the candidate texts name their pair."""
    fill_queue(home_store, anchors=40, per_anchor=2)
    return QUEUE_PROJECT


def fill_queue(workspace: Workspace, *, anchors: int, per_anchor: int, text: str = "") -> None:
    """Make the project with its queue; `text` stands at the head of every text."""
    documents = [Document(f"d{i}", f"{text}Candidate passage {i}.", fields={"agreement": f"{text}Agreement {i}", "clause": str(i)}) for i in range(per_anchor)]
    answers = [Document(f"r{i:02}", f"{text}The right answer to question {i}.") for i in range(anchors)]
    asked = [Anchor(f"a{i:02}", f"{text}Question {i}?") for i in range(anchors)]
    events = [Judgement(f"made-{i:02}-answer", f"a{i:02}", f"r{i:02}", Label.POSITIVE, 3, Source.IMPORT, "import") for i in range(anchors)]
    found = [
        Candidate(f"a{i:02}", f"d{j}", CandidateStatus.PROPOSED, "near", 1.0 - (i * per_anchor + j) / 1000, 0.5, 0.8, 1, None, "none")
        for i in range(anchors)
        for j in range(per_anchor)
    ]
    with workspace.store.write() as conn:
        projects.add_project(conn, QUEUE_PROJECT, name="Queue", base_model="embedded:all-MiniLM-L6-v2")
        corpus.put_documents(conn, QUEUE_PROJECT, [*documents, *answers])
        corpus.put_anchors(conn, QUEUE_PROJECT, asked)
        judgements.append_judgements(conn, QUEUE_PROJECT, events)
        candidates.replace_candidates(conn, QUEUE_PROJECT, found)
