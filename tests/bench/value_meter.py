"""`value-meter`: what a quick adapter gains on Cranfield's held-out queries, in seconds, against tuning the whole model on the same pairs.

60 % of the queries train, 40 % are held out (seeded); a fifth of the training queries chooses the adapter's step, so it learns from fewer pairs than the
tuned model, which gets them all: plain MultipleNegativesRankingLoss, two epochs, batch 32, 2e-5. The held-out queries are read once, at the end.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.evaluation.significance import Difference, compare_scores
from core.evaluation.vector_ndcg import score_vectors
from core.ingest.beir import read_beir
from core.model import Judgement, ModelRecord
from core.retrieval.encoder import Encoder, load_transformer
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.retrieval.vectors import Floats
from core.tuning.adapter import AdapterConfig, DevelopmentSet, apply_adapter, fit_adapter
from core.tuning.value_meter import build_labels
from tests.bench.harness import Row
from tests.conftest import COLLECTIONS

TARGET = 0.6
MIN_GRADE = 2
TRAIN_SHARE, DEVELOPMENT_SHARE = 0.6, 0.2


def run() -> Row:
    """Fit, tune, measure both on the held-out queries."""
    if not (COLLECTIONS / "cranfield" / "corpus.jsonl").exists():
        note = f"skipped: the test collections are not at {COLLECTIONS} (set PAIRSMITH_COLLECTIONS)"
        return Row("value-meter", 0.0, None, None, f"≥ {TARGET:.0%}", note)
    bundle = read_beir(COLLECTIONS / "cranfield")
    record = describe_model(EMBEDDED_DEFAULT)
    encoder = Encoder(record)
    contents = [document.content for document in bundle.documents]
    row_of = {document.id: row for row, document in enumerate(bundle.documents)}
    events: dict[str, list[Judgement]] = {}
    for event in bundle.judgements:
        events.setdefault(event.anchor_id, []).append(event)
    texts = {anchor.id: anchor.text for anchor in bundle.anchors}
    grades = {anchor: {row_of[event.document_id]: event.grade for event in found} for anchor, found in events.items()}
    train, held_out = split_queries([anchor.id for anchor in bundle.anchors if any(grade > 0 for grade in grades.get(anchor.id, {}).values())])
    development = train[: round(len(train) * DEVELOPMENT_SHARE)]
    fitted = train[len(development) :]
    documents, queries = encoder.encode(contents), dict(zip(texts, encoder.encode_queries(list(texts.values())), strict=True))

    def stack(anchors: Sequence[str]) -> Floats:
        return np.stack([queries[anchor] for anchor in anchors])

    began = time.perf_counter()
    labels = [build_labels(events[anchor], row_of, min_grade=MIN_GRADE) for anchor in fitted]
    chooser = DevelopmentSet(stack(development), [grades[anchor] for anchor in development], development)
    adapter = fit_adapter(stack(fitted), documents, labels, chooser, AdapterConfig())
    ours = time.perf_counter() - began
    pairs = [(texts[anchor], contents[row]) for anchor in train for row in build_labels(events[anchor], row_of, min_grade=MIN_GRADE).positives]
    began = time.perf_counter()
    tuned = tune_whole(record, pairs)
    theirs = time.perf_counter() - began
    held_grades = [grades[anchor] for anchor in held_out]
    held_texts = [texts[anchor] for anchor in held_out]
    base = score(held_out, stack(held_out), documents, held_grades)
    adapted = compare_scores(base, score(held_out, apply_adapter(adapter.weights, stack(held_out)), documents, held_grades))
    whole = compare_scores(base, score(held_out, tuned.encode_queries(held_texts), tuned.encode(contents), held_grades))
    mean = float(np.mean(list(base.values())))
    reached = adapted.gain / whole.gain if whole.gain > 0 else float("inf")
    notes = (
        f"{reached:.0%} of full tuning's gain; NDCG@5 on {len(held_out)} held-out queries {mean:.3f} → {describe(adapted, mean)} with the adapter "
        f"(step {adapter.step}), {describe(whole, mean)} tuned on {len(pairs)} pairs"
    )
    return Row("value-meter", ours, theirs, theirs / ours, f"≥ {TARGET:.0%}", notes)


def split_queries(anchors: Sequence[str], seed: int = 0) -> tuple[list[str], list[str]]:
    """Training and held-out queries, in random order."""
    order = [anchors[place] for place in np.random.default_rng(seed).permutation(len(anchors))]
    count = round(TRAIN_SHARE * len(order))
    return order[:count], order[count:]


def score(anchors: Sequence[str], queries: Floats, documents: Floats, grades: Sequence[Mapping[int, int]]) -> dict[str, float]:
    """NDCG@5 by query."""
    return dict(zip(anchors, score_vectors(queries, documents, grades).tolist(), strict=True))


def describe(difference: Difference, base: float) -> str:
    """The value reached and the gain with its interval."""
    return f"{base + difference.gain:.3f} ({difference.gain:+.3f}, {difference.low:+.3f} to {difference.high:+.3f})"


def tune_whole(record: ModelRecord, pairs: Sequence[tuple[str, str]]) -> Encoder:
    """The raw library's usual recipe on the pairs; returns the tuned model."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    model = load_transformer(record)
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=str(Path(folder)),
            num_train_epochs=2,
            per_device_train_batch_size=32,
            learning_rate=2e-5,
            warmup_steps=0.1,
            seed=0,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        data = Dataset.from_dict({"anchor": [pair[0] for pair in pairs], "positive": [pair[1] for pair in pairs]})
        SentenceTransformerTrainer(model=model, args=arguments, train_dataset=data, loss=MultipleNegativesRankingLoss(model)).train()
    return Encoder(record, model.eval())
