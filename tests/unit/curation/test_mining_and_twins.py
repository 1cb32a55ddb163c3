"""Mining and near-duplicates on vectors made by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.curation import near_duplicates
from core.curation.mining import Mining, MiningInput, mine_candidates
from core.curation.near_duplicates import group_near_duplicates
from core.model import CandidateStatus


def unit(degrees: list[float]) -> np.ndarray:
    turns = np.radians(degrees)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)


def data(**more: object) -> MiningInput:
    """Anchor `a` at 0°, its answer `d20` at 20°, and documents named by their angle."""
    angles = [5, 20, 25, 40, 60, 80]
    values: dict = {"document_ids": [f"d{n:02}" for n in angles], "documents": unit(angles), "anchor_ids": ["a"], "anchors": unit([0])}
    return MiningInput(**values | {"lexical": {}, "grades": {"a": {"d20": 3}}, "model_id": "m"} | more)


def status_of(found: list) -> dict[str, CandidateStatus]:
    return {item.document_id: item.status for item in found}


def test_what_is_as_near_as_the_answers_is_shown_first_and_marked_suspicious():
    found = mine_candidates(data())
    assert [item.document_id for item in found] == ["d05", "d25", "d40", "d60", "d80"]
    assert [item.status for item in found] == [CandidateStatus.SUSPICIOUS] * 2 + [CandidateStatus.PROPOSED] * 3
    assert [item.priority for item in found] == [5, 4, 3, 2, 1]
    assert [item.dense_rank for item in found] == [1, 3, 4, 5, 6]
    assert found[1].ratio == pytest.approx(np.cos(np.radians(25)) / np.cos(np.radians(20)), rel=1e-5)
    assert found[1].similarity == pytest.approx(np.cos(np.radians(25)), rel=1e-5)


def test_judged_closed_and_forbidden_documents_are_never_candidates():
    found = mine_candidates(data(grades={"a": {"d20": 3, "d40": 0}}, closed=frozenset({("a", "d60"), ("b", "d05")}), forbidden=frozenset({"d25"})))
    assert [item.document_id for item in found] == ["d05", "d80"]


def test_the_ratio_is_to_the_lowest_answer_that_is_more_than_a_touch():
    assert status_of(mine_candidates(data(grades={"a": {"d20": 3, "d60": 2}})))["d40"] == CandidateStatus.SUSPICIOUS
    assert status_of(mine_candidates(data(grades={"a": {"d20": 3, "d60": 1}})))["d40"] == CandidateStatus.PROPOSED
    assert status_of(mine_candidates(data(grades={"a": {"d60": 1}})))["d40"] == CandidateStatus.SUSPICIOUS
    assert status_of(mine_candidates(data()))["d40"] == CandidateStatus.PROPOSED


def test_an_answer_that_points_away_gives_no_ratio():
    found = mine_candidates(data(anchors=unit([180]), grades={"a": {"d20": 3}}))
    assert {item.ratio for item in found} == {None}
    assert {item.status for item in found} == {CandidateStatus.PROPOSED}


def test_a_near_duplicate_of_an_answer_is_suspicious_however_far():
    found = mine_candidates(data(twins={"d20": "d20", "d80": "d20"}))
    assert next(item.reason for item in found if item.document_id == "d80") == "near-duplicate of an answer"
    assert status_of(found)["d80"] == CandidateStatus.SUSPICIOUS


def test_words_bring_in_what_meaning_does_not_reach_and_ranks_are_kept():
    found = mine_candidates(data(lexical={"a": ["d80", "d05", "unknown"]}), Mining(depth=2))
    assert {item.document_id: (item.dense_rank, item.lexical_rank) for item in found} == {"d05": (1, 2), "d80": (None, 1)}


def test_what_is_over_the_queues_reach_is_set_aside_with_its_reason():
    found = mine_candidates(data(), Mining(per_anchor=3))
    assert [item.document_id for item in found if item.status == CandidateStatus.SET_ASIDE] == ["d60", "d80"]
    assert all(item.priority < 3 for item in found if item.status == CandidateStatus.SET_ASIDE)


def test_the_candidates_of_an_anchor_stand_together_and_all_suspicious_before_all_proposed():
    found = mine_candidates(data(anchor_ids=["a", "b"], anchors=unit([0, 50]), grades={"a": {"d20": 3}, "b": {"d60": 3}}))
    shown = [(item.status, item.anchor_id) for item in found]
    assert [status for status, _ in shown] == sorted((status for status, _ in shown), key=[CandidateStatus.SUSPICIOUS, CandidateStatus.PROPOSED].index)
    for wanted in (CandidateStatus.SUSPICIOUS, CandidateStatus.PROPOSED):
        anchors = [anchor for status, anchor in shown if status == wanted]
        assert sum(one != other for one, other in itertools.pairwise(anchors)) <= 1


def test_nothing_to_mine_gives_nothing():
    assert mine_candidates(data(grades={})) == []
    assert mine_candidates(data(grades={"a": {"d20": 0}})) == []
    assert mine_candidates(data(document_ids=[], documents=np.zeros((0, 2), np.float32))) == []
    assert mine_candidates(data(anchor_ids=[], anchors=np.zeros((0, 2), np.float32))) == []


@pytest.mark.parametrize("block", [3, 2048])
def test_near_duplicate_groups_are_those_of_brute_force(monkeypatch, block: int):
    monkeypatch.setattr(near_duplicates, "_BLOCK", block)
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(12, 6))
    x = np.repeat(centres, 4, axis=0) + rng.normal(scale=0.12, size=(48, 6))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    ids = [f"d{n:02}" for n in rng.permutation(48)]
    near = x @ x.T > 0.98
    wanted: dict[str, str] = {}
    for row in range(48):
        group, grown = {row}, True
        while grown:
            more = {other for member in group for other in np.flatnonzero(near[member])} | group
            grown, group = more != group, more
        if len(group) > 1:
            wanted[ids[row]] = min(ids[member] for member in group)
    assert len(wanted) > 10
    assert group_near_duplicates(ids, x) == wanted


def test_fewer_than_two_documents_have_no_near_duplicates():
    assert group_near_duplicates([], np.zeros((0, 3), np.float32)) == {}
    assert group_near_duplicates(["a"], np.ones((1, 3), np.float32)) == {}
