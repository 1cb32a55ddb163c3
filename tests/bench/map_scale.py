"""`map-scale`: 50,000 documents from vectors to a map that a page shows, in one run in a process of its own; seconds, peak memory, recall of its neighbours.

The points are those of `map`, in the cache as if models had made them, so that no model is run: what is timed is neighbours, both layouts, the noise floor and
the clumping figures. `python -m tests.bench.map_scale --documents N` prints each step as it begins.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from core.geometry.map_run import draw_maps
from core.geometry.references import read_references
from core.settings import Settings
from core.store import corpus, open_store
from core.tuning.cost import read_peak_gb
from core.workspace import Workspace
from tests.bench.harness import Row
from tests.bench.map_drawing import make_points
from tests.bench.map_page import DOCUMENTS, PROJECT, RECORDS, fill_project, put_vectors
from tests.servers import ROOT


def run(documents: int = DOCUMENTS) -> Row:
    """Fill a home, draw in a process of its own, say what it took."""
    with tempfile.TemporaryDirectory(prefix="pairsmith-bench-") as folder:
        home = Path(folder) / "home"
        fill_home(home, documents)
        command = [sys.executable, "-m", "tests.bench.map_scale", "--home", str(home)]
        found = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    notes = (
        f"{documents:,} documents of 384 dimensions; peak memory {found['peak_gb']:.2f} GB; recall of the nearest neighbours "
        f"{found['recall']['base']:.3f} under base and {found['recall']['tuned']:.3f} under tuned"
    )
    return Row("map-scale", found["seconds"], None, None, "-", notes)


def fill_home(home: Path, documents: int) -> None:
    """The project with all its vectors under both models."""
    settings = Settings(home=home, start_worker=False)
    workspace = Workspace(settings, open_store(settings.url))
    fill_project(workspace, documents)
    with workspace.store.read() as conn:
        texts = [document.content for document in corpus.read_documents(conn, PROJECT)]
        texts += [*read_references(), *(anchor.text for anchor in corpus.read_anchors(conn, PROJECT))]
    texts = list(dict.fromkeys(texts))
    for record, vectors in zip(RECORDS, make_points(len(texts)), strict=True):
        put_vectors(workspace, record, texts, vectors)
    workspace.store.close()


def draw(home: Path) -> None:
    """Draw the map of a filled home and print what it took as JSON."""
    settings = Settings(home=home, start_worker=False)
    workspace = Workspace(settings, open_store(settings.url))
    began = time.perf_counter()
    projection = draw_maps(workspace, PROJECT, RECORDS[0], RECORDS[1], say_stage)
    taken = {"seconds": time.perf_counter() - began, "peak_gb": read_peak_gb(), "recall": projection.figures["map_recall"]}
    workspace.store.close()
    print(json.dumps(taken))


def say_stage(message: str, step: int, steps: int) -> None:
    """One line as a step begins."""
    print(f"{step + 1} of {steps}: {message}", file=sys.stderr, flush=True)


def main() -> int:
    """The row by itself, or one drawing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.map_scale", description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.home:
        draw(chosen.home)
        return 0
    row = run(chosen.documents)
    print(f"{row.ours_s:.1f} s; {row.notes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
