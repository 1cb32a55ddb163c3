"""Candidates and their leases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import update

from core.model import Anchor, Candidate, CandidateStatus, Document, Judgement, Label
from core.store import Store, candidates, corpus, judgements, open_store, tables
from tests.store.conftest import await_waiting


def found(anchor: str, document: str, priority: float, status: CandidateStatus = CandidateStatus.PROPOSED) -> Candidate:
    return Candidate(anchor, document, status, "near", priority, 0.5, None if priority == 1 else 0.9, 3, None, "m")


@pytest.fixture
def queue(store: Store, project: str) -> list[Candidate]:
    """Four candidates in the queue by falling priority, and one set aside."""
    items = [found("a0", "d1", 4, CandidateStatus.SUSPICIOUS), found("a0", "d2", 3), found("a1", "d3", 2), found("a1", "d4", 1)]
    with store.write() as conn:
        candidates.replace_candidates(conn, project, [*items[::-1], found("a2", "d5", 9, CandidateStatus.SET_ASIDE)])
    return items


def lease(store: Store, project: str, author: str, n: int, now: float, lease_s: float = 60.0) -> list[Candidate]:
    with store.write() as conn:
        return candidates.lease_candidates(conn, project, author, n=n, lease_s=lease_s, now=now)


def test_candidates_come_by_priority_and_those_set_aside_never(store: Store, project: str, queue: list[Candidate]):
    assert lease(store, project, "ann", 10, now=0.0) == queue


def test_two_people_never_hold_the_same_candidate(store: Store, project: str, queue: list[Candidate]):
    assert lease(store, project, "ann", 2, now=0.0) == queue[:2]
    assert lease(store, project, "bob", 10, now=1.0) == queue[2:]
    assert lease(store, project, "cid", 10, now=2.0) == []
    with store.read() as conn:
        assert candidates.count_queue(conn, project, "ann", now=2.0) == {"open": 2, "held": 2}
        assert candidates.count_queue(conn, project, "cid", now=2.0) == {"open": 0, "held": 4}


def test_a_lease_that_ran_out_is_free_and_one_that_was_renewed_is_not(store: Store, project: str, queue: list[Candidate]):
    lease(store, project, "ann", 2, now=0.0)
    assert lease(store, project, "ann", 2, now=50.0) == queue[:2]
    assert lease(store, project, "bob", 2, now=61.0) == queue[2:]
    assert lease(store, project, "cid", 2, now=109.9) == []
    assert lease(store, project, "cid", 2, now=110.0) == queue[:2]
    with store.read() as conn:
        assert candidates.count_queue(conn, project, "cid", now=500.0) == {"open": 4, "held": 0}


def test_a_judged_pair_is_not_handed_out_and_an_undone_one_is_again(store: Store, project: str, queue: list[Candidate]):
    with store.write() as conn:
        judgements.append_judgements(conn, project, [Judgement("e1", "a0", "d1", Label.SKIPPED)])
    assert lease(store, project, "ann", 10, now=0.0) == queue[1:]
    with store.write() as conn:
        judgements.undo_judgement(conn, project, "e1", author="ann")
    assert lease(store, project, "ann", 10, now=0.0) == queue


def test_mining_again_replaces_the_queue_and_ends_leases(store: Store, project: str, queue: list[Candidate]):
    lease(store, project, "ann", 10, now=0.0)
    with store.write() as conn:
        assert candidates.replace_candidates(conn, project, queue[:3]) == 3
    assert lease(store, project, "bob", 10, now=1.0) == queue[:3]


@pytest.mark.parametrize("apart", [False, True], ids=["one store", "a store each"])
def test_eight_people_leasing_at_once_get_each_candidate_once(store_url: str, store: Store, project: str, apart: bool):
    with store.write() as conn:
        corpus.put_documents(conn, project, [Document(f"m{n:03}", str(n)) for n in range(200)])
        corpus.put_anchors(conn, project, [Anchor("many", "many")])
        candidates.replace_candidates(conn, project, [found("many", f"m{n:03}", 200 - n) for n in range(200)])
    stores = [open_store(store_url) if apart else store for _ in range(8)]

    def take_all(place: int) -> list[str]:
        taken: list[str] = []
        while True:
            mine = [item.document_id for item in lease(stores[place], project, f"person {place}", 7, now=0.0)]
            if not mine:
                return taken
            assert len(mine) <= 7
            taken += mine
            with stores[place].write() as conn:
                judgements.append_judgements(conn, project, [Judgement(f"e-{document}", "many", document, Label.HARD_NEGATIVE) for document in mine])

    with ThreadPoolExecutor(8) as pool:
        taken = [document for part in pool.map(take_all, range(8)) for document in part]
    for other in stores:
        other.close()
    assert len(taken) == len(set(taken))
    with store.read() as conn:
        assert judgements.count_events(conn, project) == len(taken)
    rest = lease(store, project, "late", 500, now=100.0)
    assert len(taken) + len(rest) == 200


def test_a_record_that_two_must_judge_goes_to_a_second_expert_and_to_no_third(store: Store, project: str):
    def free(author: str) -> list[str]:
        with store.write() as conn:
            return [item.document_id for item in candidates.lease_candidates(conn, project, author, n=9, lease_s=0.0)]

    def say(author: str, document: str, *, undoes: str | None = None, label: Label = Label.HARD_NEGATIVE) -> None:
        with store.write() as conn:
            event = Judgement(f"{author}-{document}{'-undo' if undoes else ''}", "a0", document, label, 0, author=author, undoes=undoes)
            judgements.append_judgements(conn, project, [event])

    with store.write() as conn:
        candidates.replace_candidates(conn, project, [found("a0", f"d{n}", 9.0 - n) for n in range(3)])
        candidates.set_wanted(conn, project, [("a0", "d0"), ("a0", "d2")], 2)
    say("ann", "d0")
    say("ann", "d1")
    say("import", "d2")
    assert (free("ann"), free("bob")) == ([], ["d0"])
    say("bob", "d0", label=Label.POSITIVE)
    assert free("cem") == []
    say("bob", "d0", undoes="bob-d0")
    assert (free("ann"), free("bob"), free("cem")) == ([], ["d0"], ["d0"])


def test_two_who_ask_for_more_of_the_same_at_once_both_get_an_answer(store: Store, other_store: Store, project: str):
    items = [found("a0", f"d{n}", 1.0) for n in range(3)]

    def put(asked: Store, author: str) -> int:
        with asked.write() as conn:
            return candidates.put_first(conn, project, items, author=author, lease_s=60.0, now=0.0)

    with ThreadPoolExecutor(1) as pool:
        with store.write() as conn:
            assert candidates.put_first(conn, project, items, author="ann", lease_s=60.0, now=0.0) == 3
            second = pool.submit(put, other_store, "bob")
            await_waiting(conn)
        assert second.result() == 0


def test_what_is_put_first_leaves_audit_items_in_random_order_and_is_open_again(store: Store, project: str):
    with store.write() as conn:
        candidates.replace_candidates(conn, project, [replace(found("a0", "d0", 1.0), audit=True), found("a0", "d1", 2.0)])
        more = [replace(found("a0", f"d{n}", 9.0), reason="more") for n in range(2)]
        assert candidates.put_first(conn, project, more, author="ann", lease_s=0.0, now=0.0) == 1
        assert candidates.find_candidate(conn, project, "a0", "d0").priority == 1.0
        conn.execute(update(tables.candidates).values(judged=True))
        again = [replace(found("a0", "d1", 9.0), reason="still more")]
        assert candidates.put_first(conn, project, again, author="ann", lease_s=0.0, now=0.0) == 1
        assert candidates.count_queue(conn, project, "bob", now=1.0)["open"] == 1
