"""`python -m tests.bench.near`: development NDCG@5 over the documents near an anchor against all of them, for the models that the quality benchmark left.

A line a share of blending: what a run would choose by, at several numbers of nearest documents. Where the order of the shares is the same, so is the choice.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from core.model import Part
from core.retrieval.encoder import Encoder, load_transformer
from core.tuning.held_out import measure_held_out, narrow, read_held_out
from core.tuning.merge import blend_with_base
from tests.bench.quality.prepare import Prepared, prepare
from tests.bench.quality.trainings import model_folder

NUMBERS = (5, 10, 20)
SHARES = (0.4, 0.7, 1.0)


def main() -> int:
    """Print the table of every collection whose model is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.near", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/quality"))
    parser.add_argument("--collections", nargs="+", default=["sample", "cranfield", "stackfaq"])
    chosen = parser.parse_args()
    print(f"| collection | documents measured ({', '.join(map(str, NUMBERS))} nearest, all) | share | " + " | ".join(map(str, NUMBERS)) + " | all |")
    print("|---|---|---|" + "---|" * (len(NUMBERS) + 1))
    for name in chosen.collections:
        if (chosen.work / name).is_dir() and model_folder(data := prepare(name, chosen.work), "article", 0).is_dir():
            print_collection(data)
    return 0


def print_collection(data: Prepared) -> None:
    """The article's model, whose weights moved freely, blended with the base."""
    dev = read_held_out(data.snapshot, data.documents, Part.DEV)
    base = Encoder(data.base)
    questions, vectors = base.encode_queries(dev.anchors), base.encode([document.content for document in dev.documents], data.base.document_prompt)
    row_of = {document.id: row for row, document in enumerate(dev.documents)}
    sets = [narrow(dev, questions, vectors, nearest=number) for number in NUMBERS] + [dev]
    counts = ", ".join(f"{len(item.documents):,}" for item in sets)
    for share in SHARES:
        model = load_transformer(replace(data.base, location=str(model_folder(data, "article", 0))))
        blend_with_base(data.base, model, share)
        encoder = Encoder(data.base, model)
        found = encoder.encode([document.content for document in dev.documents], data.base.document_prompt)
        figures = [measure_held_out(encoder, item, found[[row_of[document.id] for document in item.documents]]) for item in sets]
        print(f"| {data.name} | {counts} | {share} | " + " | ".join(f"{figure:.4f}" for figure in figures) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
