"""`python -m tests.bench [NAME …]`: run the benchmarks named, or all; print the table and write build/bench.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench import (
    embed_again,
    embed_exact,
    embed_int8,
    evaluate,
    first_page,
    map_drawing,
    map_page,
    map_scale,
    mine,
    queue_page,
    reindex,
    suspicious,
    train,
    value_meter,
)
from tests.bench.harness import format_table, write_rows

BENCHMARKS = {
    "embed-exact": embed_exact.run,
    "embed-int8": embed_int8.run,
    "embed-again": embed_again.run,
    "train": train.run,
    "train-uneven": train.run_uneven,
    "evaluate": evaluate.run,
    "first-page": first_page.run,
    "mine": mine.run,
    "suspicious": suspicious.run,
    "value-meter": value_meter.run,
    "queue-page": queue_page.run,
    "reindex": reindex.run,
    "map": map_drawing.run,
    "map-scale": map_scale.run,
    "map-page": map_page.run,
}


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which benchmarks; all where none is named")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    rows = []
    for name in arguments.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        rows.append(BENCHMARKS[name]())
    write_rows(rows, arguments.out)
    print(format_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
