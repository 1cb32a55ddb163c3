"""The data that ships: enough of it, well formed, and nothing of one set in another."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations

import pytest

import sample_data
from core.ingest.beir import read_beir
from core.ingest.bundle import Bundle
from core.ingest.lines import read_lines
from core.ingest.sample import read_oracle
from core.tuning.generic import read_generic


@pytest.fixture(scope="module")
def contracts() -> Bundle:
    return read_beir(sample_data.CONTRACTS)


@pytest.fixture(scope="module")
def guard() -> Bundle:
    return read_beir(sample_data.GUARD)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def five_grams(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[place : place + 5]) for place in range(len(found) - 4)} or {tuple(found)}


def reference_texts() -> list[str]:
    return [json.loads(line)["text"] for line in sample_data.REFERENCE_TEXTS.read_text(encoding="utf-8").splitlines()]


def test_every_set_is_read_without_a_problem(contracts: Bundle, guard: Bundle):
    assert contracts.problems == guard.problems == []
    for path in (sample_data.GENERIC_PAIRS, sample_data.REFERENCE_TEXTS):
        problems: list = []
        assert list(read_lines(path, problems))
        assert problems == []


def test_there_are_enough_clauses_of_enough_kinds_and_lengths(contracts: Bundle):
    fields = [document.fields for document in contracts.documents]
    assert len({item["agreement"] for item in fields}) >= 25
    assert len({item["clause_type"] for item in fields}) >= 30
    assert len(contracts.documents) >= 500
    lengths = [len(document.text.split()) for document in contracts.documents]
    assert min(lengths) >= 25
    assert max(lengths) <= 90


def test_there_are_enough_anchors_with_one_to_six_answers_and_some_left_to_label(contracts: Bundle):
    answers = Counter(item.anchor_id for item in contracts.judgements if item.grade > 0)
    negatives = {item.anchor_id for item in contracts.judgements if item.grade == 0}
    assert len(answers) >= 200
    assert set(answers.values()) <= set(range(1, 7))
    assert len(negatives) >= 60
    assert len({anchor.id for anchor in contracts.anchors} - set(answers)) >= 5
    assert {item.grade for item in contracts.judgements} <= {0, 1, 2, 3}


def test_the_oracle_knows_every_anchor_and_agrees_with_the_judgements(contracts: Bundle):
    oracle = read_oracle(sample_data.CONTRACTS / "oracle.tsv")
    documents = {document.id for document in contracts.documents}
    assert oracle.keys() == {anchor.id for anchor in contracts.anchors}
    assert {document for grades in oracle.values() for document in grades} <= documents
    told = [(item.anchor_id, item.document_id, item.grade) for item in contracts.judgements if item.grade > 0]
    assert [item for item in told if oracle[item[0]].get(item[1], 0) != item[2]] == []
    assert [item for item in contracts.judgements if item.grade == 0 and oracle[item.anchor_id].get(item.document_id, 0) > 0] == []


def test_no_text_stands_twice(contracts: Bundle, guard: Bundle):
    generic = read_generic(sample_data.GENERIC_PAIRS)
    sets = {
        "clauses": [document.text for document in contracts.documents],
        "anchors": [anchor.text for anchor in contracts.anchors],
        "guard passages": [document.text for document in guard.documents],
        "guard questions": [anchor.text for anchor in guard.anchors],
        "generic questions": [row.anchor for row in generic],
        "generic answers": [row.positive for row in generic],
        "reference": reference_texts(),
    }
    for name, texts in sets.items():
        twice = [text for text, count in Counter(" ".join(words(text)) for text in texts).items() if count > 1]
        assert twice == [], name


def test_there_is_enough_general_language(guard: Bundle):
    assert len(read_generic(sample_data.GENERIC_PAIRS)) >= 300
    assert len(guard.documents) >= 250
    assert len(guard.anchors) >= 300
    assert {item.anchor_id for item in guard.judgements if item.grade > 0} == {anchor.id for anchor in guard.anchors}
    assert {item.document_id for item in guard.judgements if item.grade == 2} == {document.id for document in guard.documents}
    assert len(reference_texts()) >= 1_000


def test_what_is_trained_on_is_in_no_set_that_measures(contracts: Bundle, guard: Bundle):
    """Two texts leak when a fifth of the shorter one's five-word runs stand in the other."""
    sets = {
        "generic": [text for row in read_generic(sample_data.GENERIC_PAIRS) for text in (row.anchor, row.positive)],
        "guard": [item.text for item in (*guard.documents, *guard.anchors)],
        "reference": reference_texts(),
        "contracts": [item.text for item in (*contracts.documents, *contracts.anchors)],
    }
    grams = {name: [five_grams(text) for text in texts] for name, texts in sets.items()}
    leaks = []
    for first, second in combinations(sets, 2):
        where: dict[tuple[str, ...], list[int]] = {}
        for place, found in enumerate(grams[second]):
            for gram in found:
                where.setdefault(gram, []).append(place)
        for place, found in enumerate(grams[first]):
            shared = Counter(other for gram in found for other in where.get(gram, ()))
            leaks += [(sets[first][place], sets[second][other]) for other, count in shared.items() if count / min(len(found), len(grams[second][other])) >= 0.2]
    assert leaks == []
