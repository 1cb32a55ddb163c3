"""The way of a first visit in a real browser with a real worker: tune, watch, reload, compare, map."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.model import Anchor, Document, Judgement, Label, ModelKind, RunKind, RunStatus, Source
from core.store import artefacts, corpus, judgements, projects, runs
from core.workspace import Workspace
from tests.servers import Server

TOPICS = ["termination", "assignment", "liability", "insurance", "audit", "payment", "interest", "renewal", "warranty", "delivery", "notice", "confidence"]
LIMIT_MS = 240_000


@pytest.fixture
def demo_project(home_store: Workspace, tiny_model: Path) -> str:
    """48 documents on 12 topics and 24 anchors, each answered by a document of its own; the base is the tiny model."""
    documents = [
        Document(f"d{n}", f"The parties agree on {TOPICS[n % 12]} as clause {n} of the {TOPICS[n // 12]} schedule says.", fields={"topic": TOPICS[n % 12]})
        for n in range(48)
    ]
    anchors = [Anchor(f"a{n}", f"What does the {TOPICS[n // 12]} schedule say on {TOPICS[n % 12]}?") for n in range(24)]
    events = [Judgement(f"made-{n}", f"a{n}", f"d{n}", Label.POSITIVE, 3, Source.IMPORT, "import") for n in range(24)]
    with home_store.store.write() as conn:
        projects.add_project(conn, "demo", name="Demo project", base_model=str(tiny_model))
        corpus.put_documents(conn, "demo", documents)
        corpus.put_anchors(conn, "demo", anchors)
        judgements.append_judgements(conn, "demo", events)
    return "demo"


@pytest.mark.slow
def test_from_tuning_to_a_verdict_a_query_side_by_side_and_two_maps(
    tab: Page, serve: Callable[..., Server], home_store: Workspace, demo_project: str, worker: subprocess.Popen[bytes]
) -> None:
    url = serve().url

    tab.goto(f"{url}/tune")
    tab.get_by_role("button", name="Tune all the same").click()  # 24 questions are few, and the page says so
    expect(tab.get_by_role("progressbar").first).to_be_visible()
    tab.reload()
    run = wait_for_run(home_store, RunKind.TUNE)
    assert run.status == RunStatus.SUCCEEDED, run.error
    expect(tab.get_by_role("button", name="Compare base and tuned")).to_be_visible(timeout=LIMIT_MS)

    tab.get_by_role("button", name="Compare base and tuned").click()
    expect(tab.get_by_role("heading", name="Compare")).to_be_visible()
    verdict = run.result["test"]["verdict"]["title"]
    expect(tab.get_by_role("heading", name=verdict, exact=True)).to_be_visible()
    tab.get_by_role("tab", name="Before and after").click()
    box = tab.get_by_label("Query", exact=True)
    box.fill("What does the termination schedule say on audit?")
    box.press("Enter")
    for name in ("Base", "Tuned"):
        expect(tab.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=LIMIT_MS)
    expect(tab.get_by_text("known answer", exact=False)).to_be_visible()
    expect(tab.get_by_text("The parties agree on").first).to_be_visible()
    assert "q=What" in tab.url

    tab.get_by_role("link", name="Map", exact=True).click()
    tab.get_by_role("button", name="Draw the map").click()
    assert wait_for_run(home_store, RunKind.MAP).status == RunStatus.SUCCEEDED
    panels = tab.locator(".js-plotly-plot .annotation-text")
    expect(panels).to_have_text(["Base", "Tuned"], timeout=LIMIT_MS)
    with home_store.store.read() as conn:
        assert artefacts.list_projections(conn, demo_project)[0].tuned_id == tuned_id(home_store, demo_project)


def tuned_id(workspace: Workspace, project_id: str) -> str:
    with workspace.store.read() as conn:
        return next(model.id for model in artefacts.list_models(conn, project_id) if model.kind == ModelKind.TUNED)


def wait_for_run(workspace: Workspace, kind: RunKind, limit_s: float = 300):  # type: ignore[no-untyped-def]
    """The newest run of the kind, once it is over."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with workspace.store.read() as conn:
            found = runs.list_runs(conn, "demo", kind=kind, limit=1)
        if found and found[0].status.is_over:
            return found[0]
        time.sleep(0.5)
    raise AssertionError(f"The {kind} run did not end in {limit_s:.0f} s.")
