"""The compare page in a real browser, on a comparison that was really measured: a second tiny model stands for the tuned one, so that nothing is trained."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.curation.review_queue import apply_events, next_records
from core.evaluation.holes import find_holes
from core.jobs.child import execute_run
from core.jobs.engine import LocalEngine
from core.model import Anchor, Document, Judgement, Label, ModelKind, Part, Run, RunKind, RunStatus, Source
from core.retrieval.models import describe_model, ensure_base_model
from core.retrieval.query_client import EncoderAway, encode_query, rerank_documents
from core.retrieval.rerankers import take_reranker
from core.store import artefacts, candidates, corpus, judgements, projects, runs
from core.workspace import Workspace
from tests.e2e.conftest import HOSTILE
from tests.e2e.test_demo import TOPICS
from tests.e2e.test_judging_panel import PANEL, press, shown_pair, wait_saved
from tests.servers import Server
from tests.tiny_model import make_tiny_cross_encoder, make_tiny_model

PROJECT = "verdict"
HELD_OUT = 12
HOSTILE_QUESTION = f"What does the termination schedule say on termination? {HOSTILE}"
LIMIT_MS = 240_000


@pytest.fixture
def measured(home_store: Workspace, tiny_model: Path, tmp_path: Path) -> Run:
    """36 documents and 20 anchors, 12 of them held out; base, another model as the tuned one, and that one reranked, measured. `a00` and `d0` are hostile."""
    texts = [f"The parties agree on {TOPICS[n % 12]} as clause {n} of the {TOPICS[n // 12]} schedule says." for n in range(36)]
    documents = [Document(f"d{n}", text, fields={"topic": f"{TOPICS[n % 12]} {HOSTILE}"}) for n, text in enumerate(texts)]
    documents[0] = replace(documents[0], text=f"{documents[0].text} {HOSTILE}", title=HOSTILE)
    asked = [HOSTILE_QUESTION, *(f"What does the {TOPICS[n // 12]} schedule say on {TOPICS[n % 12]}?" for n in range(1, 20))]
    anchors = [Anchor(f"a{n:02}", text, fields={"kind": f"kind {n % 2} {HOSTILE}"}) for n, text in enumerate(asked)]
    events = [Judgement(f"made-{n}", f"a{n:02}", f"d{n}", Label.POSITIVE, 3, Source.IMPORT, "import") for n in range(20)]
    with home_store.store.write() as conn:
        projects.add_project(conn, PROJECT, name="Verdict", base_model=str(tiny_model))
        corpus.put_documents(conn, PROJECT, documents)
        corpus.put_anchors(conn, PROJECT, anchors)
        judgements.append_judgements(conn, PROJECT, events)
        corpus.set_parts(conn, PROJECT, {f"a{n:02}": Part.TEST if n < HELD_OUT else Part.DEV if n < 16 else Part.TRAIN for n in range(20)})
    base = ensure_base_model(home_store, PROJECT, str(tiny_model))
    tuned = replace(describe_model(str(make_tiny_model(tmp_path / "other", seed=1))), kind=ModelKind.TUNED, name="other", base_id=base.id)
    with home_store.store.write() as conn:
        artefacts.put_model(conn, PROJECT, tuned)
    take_reranker(home_store, PROJECT, str(make_tiny_cross_encoder(tmp_path / "cross", tiny_model)))
    engine = LocalEngine(home_store)
    systems = ["base", tuned.id, f"{tuned.id}+rerank"]
    engine.enqueue(PROJECT, RunKind.EVALUATE, {"systems": systems, "part": "test", "reranker": "cross", "depth": 20})
    run = engine.claim("test")
    assert run is not None
    assert execute_run(home_store, run) == RunStatus.SUCCEEDED
    return read_runs(home_store)[0]


def read_runs(workspace: Workspace) -> list[Run]:
    with workspace.store.read() as conn:
        return runs.list_runs(conn, PROJECT, kind=RunKind.EVALUATE)


def open_compare(tab: Page, server: Server, run: Run) -> dict[str, Any]:
    """The page at its first tab; returns what the run found."""
    test: dict[str, Any] = dict((run.result or {})["test"])
    tab.goto(f"{server.url}/compare?project={PROJECT}")
    expect(tab.get_by_role("heading", name=test["verdict"]["title"], exact=True)).to_be_visible(timeout=LIMIT_MS)
    return test


def open_tab(tab: Page, name: str) -> None:
    tab.get_by_role("tab", name=name, exact=True).click()


def cells(tab: Page) -> Locator:
    """What a table says to those who cannot see its canvas."""
    return tab.locator("[data-testid^=glide-cell-]")


def refuse_hostile(tab: Page) -> None:
    """No text of the corpus became an element or ran."""
    assert tab.locator("img[src=x]").count() == 0
    assert "broken" not in tab.title()


@pytest.mark.slow
def test_every_tab_leads_from_the_verdict_to_its_origin_and_hostile_text_stays_text(
    tab: Page, chromium: Browser, serve: Callable[..., Server], measured: Run, tmp_path: Path
) -> None:
    server = serve()
    test = open_compare(tab, server, measured)
    expect(tab.get_by_role("heading", name=f"NDCG@5 on {HELD_OUT} held-out anchors")).to_be_visible()
    expect(cells(tab).filter(has_text=f"{test['tuned']['ndcg@5']:.3f}").first).to_be_attached()

    open_tab(tab, "Anchor by anchor")
    expect(cells(tab).filter(has_text=HOSTILE_QUESTION).first).to_be_attached()
    tab.get_by_test_id("stDataFrame").click(position={"x": 15, "y": 35 + 17})
    expect(tab.get_by_text("1 known answer, marked below where found")).to_be_visible()
    expect(tab.locator(".js-plotly-plot").last).to_be_visible()
    refuse_hostile(tab)

    open_tab(tab, "Slices")
    expect(cells(tab).filter(has_text=f"kind 0 {HOSTILE}")).to_be_attached()
    refuse_hostile(tab)

    open_tab(tab, "Before and after")
    expect(tab.get_by_text("Biggest gains")).to_be_visible()
    expect(tab.get_by_text("Biggest losses")).to_be_visible()
    tab.get_by_role("button", name="Show").first.click()
    for name in ("Base", "Tuned", "Tuned + rerank"):
        expect(tab.get_by_role("heading", name=name, exact=True)).to_be_visible()
    box = tab.get_by_label("Query", exact=True)
    box.fill(HOSTILE_QUESTION)
    box.press("Enter")
    said = "Anchor a00: 1 known answer, marked below where found."
    expect(tab.get_by_text(said)).to_be_visible()
    expect(tab.locator(".js-plotly-plot")).to_be_visible()
    expect(tab.get_by_test_id("stText").filter(has_text=HOSTILE).first).to_be_visible()
    refuse_hostile(tab)

    colleague = chromium.new_context()
    theirs = colleague.new_page()
    theirs.goto(tab.url)
    expect(theirs.get_by_text(said)).to_be_visible(timeout=LIMIT_MS)
    refuse_hostile(theirs)

    open_tab(tab, "Where from")
    expect(cells(tab).filter(has_text=measured.id).first).to_be_attached()
    with tab.expect_download() as coming:
        tab.get_by_role("button", name="Report (HTML)").click()
    path = tmp_path / "report.html"
    coming.value.save_as(path)
    colleague.set_offline(True)
    theirs.goto(path.as_uri())
    expect(theirs.get_by_text(test["verdict"]["reason"]).first).to_be_visible()
    expect(theirs.get_by_text(HOSTILE).first).to_be_attached()
    refuse_hostile(theirs)
    colleague.close()


@pytest.mark.slow
def test_judged_holes_make_the_figures_stale_and_have_them_measured_again(
    tab: Page, serve: Callable[..., Server], home_store: Workspace, measured: Run, worker: subprocess.Popen[bytes]
) -> None:
    wait_warm(home_store)
    server = serve()
    test = open_compare(tab, server, measured)
    open_tab(tab, "Before and after")
    box = tab.get_by_label("Query", exact=True)
    box.fill("Which clause is on audit?")
    box.press("Enter")
    for name in ("Base", "Tuned", "Tuned + rerank"):  # a question of nobody's, searched and reranked now
        expect(tab.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=LIMIT_MS)
    expect(tab.get_by_text("The first 36, put in order by cross")).to_be_visible()
    expect(tab.get_by_text("not an anchor of the project")).to_be_visible()

    holes = find_holes(home_store, PROJECT, test).pairs
    tab.get_by_role("button", name="Judge the holes").click()
    tab.get_by_role("link", name=f"{len(holes)} wait in the review queue").click()
    expect(tab.locator(f"{PANEL} .question")).to_be_visible()
    assert shown_pair(tab) == holes[0]
    press(tab, "aa")
    expect(tab.locator(f"{PANEL} .last")).to_have_text(f"Last: Hard negative · {candidates.HOLES_REASON}")  # nothing says which system it was
    wait_saved(tab)

    tab.goto(f"{server.url}/compare?project={PROJECT}")
    expect(tab.get_by_text("2 judgements of the measured anchors changed since.")).to_be_visible()
    assert len(read_runs(home_store)) == 1
    rest = [item for item in next_records(home_store, PROJECT, "local", n=500) if (item.anchor_id, item.document_id) in holes]
    pairs = [{"anchor_id": item.anchor_id, "document_id": item.document_id} for item in rest]
    events = [{"client_id": f"hole-{n:06}", **pair, "label": "hard_negative"} for n, pair in enumerate(pairs)]
    assert apply_events(home_store, PROJECT, "local", events).refused == {}
    again = wait_for_second(home_store)
    assert again.config["systems"] == measured.config["systems"]
    tab.goto(f"{server.url}/compare?project={PROJECT}")
    expect(tab.get_by_text("The held-out part was opened 2 times.")).to_be_visible(timeout=LIMIT_MS)
    expect(tab.get_by_text("Everything among the first 5 of every system was judged")).to_be_visible()
    assert (again.result or {})["test"]["base"]["judged@5"] == 1.0


def wait_warm(workspace: Workspace, limit_s: float = 300) -> None:
    """Until the worker has loaded both models and the cross-encoder: on a busy machine that takes longer than a page waits for it."""
    with workspace.store.read() as conn:
        records = artefacts.list_models(conn, PROJECT)
    deadline = time.monotonic() + limit_s
    while True:
        try:
            for record in records:
                if record.kind == ModelKind.RERANKER:
                    rerank_documents(workspace, PROJECT, record.id, "warm", ["d0"])
                else:
                    encode_query(workspace, PROJECT, record, "warm")
        except EncoderAway:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        else:
            return


def wait_for_second(workspace: Workspace, limit_s: float = 300) -> Run:
    """The evaluation that nobody started, once it is over."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = read_runs(workspace)
        if len(found) == 2 and found[0].status.is_over:
            assert found[0].status == RunStatus.SUCCEEDED, found[0].error
            return found[0]
        time.sleep(0.5)
    raise AssertionError(f"No second evaluation ended in {limit_s:.0f} s.")
