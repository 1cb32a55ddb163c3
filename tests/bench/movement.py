"""`python -m tests.bench.movement`: how far documents move on the map under healthy and collapsed models, against the noise floor.

It asks whether movement tells one from the other, and how near it comes to that of places shuffled at random. The models are those that `python -m
tests.bench.clump_evidence` keeps in the same work folder; those that are not there are left out. Each is drawn with two seeds, the base with `SEEDS` more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.geometry.nearest import find_neighbours
from core.geometry.neighbours import K, neighbour_overlap
from core.geometry.projection import NEIGHBOURS, displacement, draw_base, draw_tuned, measure_shuffled
from core.retrieval.encoder import Encoder, load_transformer
from core.retrieval.models import describe_model
from tests.bench.quality.prepare import prepare
from tests.bench.quality.trainings import model_folder

SEEDS = (1, 2, 3, 4)
TRAININGS = ("ours", "article", "same-class", "one-point", "alike")


def main() -> int:
    """Draw and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.movement", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/quality"), help="the work folder of the quality benchmark")
    parser.add_argument("--collection", default="sample")
    chosen = parser.parse_args()
    data = prepare(chosen.collection, chosen.work)
    contents = [document.content for document in data.documents]
    base = Encoder(data.base).encode(contents, data.base.document_prompt)
    near = find_neighbours(base, NEIGHBOURS - 1)
    layout = draw_base(base, near=near)
    shuffled = measure_shuffled(layout)
    floor = [displacement(draw_tuned(base, layout, seed=seed, near=near), layout) for seed in SEEDS]
    print("| model | seed | moved / radius | times the noise floor | of shuffled places | neighbours kept |\n|---|---|---|---|---|---|")
    for seed, moved in zip(SEEDS, floor, strict=True):
        print(f"| base | {seed} | {moved:.3f} | {moved / floor[0]:.1f} | {moved / shuffled:.0%} | 100% |", flush=True)
    for name in TRAININGS:
        folder = model_folder(data, name, 0)
        if not (folder / "modules.json").exists():
            print(f"{folder} is not there: it is left out", file=sys.stderr)
            continue
        tuned = Encoder(data.base, load_transformer(describe_model(str(folder)))).encode(contents, data.base.document_prompt)
        found = find_neighbours(tuned, NEIGHBOURS - 1)
        kept = float(neighbour_overlap(near.rows[:, :K], found.rows[:, :K]).mean())
        for seed in (0, 1):
            moved = displacement(draw_tuned(tuned, layout, seed=seed, near=found), layout)
            print(f"| {name} | {seed} | {moved:.3f} | {moved / floor[0]:.1f} | {moved / shuffled:.0%} | {kept:.0%} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
