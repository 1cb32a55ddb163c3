"""`queue-page`: one rerun of the review page at 100,000 documents, 50,000 judgements, 1,200 anchors and 60,000 candidates, against its limit of 300 ms.

The rerun is timed twice: in this process (AppTest, which draws the page's elements without a browser), and in Chromium, where a key judges a record:
from the moment the page says that it runs until it says that it does not. `python -m tests.bench.queue_page` prints 50th and 95th percentile of both,
of the label and the corpus page, and of the queries behind them; `--without-order-index` and `--state-as-a-view` undo what was decided, for comparison.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from core.model import Anchor, Candidate, CandidateStatus, Document, Judgement, Label, Part, Source
from core.settings import Settings, load_settings
from core.store import candidates, corpus, history, judgements, open_store, projects
from core.workspace import Workspace
from tests.bench.harness import Row
from tests.servers import CHROMIUM, CHROMIUM_FLAGS, ROOT, running_server

PROJECT = "large"
DOCUMENTS, ANCHORS, JUDGEMENTS, PER_ANCHOR, SHOWN = 100_000, 1_200, 50_000, 50, 40
LIMIT_S = 0.3
RERUNS, KEYS = 40, 40
STATE_VIEW = """
    CREATE VIEW judgement_state AS SELECT j.* FROM judgements j WHERE j.label <> 'unjudged' AND j.seq = (
      SELECT max(k.seq) FROM judgements k
      WHERE k.project_id = j.project_id AND k.anchor_id = j.anchor_id AND k.document_id = j.document_id)"""


def fill_home(workspace: Workspace) -> None:
    """Make the project through the store's own functions. Those candidates that come first in the queue are judged, as they are where people review."""
    words = ("tenant", "notice", "rent", "deposit", "breach", "repair", "lease", "clause", "party", "payment", "interest")
    texts = (" ".join(words[(n * 7 + place * place) % len(words)] for place in range(60)) for n in range(DOCUMENTS))
    pairs = [(f"a{a}", f"d{(a * 83 + place * 11) % DOCUMENTS}", place) for a in range(ANCHORS) for place in range(PER_ANCHOR)]
    answers = [
        Judgement(f"answer-{a}-{n}", f"a{a}", f"d{DOCUMENTS - 1 - 2 * a - n}", Label.POSITIVE, 3 - n, Source.IMPORT, "import")
        for a in range(ANCHORS)
        for n in (0, 1)
    ]
    found = [
        Candidate(
            anchor,
            document,
            CandidateStatus.PROPOSED if place < SHOWN else CandidateStatus.SET_ASIDE,
            "near",
            -place - 1e-4 * int(anchor[1:]),
            0.5,
            0.9,
            place + 1,
            None,
            "none",
        )
        for anchor, document, place in pairs
    ]
    order = sorted(found, key=lambda item: -item.priority)
    said = [(Label.HARD_NEGATIVE, 0)] * 7 + [(Label.POSITIVE, 2), (Label.AMBIGUOUS, 0), (Label.SKIPPED, 0)]
    decisions = []
    for n in range(JUDGEMENTS - len(answers)):
        item, (label, grade) = order[n % (len(order) * 3 // 5)], said[n % len(said)]
        fields = {"source": Source.MINED, "author": f"reviewer{n % 5}", "active_ms": 2_000 + n % 9_000, "shown": {"ratio": 0.9, "dense_rank": 4}}
        decisions.append(Judgement(f"decision-{n}", item.anchor_id, item.document_id, label, grade, **fields))
    with workspace.store.write() as conn:
        projects.add_project(conn, PROJECT, name="Large", base_model="embedded:all-MiniLM-L6-v2")
        corpus.put_documents(conn, PROJECT, (Document(f"d{n}", text, f"Lease {n // 40}", {"clause": str(n % 40)}) for n, text in enumerate(texts)))
        corpus.put_anchors(conn, PROJECT, (Anchor(f"a{a}", f"What about {words[a % 11]} and {words[a % 7]}, case {a}?") for a in range(ANCHORS)))
        corpus.set_parts(conn, PROJECT, {f"a{a}": list(Part)[a % 3] for a in range(ANCHORS)})
        judgements.append_judgements(conn, PROJECT, [*answers, *decisions])
        candidates.replace_candidates(conn, PROJECT, found)


def time_reruns(home: Path, page: str) -> list[float]:
    """Seconds of each rerun of a page in this process, the first two left out."""
    os.environ |= {"PAIRSMITH_HOME": str(home), "PAIRSMITH_START_WORKER": "false"}
    load_settings.cache_clear()
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "pages" / "_router.py"), default_timeout=120)
    app.query_params["project"] = PROJECT
    app.run()
    app.switch_page(f"{page}.py").run()
    if app.exception:
        raise RuntimeError(app.exception[0].message)
    return repeat(app.run)


def repeat(work: Callable[[], object], times: int = RERUNS) -> list[float]:
    """Seconds of each of several repeats, after two that are not counted."""
    taken = []
    for _ in range(times + 2):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return taken[2:]


WATCH = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  window.reruns = [];
  let began = null;
  new MutationObserver(() => {
    const runs = app.getAttribute('data-test-script-state') === 'running';
    if (runs && began === null) began = performance.now();
    if (!runs && began !== null) { window.reruns.push((performance.now() - began) / 1000); began = null; }
  }).observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
}"""


def time_keys(home: Path, keys: int = KEYS) -> list[float]:
    """Seconds of each rerun that a judging key causes, as the browser sees it, one key after the other is saved."""
    with sync_playwright() as playwright, running_server(home) as server:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(f"{server.url}/negatives?project={PROJECT}")
        tab.get_by_text("to review").first.wait_for(timeout=120_000)
        tab.wait_for_timeout(1_500)
        tab.evaluate(WATCH)
        for n in range(keys + 2):
            tab.keyboard.press("s")
            tab.wait_for_function(f"() => window.reruns.length > {n}", timeout=60_000)
            tab.wait_for_timeout(400)
        taken: list[float] = tab.evaluate("() => window.reruns")
        browser.close()
    return taken[2 : keys + 2]


def time_queries(workspace: Workspace) -> Iterator[tuple[str, list[float]]]:
    """The queries that a rerun makes, and appending a judgement, each by itself."""

    def append() -> None:
        with workspace.store.write() as conn:
            judgements.append_judgements(conn, PROJECT, [Judgement(f"one-{time.perf_counter_ns()}", "a1", "d5", Label.SKIPPED)])

    def lease() -> None:
        with workspace.store.write() as conn:
            candidates.lease_candidates(conn, PROJECT, "bench", n=30, lease_s=900)

    def reading(work: Callable[..., object], *arguments: object) -> Callable[[], None]:
        def read() -> None:
            with workspace.store.read() as conn:
                work(conn, PROJECT, *arguments)

        return read

    yield "append_judgements", repeat(append)
    yield "lease_candidates", repeat(lease)
    yield "count_queue", repeat(reading(candidates.count_queue, "bench"))
    yield "count_contents", repeat(reading(projects.count_contents))
    yield "last_seq", repeat(reading(judgements.last_seq))
    yield "history.page_events", repeat(reading(history.page_events))
    yield "history.count_past", repeat(reading(history.count_past))
    yield "history.measure_authors", repeat(reading(history.measure_authors), 10)


def percentile(taken: Sequence[float], share: int) -> float:
    """The percentile of seconds, interpolated between neighbours."""
    return statistics.quantiles(taken, n=100, method="inclusive")[share - 1]


@contextmanager
def large_home() -> Iterator[Workspace]:
    """A home of its own with the large project in it."""
    with tempfile.TemporaryDirectory(prefix="pairsmith-bench-") as folder:
        settings = Settings(home=Path(folder) / "home", start_worker=False)
        workspace = Workspace(settings, open_store(settings.url))
        fill_home(workspace)
        yield workspace
        workspace.store.close()


def run() -> Row:
    """Fill a home, rerun the page in this process and in the browser. The ratio is the limit over the browser's 95th percentile."""
    with large_home() as workspace:
        drawn, seen = time_reruns(workspace.home, "negatives"), time_keys(workspace.home)
    p95 = percentile(seen, 95)
    notes = f"p95 in Chromium (p50 {statistics.median(seen):.3f}); AppTest p50 {statistics.median(drawn):.3f}, p95 {percentile(drawn, 95):.3f}"
    return Row("queue-page", p95, LIMIT_S, LIMIT_S / p95, "≥ 1", f"{notes}; limit against p95, {DOCUMENTS:,} documents, {JUDGEMENTS:,} judgements")


def main() -> int:
    """Print the figures of pages and queries, with what was decided undone where asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.queue_page")
    parser.add_argument("--pages", nargs="*", default=["negatives", "label", "corpus", "history"])
    parser.add_argument(
        "--state-as-a-view", action="store_true", help="the state of each pair as a view over the log, as before schema 0002; nothing can be appended"
    )
    parser.add_argument("--without-order-index", action="store_true")
    parser.add_argument("--without-browser", action="store_true")
    chosen = parser.parse_args()
    with large_home() as workspace:
        with workspace.store.write() as conn:
            if chosen.state_as_a_view:
                conn.exec_driver_sql("DROP TABLE judgement_state")
                conn.exec_driver_sql(STATE_VIEW)
            if chosen.without_order_index:
                conn.exec_driver_sql("DROP INDEX ix_judgements_order")
        for page in chosen.pages:
            print_figures(f"page {page}, AppTest", time_reruns(workspace.home, page))
        for name, taken in [] if chosen.state_as_a_view else time_queries(workspace):
            print_figures(name, taken)
        if not chosen.without_browser:
            print_figures("page negatives, Chromium", time_keys(workspace.home))
    return 0


def print_figures(name: str, taken: Sequence[float]) -> None:
    """One line of a measurement."""
    print(f"{name:<28} p50 {statistics.median(taken) * 1000:7.1f} ms   p95 {percentile(taken, 95) * 1000:7.1f} ms   n {len(taken)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
