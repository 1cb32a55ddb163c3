"""Candidates paged, filtered and counted, and mining again while somebody reviews."""

from __future__ import annotations

from core.model import Candidate, CandidateStatus, Judgement, Label, Source
from core.store import Store, candidate_table, candidates, judgements
from core.store.candidate_table import CandidateFilter
from core.store.candidates import FURTHER_REASON

ASIDE, PROPOSED, SUSPICIOUS = CandidateStatus.SET_ASIDE, CandidateStatus.PROPOSED, CandidateStatus.SUSPICIOUS


def made(anchor: str, document: str, priority: float, status: CandidateStatus = PROPOSED, reason: str = "near", **more: object) -> Candidate:
    return Candidate(anchor, document, status, reason, priority, 0.5, 0.9, 1, None, "m", **more)  # type: ignore[arg-type]


def fill(store: Store, project: str) -> None:
    items = [
        made("a1", "d1", 5, SUSPICIOUS, "near-duplicate of an answer", twin_of="d0"),
        made("a1", "d2", 4, audit=True),
        made("a2", "d3", 3, ASIDE, "near-duplicate of d2, which is in the queue"),
        made("a2", "d4", 2, ASIDE, FURTHER_REASON),
    ]
    with store.write() as conn:
        candidates.replace_candidates(conn, project, items)
        judgements.append_judgements(conn, project, [Judgement("client-1", "a1", "d2", Label.HARD_NEGATIVE, 0, Source.MINED)])


def test_pages_come_in_the_queues_order_with_texts_and_labels(store: Store, project: str):
    fill(store, project)
    with store.read() as conn:
        pages = [candidate_table.page_candidates(conn, project, offset=offset, limit=3) for offset in (0, 3)]
    assert [(row.candidate.document_id, row.anchor, row.document, row.label) for page in pages for row in page] == [
        ("d1", "question 1", "text 1", ""),
        ("d2", "question 1", "text 2", "hard_negative"),
        ("d3", "question 2", "text 3", ""),
        ("d4", "question 2", "text 4", ""),
    ]
    assert pages[0][0].candidate.twin_of == "d0"


def test_filters_take_text_as_it_is(store: Store, project: str):
    fill(store, project)
    wanted = {
        CandidateFilter(): 4,
        CandidateFilter(status="set_aside"): 2,
        CandidateFilter(reason="near-duplicate of "): 2,
        CandidateFilter(anchor="QUESTION 2"): 2,
        CandidateFilter(anchor="a1"): 2,
        CandidateFilter(anchor="%"): 0,
        CandidateFilter(audit=True): 1,
    }
    with store.read() as conn:
        assert {item: candidate_table.count_candidates(conn, project, item) for item in wanted} == wanted
        assert all(len(candidate_table.page_candidates(conn, project, item)) == n for item, n in wanted.items())


def test_counts_by_status_and_reason_and_what_is_left_that_looks_safe(store: Store, project: str):
    fill(store, project)
    with store.read() as conn:
        assert candidate_table.count_statuses(conn, project) == {"suspicious": 1, "proposed": 1, "set_aside": 2, "audit": 1, "judged": 1}
        reasons = candidate_table.count_reasons(conn, project)
        assert reasons == {FURTHER_REASON: 1, "near": 1, "near-duplicate of ": 1, "near-duplicate of an answer": 1}
        assert candidate_table.count_unlikely(conn, project) == 1
        assert [item.document_id for item in candidate_table.read_judged(conn, project)] == ["d2"]


def test_mining_again_takes_nothing_from_a_reviewers_hands(store: Store, project: str):
    with store.write() as conn:
        candidates.replace_candidates(conn, project, [made("a1", f"d{n}", 9 - n) for n in range(1, 5)])
        candidates.lease_candidates(conn, project, "anna", n=3, lease_s=900, now=100.0)
        judgements.append_judgements(conn, project, [Judgement("client-2", "a1", "d1", Label.POSITIVE, 3, Source.MINED)])
        candidates.replace_candidates(conn, project, [made("a1", "d2", 2), made("a1", "d5", 1)], refused=frozenset({"d9"}), now=200.0)
    with store.write() as conn:
        assert [item.document_id for item in candidates.lease_candidates(conn, project, "bert", n=9, lease_s=900, now=300.0)] == ["d5"]
        assert {item.document_id for item in candidates.lease_candidates(conn, project, "anna", n=9, lease_s=900, now=300.0)} == {"d2", "d3"}


def test_what_may_not_be_seen_any_more_and_what_nobody_holds_goes(store: Store, project: str):
    with store.write() as conn:
        candidates.replace_candidates(conn, project, [made("a1", "d1", 2), made("a1", "d2", 1)])
        candidates.lease_candidates(conn, project, "anna", n=2, lease_s=50, now=100.0)
        candidates.replace_candidates(conn, project, [], refused=frozenset({"d1"}), now=120.0)
        assert [row.candidate.document_id for row in candidate_table.page_candidates(conn, project)] == ["d2"]
        assert candidates.replace_candidates(conn, project, [], now=160.0) == 0
