"""`suspicious`: answers whose label was taken away, found again at the head of the queue, against a random order of the same queue.

Not a time: the first two figures are shares of hidden answers, among the first `FIRST` records and among all that are queued, and the ratio is what the
order is worth. What was set aside is in no queue, so it is no part of the order that ours is held against; its share is printed beside.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

import sample_data
from core.curation.mining import Mining, MiningInput, mine_candidates
from core.curation.near_duplicates import group_near_duplicates
from core.ingest.beir import read_beir
from core.model import Candidate, CandidateStatus
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


def count_share(found: Sequence[Candidate], hidden: set[tuple[str, str]]) -> float:
    """The share of hidden answers among the candidates; 0 where there are none."""
    return sum((item.anchor_id, item.document_id) in hidden for item in found) / max(1, len(found))


def measure_order(found: Sequence[Candidate], hidden: set[tuple[str, str]]) -> dict[str, float]:
    """Shares of hidden answers: among the first records of the queue, all suspicious ones, the whole queue, and all candidates, those set aside included."""
    likely = [item for item in found if item.status == CandidateStatus.SUSPICIOUS]
    return {
        "first": count_share([item for item in likely if not item.audit][:FIRST], hidden),
        "suspicious": count_share(likely, hidden),
        "queued": count_share([item for item in found if item.status != CandidateStatus.SET_ASIDE], hidden),
        "all": count_share(found, hidden),
    }


def run() -> Row:
    """Mean over `SEEDS` choices of what to hide."""
    data = read_input()
    shares, number = [], []
    for seed in range(SEEDS):
        seen, hidden = hide_answers(data, seed)
        shares.append(measure_order(mine_candidates(seen), hidden))
        number.append(len(hidden))
    mean = {name: float(np.mean([share[name] for share in shares])) for name in shares[0]}
    first = [share["first"] for share in shares]
    notes = f"shares of hidden answers, not seconds: first {FIRST} {mean['first']:.2f} ({min(first):.2f}–{max(first):.2f}), "
    notes += f"all suspicious {mean['suspicious']:.3f}, the queue (suspicious and proposed) {mean['queued']:.3f}, "
    notes += f"all candidates, those set aside included, {mean['all']:.3f}; about {np.mean(number):.0f} hidden, {SEEDS} seeds, contracts sample"
    return Row("suspicious", mean["first"], mean["queued"], mean["first"] / mean["queued"], "≥ 3", notes)
