"""How fast and how safe the judging panel is: milliseconds from a key to the next record, and what becomes of fifty keys, one every 50 ms.

Run from the project's root with Chromium installed: `python -m scripts.measure_keys [--json] [--keys 50] [--every-ms 50]`. Starts a server of its own
on a throw-away home and ends it. A key counts as lost when nothing was stored for it, as wrong when it was stored on another record or twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import quantiles

from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.settings import Settings
from core.store import judgements, open_store
from core.workspace import Workspace
from tests.e2e.conftest import QUEUE_PROJECT, fill_queue
from tests.servers import CHROMIUM, CHROMIUM_FLAGS, running_server

LABELS = {"a": "hard_negative", "p": "positive", "b": "ambiguous", "s": "skipped", "n": "cannot_judge"}

# Notes for each key what was on the screen when it went down, and when the next record had been painted.
PROBE = """
() => {
  const find = root => root.querySelector("section.panel") ?? [...root.querySelectorAll("*")].map(e => e.shadowRoot && find(e.shadowRoot)).find(Boolean)
  const panel = find(document)
  window.measured = []
  window.addEventListener("keydown", event => {
    const one = { key: event.key, pair: panel.dataset.pair, at: performance.now() }
    window.measured.push(one)
    const watch = new MutationObserver(() => {
      watch.disconnect()
      requestAnimationFrame(() => setTimeout(() => { one.ms = performance.now() - one.at }))
    })
    watch.observe(panel, { attributes: true, attributeFilter: ["data-pair"] })
  }, { capture: true })
}
"""


def measure(tab: Page, url: str, keys: str, every_ms: int) -> list[dict[str, object]]:
    """Press the keys; one entry a key with what was on the screen and the time to the next record."""
    tab.goto(f"{url}/negatives")
    tab.locator("section.panel .question").wait_for(state="visible")
    tab.evaluate(PROBE)
    for key in keys:
        tab.keyboard.press(key)
        tab.wait_for_timeout(every_ms)
    expect(tab.locator("section.panel .state")).to_have_text("Saved", timeout=60_000)
    return list(tab.evaluate("window.measured"))


def compare(pressed: list[dict[str, object]], stored: list[tuple[str, str, str]]) -> tuple[int, int]:
    """How many keys are lost, and how many entries are wrong."""
    meant = Counter((*json.loads(str(one["pair"])), LABELS[str(one["key"])]) for one in pressed)
    found = Counter(stored)
    return (meant - found).total(), (found - meant).total()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keys", type=int, default=50)
    parser.add_argument("--every-ms", type=int, default=50)
    options = parser.parse_args()
    keys = ("apbsn" * options.keys)[: options.keys]
    with tempfile.TemporaryDirectory(prefix="pairsmith-keys-") as made:
        settings = Settings(home=Path(made), start_worker=False)
        workspace = Workspace(settings, open_store(settings.url))
        fill_queue(workspace, anchors=options.keys, per_anchor=2)
        with running_server(settings.home) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
            pressed = measure(browser.new_page(), server.url, keys, options.every_ms)
            browser.close()
        with workspace.store.read() as conn:
            stored = [(e.anchor_id, e.document_id, e.label.value) for e in judgements.read_log(conn, QUEUE_PROJECT) if e.author == "local"]
        workspace.store.close()
    times = [float(str(one["ms"])) for one in pressed if "ms" in one]
    cuts = quantiles(times, n=100, method="inclusive")
    lost, wrong = compare(pressed, stored)
    figures = {"keys": len(keys), "every_ms": options.every_ms, "p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1), "lost": lost, "wrong": wrong}
    print(json.dumps(figures) if options.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
