"""The figures of the cells that are done, as Markdown tables."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.evaluation.significance import Difference, compare_scores
from core.model import Part
from tests.bench.quality.__main__ import cell_path
from tests.bench.quality.prepare import prepare

Cell = Mapping[str, Any]


def print_table(work: Path, collections: Sequence[str], seeds: int) -> None:
    """Held-out NDCG@5 of the base and of both recipes, the mean over seeds; the interval is that of the per-anchor means, anchors resampled by component."""
    print("| collection | system | seeds | NDCG@5 (seeds) | gain on base (95 % interval) | over the article's (95 % interval) | guard loss | CPU min |")
    print("|---|---|---|---|---|---|---|---|")
    notes = []
    for name in collections:
        base = read_cell(work, name, "base", 0)
        if base is None:
            continue
        data = prepare(name, work)
        notes.append(
            f"{name}: {data.count(Part.TRAIN)} training, {data.count(Part.DEV)} development, {data.count(Part.TEST)} test anchors, "
            f"{len(data.documents):,} documents.{' ' + data.warning if data.warning else ''}"
        )
        print(f"| {name} | base | | {mean(base['scores']):.3f} | | | | |")
        article = [cell for seed in range(seeds) if (cell := read_cell(work, name, "article", seed))]
        ours = [cell for seed in range(seeds) if (cell := read_cell(work, name, "ours", seed))]
        for system, cells in (("article's recipe", article), ("Pairsmith", ours)):
            if not cells:
                continue
            each = " ".join(f"{mean(cell['scores']):.3f}" for cell in cells)
            gain = say(compare_scores(base["scores"], average(cells), data.groups))
            over = say(compare_scores(average(article), average(cells), data.groups)) if cells is ours and article else ""
            loss = base["guard"] - statistics.fmean(cell["guard"] for cell in cells)
            minutes = statistics.fmean(cell["cpu_s"] for cell in cells) / 60
            print(f"| {name} | {system} | {len(cells)} | {mean(average(cells)):.3f} ({each}) | {gain} | {over} | {loss:+.3f} | {minutes:.1f} |")
    print("\n" + "\n".join(notes))


def print_choices(work: Path, collections: Sequence[str], recipes: Sequence[str], seeds: int) -> None:
    """Development NDCG@5 and guard loss of each change: unblended, blended and the weight, means over seeds."""
    print("| collection | change | seeds | dev base | dev unblended | guard loss unblended | weight | dev blended | guard loss blended | CPU min |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in collections:
        for recipe in recipes:
            cells = [cell for seed in range(seeds) if (cell := read_cell(work, name, recipe, seed))]
            if not cells:
                continue
            values = [statistics.fmean(column) for column in zip(*map(_list_figures, cells), strict=True)]
            figures = " | ".join(form.format(value) for form, value in zip(FORMS, values, strict=True))
            print(f"| {name} | {recipe.removeprefix('choose:')} | {len(cells)} | {figures} |")


FORMS = ("{:.3f}", "{:.3f}", "{:+.3f}", "{:.2f}", "{:.3f}", "{:+.3f}", "{:.1f}")


def _list_figures(cell: Cell) -> list[float]:
    more = cell["more"]
    at = {point["weight"]: point for point in more["points"]}
    whole, chosen = at[1.0], at[more["weight"]]
    losses = [more["base_guard"] - point["guard"] for point in (whole, chosen)]
    return [more["dev_base"], whole["dev"], losses[0], more["weight"], chosen["dev"], losses[1], cell["cpu_s"] / 60]


def read_cell(work: Path, name: str, recipe: str, seed: int) -> Cell | None:
    """A cell's result, or None where it is not done."""
    path = cell_path(work, name, recipe, seed)
    found: Cell | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def average(cells: Sequence[Cell]) -> dict[str, float]:
    """The mean over seeds, by anchor."""
    return {anchor: statistics.fmean(cell["scores"][anchor] for cell in cells) for anchor in cells[0]["scores"]} if cells else {}


def mean(scores: Mapping[str, float]) -> float:
    """The mean over anchors."""
    return statistics.fmean(scores.values())


def say(difference: Difference) -> str:
    """A gain with its interval."""
    return f"{difference.gain:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
