"""A whole release in a real browser: dry run, re-index with progress and figures, search beside the offline ranking, the way back, a drop refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.jobs.engine import LocalEngine
from core.jobs.handlers import reindex_project
from core.jobs.reporter import Reporter
from core.model import RunStatus
from core.release.reindex import reindex
from core.release.stores import opened
from core.release.target import StoreKind, Target, write_target
from core.store import runs
from core.workspace import Workspace
from tests.ml.conftest import one_thread
from tests.ml.release.conftest import Quiet, other_model, register
from tests.servers import Server

__all__ = ["one_thread", "other_model"]

QUESTION = "What does the contract say on insurance?"


class Gated(Reporter):
    """A run's reporter that waits at the stages it is told to until the test has looked at the page."""

    stops: dict[str, threading.Event]

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        super().stage(message, total, step)
        if message in self.stops:
            self.flush()
            assert self.stops[message].wait(60), message


@contextmanager
def working(workspace: Workspace, *stops: str) -> Iterator[dict[str, threading.Event]]:
    """Carries out the queued run in a thread, as a worker's child does. It waits at each of the stages until the event of that name is set."""
    gates = {name: threading.Event() for name in stops}
    ended: list[BaseException] = []

    def work() -> None:
        try:
            with workspace.store.write() as conn:
                run = runs.claim_run(conn, "a-worker", lease_s=60)
            assert run is not None
            engine = LocalEngine(workspace)
            with Gated(engine, run) as reporter:
                reporter.stops = gates
                result = reindex_project(workspace, run, reporter)
                reporter.flush()
            engine.finish(run.id, run.attempt, RunStatus.SUCCEEDED, result=result)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield gates
    finally:
        for gate in gates.values():
            gate.set()
        thread.join()
    assert ended == []


def open_release(tab: Page, url: str) -> None:
    tab.goto(f"{url}/release?project=small")
    expect(tab.get_by_role("heading", name="Live now")).to_be_visible(timeout=60_000)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [StoreKind.FAISS, StoreKind.MILVUS])
def test_from_dry_run_to_rollback(
    tab: Page, serve: Callable[..., Server], workspace: Workspace, small_project: str, tiny_model: Path, other_model: Path, kind: StoreKind
) -> None:
    if kind == StoreKind.MILVUS:
        pytest.importorskip("milvus_lite")
    target = write_target(workspace, small_project, Target(kind, str(workspace.home / "index"), "clauses"))
    old, _ = register(workspace, tiny_model, "old model"), register(workspace, other_model, "new model")

    def act(do: Callable[[Any], Any]) -> Any:
        with opened(target, workspace.settings) as store:
            return do(store)

    first = act(lambda store: reindex(workspace, small_project, old, store, Quiet()))["version"]
    url = serve().url
    tab.set_viewport_size({"width": 1280, "height": 1400})
    open_release(tab, url)
    expect(tab.get_by_text("Model: old model")).to_be_visible()

    tab.get_by_role("button", name="Dry run").click()
    expect(tab.get_by_text("A new version is built beside what is live")).to_be_visible()
    expect(tab.get_by_text("Now: old model")).to_be_visible()
    assert act(lambda store: store.list_names()) == [first]

    tab.get_by_role("button", name="Start the re-index").click()
    expect(tab.get_by_role("heading", name="Re-index under way")).to_be_visible()
    with working(workspace, "Writing vectors", "Switching the alias") as gates:
        expect(tab.get_by_text("Writing vectors · 0 of 24")).to_be_visible()
        tab.reload()
        expect(tab.get_by_text("Writing vectors · 0 of 24")).to_be_visible()
        gates["Writing vectors"].set()
        expect(tab.get_by_text("Switching the alias")).to_be_visible()
        expect(tab.get_by_test_id("stDataFrame")).to_be_visible()  # what verification found, before anything is live
        gates["Switching the alias"].set()
    expect(tab.get_by_text("The last re-index wrote 24 documents and is live")).to_be_visible()
    expect(tab.get_by_text("Model: new model")).to_be_visible()
    second = act(lambda store: store.read_alias())
    assert second != first

    tab.get_by_role("textbox", name="Question").fill(QUESTION)
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("Both rank alike.")).to_be_visible()
    expect(tab.get_by_text("Offline, exact")).to_be_visible()

    tab.get_by_role("button", name="Roll back").click()
    expect(tab.get_by_text("Model: old model")).to_be_visible()
    assert act(lambda store: store.read_alias()) == first

    other = tab.context.new_page()
    open_release(other, url)
    other.get_by_text(f"Delete {second} for good").click()
    expect(other.get_by_role("button", name="Drop")).to_be_enabled()
    tab.get_by_role("button", name="Roll back").click()  # forward again, while the other window still offers to drop that version
    expect(tab.get_by_text("Model: new model")).to_be_visible()
    other.get_by_role("button", name="Drop").click()
    expect(other.get_by_text("is live: the alias 'clauses' points at it")).to_be_visible()
    assert (act(lambda store: store.list_names()), act(lambda store: store.read_alias())) == (sorted([first, second]), second)
