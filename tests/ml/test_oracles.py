"""Our figures and choices against sentence-transformers' own, where both mean the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sentence_transformers.util import mine_hard_negatives

import sample_data
from core.curation.mining import Mining, MiningInput, mine_candidates
from core.evaluation.measures import average, score_ranking
from core.ingest.beir import read_beir
from core.model import CandidateStatus
from core.retrieval.ranking import search_dense


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> SentenceTransformer:
    return SentenceTransformer(str(tiny_model))


def test_measures_agree_with_the_librarys_evaluator_on_binary_labels(model: SentenceTransformer):
    guard = read_beir(sample_data.GUARD)
    relevant: dict[str, set[str]] = {}
    for item in guard.judgements:
        if item.grade > 0:
            relevant.setdefault(item.anchor_id, set()).add(item.document_id)
    queries = {anchor.id: anchor.text for anchor in guard.anchors}
    documents = {document.id: document.content for document in guard.documents}
    theirs = InformationRetrievalEvaluator(
        queries, documents, relevant, ndcg_at_k=[5, 10], mrr_at_k=[10], precision_recall_at_k=[5, 50], map_at_k=[10], accuracy_at_k=[5], show_progress_bar=False
    )(model)
    vectors, anchors = (np.asarray(model.encode(list(items.values()), normalize_embeddings=True, show_progress_bar=False)) for items in (documents, queries))
    rows, _ = search_dense(anchors, vectors, 100)
    ids = list(documents)
    ranking = {anchor: [ids[row] for row in found] for anchor, found in zip(queries, rows.tolist(), strict=True)}
    ours = average(score_ranking({anchor: dict.fromkeys(found, 1) for anchor, found in relevant.items()}, ranking))
    wanted = {"ndcg@5": theirs["cosine_ndcg@5"], "ndcg@10": theirs["cosine_ndcg@10"], "rr@10": theirs["cosine_mrr@10"]}
    wanted |= {"recall@5": theirs["cosine_recall@5"], "recall@50": theirs["cosine_recall@50"]}
    assert {name: ours[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


def test_dense_candidates_are_the_librarys_hard_negatives(model: SentenceTransformer):
    guard = read_beir(sample_data.GUARD)
    answer = {item.anchor_id: item.document_id for item in guard.judgements if item.grade > 0}
    grades = {item.anchor_id: item.grade for item in guard.judgements}
    single = [anchor for anchor in guard.anchors if sum(item.anchor_id == anchor.id for item in guard.judgements) == 1 and grades[anchor.id] > 0][:20]
    texts = {document.id: document.content for document in guard.documents}
    pairs = Dataset.from_dict({"anchor": [anchor.text for anchor in single], "positive": [texts[answer[anchor.id]] for anchor in single]})
    theirs = mine_hard_negatives(
        pairs,
        model,
        corpus=list(texts.values()),
        range_max=30,
        num_negatives=5,
        sampling_strategy="top",
        output_format="n-tuple",
        verbose=False,
        use_faiss=False,
    )
    margin = mine_hard_negatives(
        pairs,
        model,
        corpus=list(texts.values()),
        range_max=30,
        num_negatives=30,
        relative_margin=0.05,
        sampling_strategy="top",
        output_format="labeled-pair",
        verbose=False,
        use_faiss=False,
    )
    vectors = np.asarray(model.encode(list(texts.values()), normalize_embeddings=True, show_progress_bar=False))
    anchors = np.asarray(model.encode([anchor.text for anchor in single], normalize_embeddings=True, show_progress_bar=False))
    data = MiningInput(list(texts), vectors, [anchor.id for anchor in single], anchors, {}, {anchor.id: {answer[anchor.id]: 1} for anchor in single})
    found: dict[str, list] = {}
    for item in mine_candidates(data, Mining(depth=31, per_anchor=100)):
        found.setdefault(item.anchor_id, []).append(item)
    assert len(theirs) == len(single)
    for anchor, row in zip(single, theirs, strict=True):
        ours = sorted(found[anchor.id], key=lambda item: item.dense_rank)[:5]
        assert [texts[item.document_id] for item in ours] == [row[f"negative_{place}"] for place in range(1, 6)]
    kept = {(row["anchor"], row["positive"]) for row in margin if row["label"] == 0}
    proposed = {
        (anchor.text, texts[item.document_id])
        for anchor in single
        for item in sorted(found[anchor.id], key=lambda item: item.dense_rank)[:30]
        if item.ratio is not None and item.ratio <= 0.95
    }
    assert kept == proposed
    assert all((item.status == CandidateStatus.PROPOSED) == (item.ratio < 0.95) for items in found.values() for item in items)
