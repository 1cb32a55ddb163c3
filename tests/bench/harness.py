"""Timing two ways of doing the same work in turn, and writing down what came out."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

REPEATS = 3


@dataclass(frozen=True)
class Row:
    """One benchmark. `ratio` is theirs over ours: above 1 we are faster. None where there is no peer."""

    name: str
    ours_s: float
    theirs_s: float | None
    ratio: float | None
    target: str
    notes: str


def time_in_turn(ours: Callable[[int], object], theirs: Callable[[int], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Median seconds of each, run alternately, after one warm-up of both; each is told which repeat it is."""
    ours(-1)
    theirs(-1)
    taken: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        for seconds, work in zip(taken, (ours, theirs), strict=True):
            began = time.perf_counter()
            work(repeat)
            seconds.append(time.perf_counter() - began)
    return statistics.median(taken[0]), statistics.median(taken[1])


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write `build/bench.json`: a list of the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def format_table(rows: Sequence[Row]) -> str:
    """The rows as a table for a terminal."""
    lines = [f"{'name':<14} {'ours s':>9} {'theirs s':>9} {'ratio':>7}  {'target':<8} notes"]
    for row in rows:
        theirs = "-" if row.theirs_s is None else f"{row.theirs_s:.3f}"
        ratio = "-" if row.ratio is None else f"{row.ratio:.1f}"
        lines.append(f"{row.name:<14} {row.ours_s:>9.3f} {theirs:>9} {ratio:>7}  {row.target:<8} {row.notes}")
    return "\n".join(lines)
