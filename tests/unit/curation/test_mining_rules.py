"""Parents, paraphrases, near-duplicate groups, the reranker and the audit items of the miner; then what holds for every input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.curation.mining import PARENT_REASON, RERANKER_REASON, Mining, MiningInput, mine_candidates
from core.model import Candidate, CandidateStatus, PairsmithError
from tests.unit.curation.test_mining_and_twins import data, status_of, unit


def found_by_id(found: list[Candidate]) -> dict[str, Candidate]:
    return {item.document_id: item for item in found}


@pytest.mark.parametrize(("rule", "status"), [("suspicious", "suspicious"), ("aside", "set_aside"), ("ignore", "proposed")])
def test_a_passage_of_an_answers_parent_is_treated_by_the_rule_and_marked_either_way(rule: str, status: str):
    found = found_by_id(mine_candidates(data(parents={"d20": "contract", "d60": "contract", "d80": "other"}), Mining(same_parent=rule)))
    assert (found["d60"].status, found["d60"].same_parent) == (status, True)
    assert (found["d60"].reason == PARENT_REASON) == (rule != "ignore")
    assert not found["d80"].same_parent


def test_what_makes_no_sense_is_refused_with_what_to_give():
    for wrong in ({"same_parent": "maybe"}, {"depth": 0}, {"per_anchor": 0}, {"suspicious_ratio": -1.0}):
        with pytest.raises(PairsmithError, match="Give"):
            Mining(**wrong)


def test_of_a_near_duplicate_group_the_nearest_alone_is_queued_and_named_by_the_others():
    found = found_by_id(mine_candidates(data(twins={"d40": "g", "d60": "g", "d80": "g"})))
    assert found["d40"].status == CandidateStatus.PROPOSED
    assert {found[item].reason for item in ("d60", "d80")} == {"near-duplicate of d40, which is in the queue"}
    assert {found[item].status for item in ("d60", "d80")} == {CandidateStatus.SET_ASIDE}


def test_a_near_duplicate_of_a_judged_negative_is_set_aside_and_names_it():
    found = found_by_id(mine_candidates(data(grades={"a": {"d20": 3, "d40": 0}}, twins={"d40": "g", "d60": "g"})))
    assert (found["d60"].status, found["d60"].reason) == (CandidateStatus.SET_ASIDE, "near-duplicate of d40, which is judged already")


def test_a_near_duplicate_of_an_answer_names_the_answer():
    assert found_by_id(mine_candidates(data(twins={"d20": "g", "d80": "g"})))["d80"].twin_of == "d20"


def test_what_answers_a_paraphrase_is_no_candidate_of_the_other():
    both = data(anchor_ids=["a", "b"], anchors=unit([0, 1]), grades={"a": {"d20": 3}, "b": {"d25": 3}}, groups={"a": "a", "b": "a"})
    assert not {"d20", "d25"} & {item.document_id for item in mine_candidates(both)}
    apart = mine_candidates(replace(both, groups={}))
    assert ("a", "d25") in {(item.anchor_id, item.document_id) for item in apart}


def test_the_reranker_reads_the_nearest_and_what_it_finds_as_good_as_an_answer_is_suspicious():
    read: list[tuple[str, str]] = []

    def rerank(pairs):
        read.extend(pairs)
        return np.array([{"d40": 0.9, "d20": 0.5}.get(document_id, 0.1) for _, document_id in pairs], np.float32)

    found = found_by_id(mine_candidates(data(rerank=rerank), Mining(rerank_depth=3)))
    assert read == [("a", "d05"), ("a", "d25"), ("a", "d40"), ("a", "d20")]
    assert (found["d40"].status, found["d40"].reason) == (CandidateStatus.SUSPICIOUS, RERANKER_REASON)
    assert found["d40"].reranker == pytest.approx(0.9)
    assert found["d60"].reranker is None


def many(seed: int, *, anchors: int = 12, documents: int = 60, **more: object) -> MiningInput:
    """Vectors of ±1/4 in sixteen dimensions: normalised, and their products exact in whatever order they are summed."""
    rng = np.random.default_rng(seed)
    vectors = (rng.choice([-0.25, 0.25], size=(anchors + documents, 16))).astype(np.float32)
    ids, names = [f"d{n:02}" for n in range(documents)], [f"a{n:02}" for n in range(anchors)]
    grades = {name: {ids[row]: int(rng.integers(0, 4)) for row in rng.choice(documents, 4, replace=False)} for name in names}
    closed = frozenset((names[rng.integers(anchors)], ids[rng.integers(documents)]) for _ in range(10))
    forbidden = frozenset(ids[row] for row in rng.choice(documents, 5, replace=False))
    twins = {ids[row]: f"g{row % 4}" for row in rng.choice(documents, 16, replace=False)}
    parents = {item: f"p{rng.integers(15)}" for item in ids}
    groups = {name: f"q{place // 2}" for place, name in enumerate(names[:6])}
    lexical = {name: [ids[row] for row in rng.choice(documents, 10, replace=False)] for name in names}
    values: dict = {"closed": closed, "forbidden": forbidden, "twins": twins, "parents": parents, "groups": groups, "salt": "p"}
    return MiningInput(ids, vectors[anchors:], names, vectors[:anchors], lexical, grades, **values | more)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_nothing_judged_or_forbidden_is_proposed_and_all_have_a_reason_and_one_status(seed: int, per_anchor: int):
    given_data = many(seed)
    found = mine_candidates(given_data, Mining(depth=20, per_anchor=per_anchor))
    pairs = [(item.anchor_id, item.document_id) for item in found]
    assert len(set(pairs)) == len(pairs)
    grades = given_data.grades
    answered = {(name, doc) for name, group in given_data.groups.items() for other in grades if given_data.groups.get(other) == group
                for doc, grade in grades[other].items() if grade > 0}  # fmt: skip
    judged = {(name, doc) for name in grades for doc in grades[name]}
    assert not set(pairs) & (judged | answered | given_data.closed)
    assert not {item.document_id for item in found} & given_data.forbidden
    assert all(item.reason and item.status in CandidateStatus for item in found)
    assert sorted(item.priority for item in found) == list(range(1, len(found) + 1))
    queued = [item for item in found if item.status != CandidateStatus.SET_ASIDE]
    assert found[: len(queued)] == queued
    twins = given_data.twins or {}
    shown = [(item.anchor_id, twins[item.document_id]) for item in queued if item.document_id in twins]
    assert len(shown) == len(set(shown))
    assert all(item.status == CandidateStatus.PROPOSED for item in found if item.audit)
    places = [place for place, item in enumerate(found, start=1) if item.audit]
    assert places == [10 * n for n in range(1, len(places) + 1)]
    safe = [item for item in found if item.status == CandidateStatus.PROPOSED or item.reason == "further down than the queue reaches"]
    assert len(places) == len(safe) or len(queued) - len(places) < 9 * (len(places) + 1) + 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_queue_does_not_depend_on_the_order_of_the_input(seed: int, shuffle):
    one = replace(many(seed), lexical={})
    rows, places = list(range(60)), list(range(12))
    shuffle.shuffle(rows)
    shuffle.shuffle(places)
    other = replace(
        one,
        document_ids=[one.document_ids[row] for row in rows],
        documents=one.documents[rows],
        anchor_ids=[one.anchor_ids[place] for place in places],
        anchors=one.anchors[places],
    )
    fused = Mining(
        depth=60, suspicious_ratio=9.0, ceiling_ratio=9.0, same_parent="ignore"
    )  # equal scores share no rank, so what is ordered by ranks is left out
    read = [[(item.anchor_id, item.document_id, item.status, item.audit) for item in mine_candidates(given_data, fused)
             if item.twin_of is None] for given_data in (replace(one, twins={}), replace(other, twins={}))]  # fmt: skip
    assert read[0] == read[1]


def test_audit_items_are_the_same_when_mined_again_and_others_in_another_project():
    drawn = [{(i.anchor_id, i.document_id) for i in mine_candidates(many(1, salt=salt)) if i.audit} for salt in ("p", "p", "q")]
    assert drawn[0]
    assert drawn[0] == drawn[1] != drawn[2]


def test_audit_items_are_drawn_evenly_from_all_that_looks_safe():
    near, far = 0, 0
    for salt in range(60):
        found = mine_candidates(many(3, salt=str(salt)), Mining(per_anchor=3))
        for item in found:
            near += item.audit and item.ratio is not None and item.ratio > 0.4
            far += item.audit and not (item.ratio is not None and item.ratio > 0.4)
    frame = mine_candidates(many(3), Mining(per_anchor=3))
    safe = [item for item in frame if item.status == CandidateStatus.PROPOSED or item.reason == "further down than the queue reaches"]
    share = sum(item.ratio is not None and item.ratio > 0.4 for item in safe) / len(safe)
    assert near / (near + far) == pytest.approx(share, abs=0.08)
    assert status_of(frame)
