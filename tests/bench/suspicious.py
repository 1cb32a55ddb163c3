"""`suspicious`: answers whose label was taken away, found again at the head of the queue, against a random order of the same candidates.

Not a time: the first two figures are shares of hidden answers, among the first `FIRST` records and among all the candidates, and the ratio is what the
order is worth.
"""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np

import sample_data
from core.curation.mining import Mining, MiningInput, mine_candidates
from core.curation.near_duplicates import group_near_duplicates
from core.ingest.beir import read_beir
from core.model import CandidateStatus
from core.retrieval.encoder import Encoder
from core.retrieval.lexical import LexicalIndex
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from tests.bench.harness import Row

FIRST = 50
HIDDEN = 0.3
SEEDS = 5


def read_input() -> MiningInput:
    """The sample's clauses and anchors under the embedded default, with every judgement, BM25 neighbours and near-duplicates."""
    sample = read_beir(sample_data.CONTRACTS)
    record = describe_model(EMBEDDED_DEFAULT)
    encoder = Encoder(record)
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for item in sample.judgements:
        grades[item.anchor_id][item.document_id] = item.grade
    ids, texts = [document.id for document in sample.documents], [document.content for document in sample.documents]
    anchors = [anchor for anchor in sample.anchors if anchor.id in grades]
    vectors = encoder.encode(texts, record.document_prompt)
    index = LexicalIndex(ids, texts)
    lexical = {anchor.id: [document_id for document_id, _ in index.search(anchor.text, Mining.depth)] for anchor in anchors}
    queries = encoder.encode_queries([anchor.text for anchor in anchors])
    return MiningInput(ids, vectors, [a.id for a in anchors], queries, lexical, grades, twins=group_near_duplicates(ids, vectors, texts), salt="bench")


def hide_answers(data: MiningInput, seed: int) -> tuple[MiningInput, set[tuple[str, str]]]:
    """The input without the label of a share of its answers, and those pairs; each anchor keeps an answer at least."""
    rng = random.Random(seed)
    hidden: set[tuple[str, str]] = set()
    for anchor_id in sorted(data.grades):
        answers = sorted(document_id for document_id, grade in data.grades[anchor_id].items() if grade > 0)
        rng.shuffle(answers)
        hidden |= {(anchor_id, document_id) for document_id in answers[1:] if rng.random() < HIDDEN}
    kept = {anchor: {doc: grade for doc, grade in grades.items() if (anchor, doc) not in hidden} for anchor, grades in data.grades.items()}
    return MiningInput(**vars(data) | {"grades": kept}), hidden


def run() -> Row:
    """Mean over `SEEDS` choices of what to hide."""
    data = read_input()
    ours, pool, flagged, number = [], [], [], []
    for seed in range(SEEDS):
        seen, hidden = hide_answers(data, seed)
        found = mine_candidates(seen)
        first = [item for item in found if item.status == CandidateStatus.SUSPICIOUS and not item.audit][:FIRST]
        ours.append(np.mean([(item.anchor_id, item.document_id) in hidden for item in first]))
        likely = [item for item in found if item.status == CandidateStatus.SUSPICIOUS]
        flagged.append(np.mean([(item.anchor_id, item.document_id) in hidden for item in likely]))
        pool.append(np.mean([(item.anchor_id, item.document_id) in hidden for item in found]))
        number.append(len(hidden))
    share, random_share = float(np.mean(ours)), float(np.mean(pool))
    notes = f"shares of hidden answers, not seconds: first {FIRST} {share:.2f} ({min(ours):.2f}–{max(ours):.2f}), "
    notes += f"all suspicious {np.mean(flagged):.3f}, all candidates {random_share:.3f}; "
    notes += f"about {np.mean(number):.0f} hidden, {SEEDS} seeds, contracts sample"
    return Row("suspicious", share, random_share, share / random_share, "≥ 3", notes)
