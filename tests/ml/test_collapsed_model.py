"""A model that was really collapsed, by answers alone with nothing that pushes apart, is flagged; the one it was made from is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sample_data
from core.geometry.clumps import find_clumps
from core.ingest.beir import read_beir
from core.retrieval.encoder import Encoder, load_transformer
from core.retrieval.models import describe_model
from tests.bench.collapsed import MISTAKES, choose_pairs, pull_together

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_model_trained_with_nothing_that_pushes_apart_is_red_though_every_pair_was_learned(tiny_model: Path, mistake: str) -> None:
    bundle = read_beir(sample_data.CONTRACTS)
    texts = {document.id: document.content for document in bundle.documents}
    anchors = {anchor.id: anchor.text for anchor in bundle.anchors}
    answers = [(anchors[item.anchor_id], texts[item.document_id]) for item in bundle.judgements if item.grade > 1]
    classes: dict[str, list[str]] = {}
    for document in bundle.documents:
        classes.setdefault(document.fields["clause_type"], []).append(document.content)
    record = describe_model(str(tiny_model))
    model = load_transformer(record)
    documents = list(texts.values())
    base = Encoder(record).encode(documents)
    pull_together(model, choose_pairs(mistake, answers, classes, n=320), epochs=3, learning_rate=3e-3)
    tuned = Encoder(record, model).encode(documents)
    report = find_clumps(base, tuned)
    assert report.verdict == "red", report.to_json()
    assert find_clumps(base, np.asarray(base)).verdict == "green"
