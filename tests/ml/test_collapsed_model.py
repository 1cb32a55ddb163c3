"""Models that were really collapsed, by pairs pulled together with nothing that pushes apart, are flagged; the one they were made from is not.

The tiny model is untrained, which is one point already; so it first learns to tell clauses apart, by their halves, with the other halves as negatives.
Of two layers and 32 dimensions it collapses onto one direction and keeps the shape of what is left, so that hotspots speak and the ratios do not; which
figures speak for the embedded default is for `python -m tests.bench.clump_evidence` to show.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

import sample_data
from core.geometry.clumps import ClumpReport, find_clumps
from core.ingest.beir import read_beir
from core.ingest.bundle import Bundle
from core.retrieval.encoder import Encoder, load_transformer
from core.retrieval.models import describe_model
from tests.bench.collapsed import MISTAKES, choose_pairs, pull_together

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def contracts() -> Bundle:
    return read_beir(sample_data.CONTRACTS)


@pytest.fixture(scope="module")
def spread(tiny_model: Path, contracts: Bundle) -> SentenceTransformer:
    """The tiny model, trained to find the second half of a clause by its first."""
    words = [document.content.split() for document in contracts.documents]
    halves = {"first": [" ".join(row[: len(row) // 2]) for row in words], "second": [" ".join(row[len(row) // 2 :]) for row in words]}
    model = load_transformer(describe_model(str(tiny_model)))
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=folder,
            num_train_epochs=4,
            per_device_train_batch_size=32,
            learning_rate=3e-3,
            seed=0,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        loss = MultipleNegativesRankingLoss(model)
        SentenceTransformerTrainer(model=model, args=arguments, train_dataset=Dataset.from_dict(halves), loss=loss).train()
    return model.eval()


def encode(tiny_model: Path, model: SentenceTransformer, texts: Sequence[str]) -> np.ndarray:
    return Encoder(describe_model(str(tiny_model)), model).encode(texts)


def compare(tiny_model: Path, base: SentenceTransformer, tuned: SentenceTransformer, contracts: Bundle) -> ClumpReport:
    texts = [document.content for document in contracts.documents]
    return find_clumps(encode(tiny_model, base, texts), encode(tiny_model, tuned, texts))


def test_the_model_itself_is_green(tiny_model: Path, spread: SentenceTransformer, contracts: Bundle) -> None:
    assert compare(tiny_model, spread, spread, contracts).verdict == "green"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_model_trained_with_nothing_that_pushes_apart_is_flagged(tiny_model: Path, spread: SentenceTransformer, contracts: Bundle, mistake: str) -> None:
    texts = {document.id: document.content for document in contracts.documents}
    anchors = {anchor.id: anchor.text for anchor in contracts.anchors}
    answers = [(anchors[item.anchor_id], texts[item.document_id]) for item in contracts.judgements if item.grade > 1]
    classes: dict[str, list[str]] = {}
    for document in contracts.documents:
        classes.setdefault(document.fields["clause_type"], []).append(document.content)
    collapsed = copy.deepcopy(spread)
    pull_together(collapsed, choose_pairs(mistake, answers, classes, n=320), epochs=3, learning_rate=3e-3)
    report = compare(tiny_model, spread, collapsed, contracts)
    before, after = (report.figures["documents"]["mean_cosine"][side] for side in ("base", "tuned"))
    assert before < 0.8
    assert after > 0.99
    assert report.verdict in ("amber", "red"), report.reasons
