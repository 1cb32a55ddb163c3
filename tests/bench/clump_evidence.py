"""`python -m tests.bench.clump_evidence`: the clumping flag of healthy and collapsed trainings on the sample and on Cranfield, false alarms and misses.

Healthy ones are the models that the quality benchmark keeps in the same work folder (`python -m tests.bench.quality`), trained by its cell where they are
missing; collapsed ones are trained here, in some minutes. Each cell is a process of its own with one thread and leaves a JSON file: a run that was broken off
goes on where it was. What healthy means is measured, not assumed: NDCG@5 on the held-out anchors stands beside each verdict, and counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from core.workspace import replace_file
from tests.bench.collapsed import EPOCHS, LEARNING_RATE, MAX_LENGTH, MISTAKES, PAIRS
from tests.bench.quality.__main__ import Cell, cell_path, list_missing, list_present, run_cell

HEALTHY = {"ours": range(3), "article": range(3), "guided": range(1)}
"""Recipes of the quality benchmark and their seeds: the article's has another rate, more epochs, random negatives, no blending and no mixing."""
COLLAPSED = {"pairs": PAIRS, "epochs": EPOCHS, "learning_rate": LEARNING_RATE, "max_length": MAX_LENGTH}
COLLECTIONS = ("sample", "cranfield")


def main() -> int:
    """Train what is missing, print all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.clump_evidence", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/quality"), help="the work folder of the quality benchmark")
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=list(COLLECTIONS))
    parser.add_argument("--recipes", nargs="+", choices=[*HEALTHY, *MISTAKES], default=[*HEALTHY, *MISTAKES])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--table", action="store_true", help="only print what is done")
    parser.add_argument("--cell", nargs=3, metavar=("COLLECTION", "RECIPE", "SEED"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.cell:
        measure_cell(chosen.work, (chosen.cell[0], chosen.cell[1], int(chosen.cell[2])))
        return 0
    names = list_present(chosen.collections)
    cells = [(name, recipe, seed) for name in names for recipe in chosen.recipes for seed in HEALTHY.get(recipe, range(1))]
    missing = [] if chosen.table else [cell for cell in cells if is_missing(chosen.work, cell)]
    with ThreadPoolExecutor(chosen.jobs) as pool:
        failed = sum(pool.map(lambda cell: start_cell(chosen.work, cell), missing))
    print_table([(cell, read_report(chosen.work, cell)) for cell in cells if report_path(chosen.work, cell).exists()])
    return 1 if failed else 0


def report_path(work: Path, cell: Cell) -> Path:
    """Where the flag of a cell lies."""
    return work / "clumps" / f"{cell[0]}-{cell[1]}-{cell[2]}.json"


def read_report(work: Path, cell: Cell) -> Mapping[str, Any]:
    """What a cell left: its settings, the clumping report and the processor seconds of its training."""
    found: Mapping[str, Any] = json.loads(report_path(work, cell).read_text(encoding="utf-8"))
    return found


def is_missing(work: Path, cell: Cell) -> bool:
    """Whether the cell is not done, or was done with a model of other settings than now."""
    if not report_path(work, cell).exists():
        return True
    if cell[1] in HEALTHY and list_missing(work, [cell]):
        return True
    return bool(read_report(work, cell)["settings"] != name_settings(work, cell))


def name_settings(work: Path, cell: Cell) -> Mapping[str, Any]:
    """What the flag of a cell depends on: those of its training."""
    from tests.bench.quality.prepare import prepare

    if cell[1] in HEALTHY:
        found: Mapping[str, Any] = json.loads(cell_path(work, *cell).read_text(encoding="utf-8"))["settings"]
        return found
    return {"snapshot": prepare(cell[0], work).snapshot.id, **COLLAPSED}


def start_cell(work: Path, cell: Cell) -> bool:
    """Do a cell in a process of its own; whether it failed."""
    print("{} {} seed {} …".format(*cell), file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "tests.bench.clump_evidence", "--work", str(work), "--cell", *map(str, cell)]
    return subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False).returncode != 0


def measure_cell(work: Path, cell: Cell) -> None:
    """Train what is missing of a cell and measure it; its file appears whole or not at all."""
    from core.retrieval.encoder import Encoder, load_transformer
    from core.retrieval.models import describe_model
    from tests.bench.clump_report import report_clumps
    from tests.bench.quality.prepare import prepare
    from tests.bench.quality.trainings import model_folder

    name, recipe, seed = cell
    data = prepare(name, work)
    folder = model_folder(data, recipe, seed)
    began = time.process_time()
    if recipe not in HEALTHY:
        train_collapsed(data, recipe, folder)
        cpu_s = time.process_time() - began
    else:
        if list_missing(work, [cell]) or not (folder / "modules.json").exists():
            run_cell(work, name, recipe, str(seed))
        cpu_s = json.loads(cell_path(work, *cell).read_text(encoding="utf-8"))["cpu_s"]
    tuned = Encoder(data.base, load_transformer(describe_model(str(folder))))
    result = {"settings": name_settings(work, cell), "cpu_s": cpu_s, "report": report_clumps(data, tuned)}
    path = report_path(work, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as partial:
        partial.write_text(json.dumps(result, default=float), encoding="utf-8")


def train_collapsed(data: Any, mistake: str, folder: Path) -> None:
    """The base of `data` (a `Prepared`), trained by a mistake on short texts, and kept in `folder`."""
    from core.model import Part
    from core.retrieval.encoder import Encoder, load_transformer
    from tests.bench.collapsed import choose_pairs, group_by_nearness, pull_together

    contents = {document.id: document.content for document in data.documents}
    answers = [(anchor.text, contents[item]) for anchor in data.snapshot.part(Part.TRAIN) for item in anchor.positives if item in contents]
    classes: dict[str, list[str]] = {}
    for document in data.documents:
        classes.setdefault(document.fields.get("clause_type", ""), []).append(document.content)
    if len(classes) == 1 and mistake == "same-class":
        texts = list(contents.values())
        classes = group_by_nearness(texts, Encoder(data.base).encode(texts, data.base.document_prompt))
    model = load_transformer(data.base)
    pull_together(model, choose_pairs(mistake, answers, classes))
    model.save(str(folder), create_model_card=False)


def print_table(results: Sequence[tuple[Cell, Mapping[str, Any]]]) -> None:
    """A line a training, then how often the flag was wrong."""
    print(
        "| collection | training | flag | PR documents | RC documents | PR general | RC general | hotspots | NDCG@5 (95 % interval) | CPU min | first reason |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for (name, recipe, seed), found in results:
        report = found["report"]
        spaces = [report["global"].get(key, {}) for key in ("documents", "reference")]
        ratios = [space.get(figure, {}).get("value", np.nan) for space in spaces for figure in ("participation_ratio", "relative_contrast")]
        figures = " | ".join(f"{value:.2f}" for value in ratios)
        effect = "{gain:+.3f} ({low:+.3f} to {high:+.3f})".format(**report["global"]["ndcg@5"])
        training = f"{recipe}, seed {seed}" if recipe in HEALTHY else recipe
        print(
            f"| {name} | {training} | {report['verdict']} | {figures} | {len(report['hotspots'])} | {effect} | {found['cpu_s'] / 60:.1f} | "
            f"{report['reasons'][0]} |"
        )
    healthy = [found["report"] for (_, recipe, _), found in results if recipe in HEALTHY]
    collapsed = [found["report"] for (_, recipe, _), found in results if recipe not in HEALTHY]
    sound = [report for report in healthy if report["global"]["ndcg@5"]["high"] >= 0]
    lost = [report for report in collapsed if report["global"]["ndcg@5"]["high"] < 0]
    print(
        f"\nHealthy trainings: {len(healthy)}, of which {len(sound)} did not surely lose answers; "
        f"false alarms among these: {count(sound, 'red')} red, {count(sound, 'amber')} amber.\n"
        f"Collapsed trainings: {len(collapsed)}, of which {len(lost)} surely lost answers; flagged {count(collapsed, 'red')} red and "
        f"{count(collapsed, 'amber')} amber; misses (green or a note): {count(collapsed, 'green', 'note')}."
    )


def count(reports: Sequence[Mapping[str, Any]], *verdicts: str) -> int:
    """Reports with one of the verdicts."""
    return sum(report["verdict"] in verdicts for report in reports)


if __name__ == "__main__":
    sys.exit(main())
