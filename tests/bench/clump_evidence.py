"""`python -m tests.bench.clump_evidence`: healthy and collapsed trainings on the sample and on Cranfield, the clumping flag of each, false alarms and misses.

Each training leaves a JSON file in `--work`: a run that was broken off goes on where it was. A false alarm is a healthy training that is flagged red; a
miss is a collapsed one that is green or a note. What healthy means is measured, not assumed: NDCG@5 on the held-out anchors stands beside each verdict.
`--smallest` trains a few steps of two variants on the sample, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import sample_data
from core.evaluation.guard import list_guard_texts
from core.geometry.clumps import MAX_DOCUMENTS, Search, find_clumps
from core.geometry.gap import Questions
from core.geometry.projection import sample_rows
from core.model import Part
from core.retrieval.encoder import Encoder, load_transformer
from core.tuning.dataset import build_rows
from core.tuning.generic import mix_generic, read_generic_for
from core.tuning.merge import merge_with_base
from core.tuning.train import train_model
from core.workspace import replace_file
from tests.bench.collapsed import MISTAKES, choose_pairs, group_by_nearness, pull_together
from tests.bench.quality.prepare import Prepared, prepare
from tests.bench.quality.trainings import our_config, read_part

HEALTHY: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours, another seed": {"seed": 1},
    "a faster rate": {"learning_rate": 5e-5},
    "no hard negatives": {"negatives": 0},
    "guided loss": {"loss": "gist"},
    "no blending, no mixing": {"merge": False, "generic_share": 0.0},
}
COLLAPSED_EPOCHS, COLLAPSED_PAIRS, COLLAPSED_RATE = 3, 1_000, 5e-5
NEARBY = 20
"""Classes made of documents that have none."""


def main() -> int:
    """Train what is missing, print all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.clump_evidence", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/clump-evidence"))
    parser.add_argument("--collections", nargs="+", choices=["sample", "cranfield"], default=["sample", "cranfield"])
    parser.add_argument("--smallest", action="store_true")
    chosen = parser.parse_args()
    variants = [*HEALTHY, *MISTAKES]
    if chosen.smallest:
        chosen.collections, variants = ["sample"], ["ours", "alike"]
    results = []
    for name in chosen.collections:
        for variant in variants:
            path = chosen.work / ("smallest" if chosen.smallest else "results") / f"{name}-{variant.replace(' ', '-').replace(',', '')}.json"
            if not path.exists():
                print(f"{name}: {variant} …", file=sys.stderr, flush=True)
                result = run_variant(prepare(name, chosen.work), variant, small=chosen.smallest)
                path.parent.mkdir(parents=True, exist_ok=True)
                with replace_file(path) as partial:
                    partial.write_text(json.dumps(result), encoding="utf-8")
            results.append((name, variant, json.loads(path.read_text(encoding="utf-8"))))
    print_table(results)
    return 0


def run_variant(data: Prepared, variant: str, *, small: bool) -> dict[str, Any]:
    """Train one variant and give its clumping report, by row."""
    base = Encoder(data.base)
    tuned = Encoder(data.base, train_healthy(data, HEALTHY[variant], small) if variant in HEALTHY else train_collapsed(data, base, variant, small))
    return measure(data, base, tuned)


def train_healthy(data: Prepared, changes: Mapping[str, Any], small: bool) -> Any:
    """What the app would train, with some settings changed."""
    config = replace(our_config(data, 0), **changes)
    rows = build_rows(data.snapshot, config, data.twins)
    if small:
        config, rows = replace(config, epochs=1, evaluations=1, merge=False, generic_share=0.0), rows[: 2 * config.batch]
    generic = mix_generic(rows, read_generic_for(config, list_guard_texts()), config) if config.generic_share else []
    dev = read_part(data, Part.DEV)
    with tempfile.TemporaryDirectory() as folder:
        trained = train_model(data.base, rows, generic, dev, config, Path(folder), lambda *_: None, lambda *_: True)
    if config.merge:
        merge_with_base(data.base, trained.model, dev, lambda *_: None)
    return trained.model.eval()


def train_collapsed(data: Prepared, base: Encoder, mistake: str, small: bool) -> Any:
    """The same base, trained by a mistake."""
    contents = {document.id: document.content for document in data.documents}
    answers = [(anchor.text, contents[item]) for anchor in data.snapshot.part(Part.TRAIN) for item in anchor.positives if item in contents]
    classes: dict[str, list[str]] = {}
    for document in data.documents:
        classes.setdefault(document.fields.get("clause_type", ""), []).append(document.content)
    if len(classes) == 1:
        texts = list(contents.values())
        classes = group_by_nearness(texts, base.encode(texts), groups=NEARBY)
    model = load_transformer(data.base)
    pairs = choose_pairs(mistake, answers, classes, n=32 if small else COLLAPSED_PAIRS)
    pull_together(model, pairs, epochs=1 if small else COLLAPSED_EPOCHS, learning_rate=COLLAPSED_RATE)
    return model


def measure(data: Prepared, base: Encoder, tuned: Encoder) -> dict[str, Any]:
    """The report on the collection's documents, the reference set and the held-out anchors."""
    rows = sample_rows(len(data.documents), MAX_DOCUMENTS)
    row_of = {data.documents[row].id: place for place, row in enumerate(rows.tolist())}
    texts = [data.documents[row].content for row in rows]
    lines = sample_data.REFERENCE_TEXTS.read_text(encoding="utf-8").splitlines()
    references = [json.loads(line)["text"] for line in lines]
    test = data.snapshot.part(Part.TEST)
    grades = [{row_of[item]: grade for item, grade in anchor.positives.items() if item in row_of} for anchor in test]
    groups = [data.groups.get(anchor.id, anchor.id) for anchor in test]
    documents = [encoder.encode(texts, encoder.record.document_prompt) for encoder in (base, tuned)]
    questions = [Questions(encoder.encode_queries([anchor.text for anchor in test]), grades, groups) for encoder in (base, tuned)]
    before, after = (encoder.encode(references, encoder.record.document_prompt) for encoder in (base, tuned))
    search = Search(questions[0], questions[1], documents[0], documents[1])
    return find_clumps(documents[0], documents[1], reference_base=before, reference_tuned=after, search=search).to_json()


def print_table(results: list[tuple[str, str, dict[str, Any]]]) -> None:
    """A line a training, then how often the flag was wrong."""
    print(f"{'collection':<11} {'training':<24} {'verdict':<8} {'PR D':>6} {'RC D':>6} {'PR R':>6} {'RC R':>6} {'spots':>5} {'NDCG@5':>7}  reason")
    for name, variant, result in results:
        spaces = [result["global"].get(key, {}) for key in ("documents", "reference")]
        ratios = [space.get(figure, {}).get("value", np.nan) for space in spaces for figure in ("participation_ratio", "relative_contrast")]
        change = result["global"].get("ndcg@5", {}).get("gain", np.nan)
        figures = " ".join(f"{value:>6.2f}" for value in ratios)
        print(f"{name:<11} {variant:<24} {result['verdict']:<8} {figures} {len(result['hotspots']):>5} {change:>+7.3f}  {result['reasons'][0]}")
    healthy = [result for _, variant, result in results if variant in HEALTHY]
    collapsed = [result for _, variant, result in results if variant not in HEALTHY]
    alarms = sum(result["verdict"] == "red" for result in healthy)
    missed = sum(result["verdict"] in ("green", "note") for result in collapsed)
    print(f"false alarms (healthy and red): {alarms} of {len(healthy)}; misses (collapsed and green or a note): {missed} of {len(collapsed)}")


if __name__ == "__main__":
    sys.exit(main())
