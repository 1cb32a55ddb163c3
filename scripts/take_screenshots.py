"""Take a picture of every page on the sample project, for the documentation.

    .venv/bin/python scripts/take_screenshots.py --out docs/images [--tune] [--narrow] [--home DIR] [--browser /usr/bin/chromium]

Makes the sample project in a temporary home, embeds and mines it, draws the map, starts the app on a free port, visits every page of the router at
1280 by 900 and writes `<page>.png`. `--tune` tunes one epoch first (some minutes on two cores), so that compare and map show a tuned model.
`--narrow` also takes each page at 800 by 900, as `<page>-narrow.png`. `--home` uses that home and keeps it: what it already holds is not made again.
Ends the server and the workers it started, and leaves no temporary home behind. Refuses a home in which a run fails, with the run's error.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.ingest.sample import SAMPLE_ID, create_sample
from core.jobs.engine import LocalEngine, has_worker, start_worker
from core.model import PairsmithError, RunKind, RunStatus
from core.store import artefacts, runs
from core.workspace import Workspace, open_workspace
from tests.servers import CHROMIUM, CHROMIUM_FLAGS, ROOT, running_server

PAGES = ("home", "corpus", "label", "negatives", "mining", "agreement", "history", "tune", "compare", "map", "models", "release")
QUERY = "Can they walk away when we pay late?"
SHORT_TUNING = {"epochs": 1, "negatives": 0, "evaluations": 1}
FLAGS = [*CHROMIUM_FLAGS, "--enable-unsafe-swiftshader"]


def main() -> int:
    """Parse the command line, prepare the home, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="folder to write to")
    parser.add_argument("--home", type=Path, help="home to use and keep; a temporary one is made and removed without it")
    parser.add_argument("--tune", action="store_true", help="tune one epoch where the home has no tuned model")
    parser.add_argument("--narrow", action="store_true", help="also take each page 800 pixels wide")
    parser.add_argument("--browser", default=CHROMIUM, help="the Chromium to use")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pairsmith-screenshots-") as temporary:
        workspace = open_workspace(chosen.home or Path(temporary) / "home")
        try:
            prepare_home(workspace, tune=chosen.tune)
            with serve_home(workspace) as url:
                for path in take_pictures(url, chosen.out, browser=chosen.browser, widths=(1280, 800) if chosen.narrow else (1280,)):
                    print(f"{path} ({path.stat().st_size // 1024} kB)")
        finally:
            workspace.store.close()
    return 0


def prepare_home(workspace: Workspace, *, tune: bool) -> None:
    """Bring the home to where the pictures want it: sample made, embedded, mined, tuned where asked, and mapped. What is there stays."""
    create_sample(workspace)
    with workspace.store.read() as conn:
        done = {run.kind for run in runs.list_runs(conn, SAMPLE_ID) if run.status == RunStatus.SUCCEEDED}
        model = artefacts.find_tuned(conn, SAMPLE_ID, whole=True)
        mapped = {projection.tuned_id for projection in artefacts.list_projections(conn, SAMPLE_ID)}
    tuned = model.id if model else None
    wanted: list[tuple[RunKind, dict[str, int]]] = [(kind, {}) for kind in (RunKind.EMBED, RunKind.MINE) if kind not in done]
    if tune and tuned is None:
        wanted.append((RunKind.TUNE, SHORT_TUNING))
    if tuned not in mapped or (tune and tuned is None):
        wanted.append((RunKind.MAP, {}))
    engine = LocalEngine(workspace)
    started = [engine.enqueue(SAMPLE_ID, kind, config) for kind, config in wanted]
    if not started:
        return
    print("Preparing:", ", ".join(kind.value for kind, _ in wanted))
    start_worker(workspace, until_idle=True).wait()
    with workspace.store.read() as conn:
        for run in (runs.get_run(conn, run_id) for run_id in started):
            if run.status != RunStatus.SUCCEEDED:
                raise PairsmithError(f"The {run.kind} run ended as {run.status}: {run.error}")


@contextmanager
def serve_home(workspace: Workspace) -> Iterator[str]:
    """The app with a worker on the home, at the address given; both are ended after."""
    worker = start_worker(workspace)
    try:
        with running_server(workspace.home) as server:
            wait_worker(workspace)
            yield server.url
    finally:
        worker.terminate()
        worker.wait(timeout=60)


def wait_worker(workspace: Workspace, limit_s: float = 120) -> None:
    """Wait until the worker reports, so that no page says it is missing."""
    deadline = time.monotonic() + limit_s
    while not has_worker(workspace):
        if time.monotonic() > deadline:
            raise PairsmithError(f"The worker did not start. Look at {workspace.home / 'worker.log'}.")
        time.sleep(0.3)


def take_pictures(url: str, out: Path, *, browser: str, widths: Sequence[int]) -> Iterator[Path]:
    """Visit every page at every width; yields the files as they are written."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        try:
            for width in widths:
                tab = chromium.new_page(viewport={"width": width, "height": 900})
                for name in PAGES:
                    tab.goto(f"{url}/{'' if name == 'home' else name}")
                    settle(tab)
                    yield save_picture(tab, out / f"{name}{'-narrow' if width < 1000 else ''}.png")
                    if name == "compare" and tab.get_by_label("Query", exact=True).count() + tab.get_by_role("tab").count():
                        tab.goto(f"{url}/compare?q={QUERY.replace(' ', '%20')}")
                        settle(tab)
                        yield save_picture(tab, out / f"compare-query{'-narrow' if width < 1000 else ''}.png")
                tab.close()
        finally:
            chromium.close()


def save_picture(tab: Page, path: Path) -> Path:
    """What the window shows, as a PNG."""
    tab.screenshot(path=path, animations="disabled")
    return path


def settle(tab: Page, limit_s: float = 90) -> None:
    """Wait until the page has its title and runs no more."""
    tab.wait_for_selector("h1")
    deadline, quiet = time.monotonic() + limit_s, 0
    while time.monotonic() < deadline and quiet < 4:
        busy = tab.locator('[data-testid="stStatusWidget"], [data-testid="stSpinner"], [data-stale="true"]').count()
        quiet = 0 if busy else quiet + 1
        tab.wait_for_timeout(250)
    if quiet < 4:
        raise PairsmithError(f"{tab.url} did not come to rest in {limit_s:.0f} s.")


if __name__ == "__main__":
    sys.exit(main())
