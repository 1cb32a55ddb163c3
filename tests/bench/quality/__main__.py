"""`python -m tests.bench.quality`: train every cell of collection × recipe × seed that is not done yet, then print the table; `--choose` for defaults.

Each cell is a process of its own with one thread, two at a time by default, and leaves a JSON file: a run that was broken off goes on where it was.
`--choose` trains ours with each of `CHOICES` and prints development figures only; the test part is not read for it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

CHOICES: dict[str, dict[str, object]] = {
    "default": {},
    "slow": {"learning_rate": 3e-5},
    "guided": {"loss": "gist"},
    "long": {"epochs": 3, "learning_rate": 3e-5, "evaluations": 6},
    "no-negatives": {"negatives": 0},
    "one-negative": {"negatives": 1},
    "generic-30": {"generic_share": 0.3},
    "frozen-2": {"frozen_layers": 2},
    "frozen-3": {"frozen_layers": 3},
}
"""Changes to the settings that defaults are chosen among."""
VARIANTS: dict[str, dict[str, object]] = {"guided": {"loss": "gist"}}
"""Changes whose models are kept as well and that no table compares: for what looks at healthy models (`tests.bench.clump_evidence`)."""
Cell = tuple[str, str, int]
COLLECTIONS = ("sample", "cranfield", "stackfaq")
RECIPES = ("base", "article", "ours")


def main() -> int:
    """Prepare, train what is missing, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quality", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/quality"), help="projects and results")
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=list(COLLECTIONS))
    parser.add_argument("--recipes", nargs="+", choices=[*RECIPES, *VARIANTS], default=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--choose", nargs="*", choices=list(CHOICES), help="development figures of these changes instead; all where none is named")
    parser.add_argument("--table", action="store_true", help="only print what is done")
    parser.add_argument("--cell", nargs=3, metavar=("COLLECTION", "RECIPE", "SEED"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.cell:
        run_cell(chosen.work, *chosen.cell)
        return 0
    chosen.collections = list_present(chosen.collections)
    recipes = [f"choose:{name}" for name in chosen.choose or CHOICES] if chosen.choose is not None else chosen.recipes
    cells = [(name, recipe, seed) for seed, name, recipe in product(range(chosen.seeds), chosen.collections, recipes) if recipe != "base" or seed == 0]
    missing = [] if chosen.table else list_missing(chosen.work, cells)
    with ThreadPoolExecutor(chosen.jobs) as pool:
        failed = sum(pool.map(lambda cell: start_cell(chosen.work, *cell), missing))
    from tests.bench.quality.table import print_choices, print_table

    if chosen.choose is None:
        print_table(chosen.work, chosen.collections, chosen.seeds)
    else:
        print_choices(chosen.work, chosen.collections, recipes, chosen.seeds)
    return 1 if failed else 0


def list_present(names: Sequence[str]) -> list[str]:
    """The collections that are on this machine; what is skipped is said."""
    from tests.bench.quality.prepare import SOURCES

    for name in names:
        if not SOURCES[name].is_dir():
            print(f"{name}: skipped, as there is no {SOURCES[name]} (set PAIRSMITH_COLLECTIONS)", file=sys.stderr)
    return [name for name in names if SOURCES[name].is_dir()]


def list_missing(work: Path, cells: Sequence[Cell]) -> list[Cell]:
    """The cells that are not done, or were done with other settings than now."""
    from tests.bench.quality.prepare import prepare
    from tests.bench.quality.trainings import name_settings

    found = []
    for name in dict.fromkeys(name for name, _, _ in cells):
        data = prepare(name, work)
        for cell in (item for item in cells if item[0] == name):
            _, recipe, seed = cell
            changes = find_changes(recipe)
            path = cell_path(work, *cell)
            now = name_settings(data, recipe if changes is None else "ours", seed, changes)
            if not path.exists() or json.loads(path.read_text(encoding="utf-8")).get("settings") != now:
                found.append(cell)
    return sorted(found, key=cells.index)


def find_changes(recipe: str) -> dict[str, object] | None:
    """The changes that a recipe makes to our settings; None where it is a recipe of its own."""
    return CHOICES[recipe.removeprefix("choose:")] if recipe.startswith("choose:") else VARIANTS.get(recipe)


def cell_path(work: Path, name: str, recipe: str, seed: int) -> Path:
    """Where a cell's result lies."""
    return work / "results" / f"{name}-{recipe.replace(':', '-')}-{seed}.json"


def start_cell(work: Path, name: str, recipe: str, seed: int) -> bool:
    """Train a cell in a process of its own; whether it failed."""
    print(f"{name} {recipe} seed {seed} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "tests.bench.quality", "--work", str(work), "--cell", name, recipe, str(seed)]
    return subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False).returncode != 0


def run_cell(work: Path, name: str, recipe: str, seed: str) -> None:
    """Train and measure one cell; its file appears whole or not at all."""
    from core.model import Part
    from core.workspace import replace_file
    from tests.bench.quality.prepare import prepare
    from tests.bench.quality.trainings import measure_base, train_article, train_ours

    data = prepare(name, work)
    if recipe.startswith("choose:"):
        result = train_ours(data, int(seed), Part.DEV, find_changes(recipe))
    elif recipe == "ours" or recipe in VARIANTS:
        result = train_ours(data, int(seed), Part.TEST, find_changes(recipe), keep_as=recipe)
    elif recipe == "article":
        result = train_article(data, int(seed), Part.TEST)
    else:
        result = measure_base(data, Part.TEST)
    path = cell_path(work, name, recipe, int(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as partial:
        partial.write_text(json.dumps(result.to_json()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
