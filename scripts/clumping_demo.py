"""A collapsed model that looks beautiful on the map and is flagged: trains it on the sample, draws both maps, prints the report. See docs/clumping-demo.md.

The mistake is that of taking a class for an answer: clauses of one type are pulled together, those of two types pushed apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import sample_data
from core.evaluation.clump_words import say_movement
from core.geometry.clumps import Search, find_clumps
from core.geometry.gap import Questions
from core.geometry.projection import align_layout, displacement, draw_base, measure_noise, measure_shuffled
from core.geometry.references import read_references
from core.geometry.stored_map import name_hotspot
from core.geometry.terms import name_rows
from core.ingest.beir import read_beir
from core.retrieval.encoder import Encoder, load_transformer
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.retrieval.vectors import Floats
from pages._ui.map_chart import draw_map
from pages._ui.map_points import MapPoints, rank_values
from pages._ui.text import escape_hover
from tests.bench.collapsed import EPOCHS, LEARNING_RATE, PAIRS, choose_apart, choose_pairs, pull_together


def main() -> int:
    """Train, draw, print."""
    parser = argparse.ArgumentParser(prog="python -m scripts.clumping_demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/clumping-demo"))
    parser.add_argument("--model", default=EMBEDDED_DEFAULT, help="the base model")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rate", type=float, default=LEARNING_RATE)
    chosen = parser.parse_args()
    bundle = read_beir(sample_data.CONTRACTS)
    texts = [document.content for document in bundle.documents]
    kinds = [document.fields["clause_type"] for document in bundle.documents]
    classes = {kind: [text for text, own in zip(texts, kinds, strict=True) if own == kind] for kind in sorted(set(kinds))}
    record = describe_model(chosen.model)
    base, model = Encoder(record), load_transformer(record)
    together, apart = choose_pairs("same-class", [], classes, n=chosen.pairs), choose_apart(classes, n=chosen.pairs)
    pull_together(model, together, apart=apart, epochs=chosen.epochs, learning_rate=chosen.rate)
    tuned = Encoder(record, model)
    before, after = (encoder.encode(texts, record.document_prompt) for encoder in (base, tuned))
    row_of = {document.id: row for row, document in enumerate(bundle.documents)}
    grades: dict[str, dict[int, int]] = {}
    for item in bundle.judgements:
        grades.setdefault(item.anchor_id, {})[row_of[item.document_id]] = item.grade
    asked = [anchor for anchor in bundle.anchors if anchor.id in grades]
    questions = [Questions(encoder.encode_queries([anchor.text for anchor in asked]), [grades[anchor.id] for anchor in asked]) for encoder in (base, tuned)]
    references = read_references()
    generic = [encoder.encode(references, record.document_prompt) for encoder in (base, tuned)]
    found = find_clumps(before, after, reference_base=generic[0], reference_tuned=generic[1], search=Search(questions[0], questions[1], before, after))
    report = found.to_json([document.id for document in bundle.documents], name_rows([spot.rows for spot in found.hotspots], texts))
    layout = draw_base(before)
    as_drawn = draw_base(after, init=layout)  # before it is laid onto the base's, which gives it the base's size
    tuned_layout = align_layout(as_drawn, layout)
    points = MapPoints([doc.id for doc in bundle.documents], layout, tuned_layout, kinds, [escape_hover(text, 90) for text in texts])
    chosen.out.mkdir(parents=True, exist_ok=True)
    draw_map(points, rank_values(kinds)[:7]).write_html(chosen.out / "maps.html", include_plotlyjs=True)
    (chosen.out / "report.json").write_text(json.dumps(report, indent=2, default=float), encoding="utf-8")
    moved = {"displacement": displacement(tuned_layout, layout), "noise_floor": measure_noise(before, layout), "shuffled": measure_shuffled(layout)}
    tell(report, moved, radius(as_drawn) / radius(layout))
    print(f"The maps are in {chosen.out / 'maps.html'}, the whole report in {chosen.out / 'report.json'}.")
    return 0


def tell(report: Mapping[str, Any], moved: Mapping[str, float], size: float) -> None:
    """The report in lines."""
    print(f"verdict: {report['verdict']}")
    for reason in report["reasons"]:
        print(f"  {reason}")
    for number, spot in enumerate(report["hotspots"], start=1):
        print(f"  {name_hotspot(number, spot)} ({len(spot['ids'])} documents, {spot['closer']:.1f} times closer)")
    if "ndcg@5" in report["global"]:
        print("NDCG@5 on the sample's questions: {gain:+.3f} ({low:+.3f} to {high:+.3f})".format(**report["global"]["ndcg@5"]))
    print(f"on the map: {size:.2f} times as wide as the base's. {say_movement(moved)}")


def radius(places: Floats) -> float:
    """Root mean square distance of the points (n, 2) from their centre."""
    return float(np.sqrt(((places - places.mean(axis=0)) ** 2).sum(axis=1).mean()))


if __name__ == "__main__":
    sys.exit(main())
