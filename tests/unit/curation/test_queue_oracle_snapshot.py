"""The review queue as the panel uses it, the oracle, and snapshots."""

from __future__ import annotations

import pytest

from core.curation.oracle import AUTHOR, answer_queue
from core.curation.review_queue import POSITIVE_SHOWN, apply_events, mark_answer, next_records
from core.curation.snapshot import read_snapshot, snapshot_path, take_snapshot
from core.curation.split import ensure_split
from core.model import Candidate, CandidateStatus, Judgement, Label, PairsmithError, Part, Source
from core.store import artefacts, candidates, judgements
from core.workspace import Workspace


@pytest.fixture
def queue(workspace: Workspace, small_project: str) -> str:
    """The small project with ten candidates: for `a0` documents 1 to 5, for `a1` documents 2 to 6."""
    items = [
        Candidate(f"a{anchor}", f"d{document + anchor}", CandidateStatus.PROPOSED, "", float(20 - 10 * anchor - document), 0.5, 0.9, 1, None, "m")
        for anchor in range(2)
        for document in range(1, 6)
    ]
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, small_project, [Judgement("third-answer", "a0", "d9", Label.POSITIVE, 1)])
        candidates.replace_candidates(conn, small_project, items)
    return small_project


def event(key: str, document: str = "d1", label: str = "hard_negative", **more: object) -> dict:
    return {"client_id": f"review-{key}", "anchor_id": "a0", "document_id": document, "label": label} | more


def log(workspace: Workspace, project: str) -> list[Judgement]:
    with workspace.store.read() as conn:
        return [item for item in judgements.read_log(conn, project) if item.author == "ann"]


def test_records_come_with_the_texts_an_expert_needs(workspace: Workspace, queue: str):
    records = next_records(workspace, queue, "ann", n=6)
    assert [(item.anchor_id, item.document_id) for item in records] == [*(("a0", f"d{n}") for n in range(1, 6)), ("a1", "d2")]
    first = records[0]
    assert first.anchor == "What does the contract say on termination?"
    assert first.candidate.id == "d1"
    assert [answer.id for answer in first.positives] == ["d0", "d12"]
    assert (first.answers, POSITIVE_SHOWN) == (3, 2)
    assert {(item.anchor_id, item.document_id) for item in next_records(workspace, queue, "bob")}.isdisjoint(
        (item.anchor_id, item.document_id) for item in records
    )


def test_an_empty_queue_gives_no_records(workspace: Workspace, small_project: str):
    assert next_records(workspace, small_project, "ann") == []


def test_an_outbox_sent_again_and_again_is_applied_once(workspace: Workspace, queue: str):
    outbox = [event("1"), event("2", "d2", "positive", grade=2), {"client_id": "review-undo", "undoes": "review-1"}]
    first = apply_events(workspace, queue, "ann", outbox, now=5.0)
    assert (first.stored, first.refused) == (["review-1", "review-2", "review-undo"], {})
    for again in (outbox, outbox[:1], outbox[1:]):
        assert apply_events(workspace, queue, "ann", again).refused == {}
    assert [(item.client_id, item.label, item.grade, item.undoes) for item in log(workspace, queue)] == [
        ("review-1", Label.HARD_NEGATIVE, 0, None),
        ("review-2", Label.POSITIVE, 2, None),
        ("review-undo", Label.UNJUDGED, 0, "review-1"),
    ]


BAD_EVENTS = [
    event("x", "nowhere"),
    event("x") | {"anchor_id": "nobody"},
    event("x") | {"anchor_id": None},
    event("x") | {"document_id": "d1\0\ud800x"},
    event("x", label="splendid"),
    event("x", label="unjudged"),
    event("x") | {"label": None},
    event("x") | {"label": ["positive"]},
    event("x", label="positive", grade=0),
    event("x", label="positive", grade=4),
    event("x", label="positive", grade="3"),
    event("x", label="positive", grade=2.5),
    {"client_id": "review-x", "undoes": "review-never"},
    {"client_id": "review-x", "undoes": "\ud800\0"},
    {"client_id": "review-x", "undoes": ["review-1"]},
    event("x") | {"client_id": "short"},
    event("x") | {"client_id": "long" * 30},
    event("x") | {"client_id": None},
    event("x") | {"client_id": "review-\ud800\0"},
    {},
]


@pytest.mark.parametrize("bad", BAD_EVENTS)
def test_an_event_that_cannot_be_applied_is_refused_alone_with_a_reason(workspace: Workspace, queue: str, bad: dict):
    applied = apply_events(workspace, queue, "ann", [event("1"), bad, event("2", "d2")])
    assert applied.stored == ["review-1", "review-2"]
    assert len(applied.refused) == 1
    assert all(len(reason) > 20 for reason in applied.refused.values())
    assert [item.client_id for item in log(workspace, queue)] == ["review-1", "review-2"]


def test_an_undo_of_an_undo_does_not_stop_the_events_after_it(workspace: Workspace, queue: str):
    outbox = [event("1"), {"client_id": "review-undo", "undoes": "review-1"}, {"client_id": "review-redo", "undoes": "review-undo"}, event("2", "d2")]
    applied = apply_events(workspace, queue, "ann", outbox)
    assert applied.stored == ["review-1", "review-undo", "review-2"]
    assert list(applied.refused) == ["review-redo"]


def test_odd_details_are_cleaned_and_never_lose_the_judgement(workspace: Workspace, queue: str):
    """Once half an emoji in a note, which a browser may send, stopped the whole batch."""
    odd = event("1", note="a\0b\ud83d" + "x" * 3000, reason="r" * 300, shown_at=-1, decided_at="soon", active_ms=1e11)
    plain = event("2", "d2", grade=3, note=7, shown_at=1.5, decided_at=2.5, active_ms=900.7)
    assert apply_events(workspace, queue, "ann", [odd, plain]).refused == {}
    first, second = log(workspace, queue)
    assert (first.note, first.reason) == ("ab" + "x" * 1998, "r" * 200)
    assert (first.shown_at, first.decided_at, first.active_ms) == (None, None, 2**31 - 1)
    assert (second.note, second.shown_at, second.decided_at, second.active_ms, second.grade) == ("7", 1.5, 2.5, 900, 0)
    assert {first.author, second.author} == {"ann"}


def test_a_late_answer_counts_though_somebody_else_holds_the_candidate_or_it_is_gone(workspace: Workspace, queue: str):
    next_records(workspace, queue, "ann", n=2, now=0.0)
    assert len(next_records(workspace, queue, "bob", n=10, now=10_000.0)) == 10
    assert apply_events(workspace, queue, "ann", [event("late")]).stored == ["review-late"]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, queue, [])
    assert apply_events(workspace, queue, "ann", [event("later", "d2")]).stored == ["review-later"]
    assert len(log(workspace, queue)) == 2


def test_a_document_found_by_search_is_marked_with_a_grade(workspace: Workspace, queue: str):
    for n, grade in enumerate(range(4)):
        mark_answer(workspace, queue, "ann", client_id=f"mark-{n}", anchor_id="a5", document_id=f"d{n}", grade=grade)
    with workspace.store.read() as conn:
        assert judgements.read_qrels(conn, queue)["a5"] == {"d0": 0, "d1": 1, "d2": 2, "d3": 3, "d5": 3, "d17": 2}
    with pytest.raises(PairsmithError, match="The grade 4"):
        mark_answer(workspace, queue, "ann", client_id="mark-9", anchor_id="a5", document_id="d4", grade=4)


def test_the_oracle_answers_the_queue_in_order_and_says_so(workspace: Workspace, queue: str):
    grades = {"a0": {"d2": 2}, "a1": {"d2": 0}}
    assert answer_queue(workspace, queue, grades, limit=3) == {"positives": 1, "hard_negatives": 2}
    with workspace.store.read() as conn:
        said = [item for item in judgements.read_log(conn, queue) if item.source == Source.ORACLE]
    assert [(item.document_id, item.label, item.grade, item.author) for item in said] == [
        ("d1", Label.HARD_NEGATIVE, 0, AUTHOR),
        ("d2", Label.POSITIVE, 2, AUTHOR),
        ("d3", Label.HARD_NEGATIVE, 0, AUTHOR),
    ]
    assert [(item.shown or {}).get("view") for item in said] == ["oracle"] * 3
    assert {"anchor", "document", "status"} <= set(said[0].shown or {})
    assert answer_queue(workspace, queue, grades) == {"positives": 0, "hard_negatives": 7}
    assert answer_queue(workspace, queue, grades) == {"positives": 0, "hard_negatives": 0}
    assert next_records(workspace, queue, "ann") == []


def test_the_same_judgements_give_the_same_snapshot_byte_for_byte(workspace: Workspace, small_project: str):
    ensure_split(workspace, small_project)
    first = take_snapshot(workspace, small_project, now=1.0)
    content = snapshot_path(workspace, first.id).read_bytes()
    with workspace.store.write() as conn:
        judgements.append_judgements(
            conn, small_project, [Judgement("more-1", "a0", "d5", Label.HARD_NEGATIVE), Judgement("more-2", "a1", "d5", Label.SKIPPED)]
        )
    second = take_snapshot(workspace, small_project, now=2.0)
    assert second.id != first.id
    with workspace.store.write() as conn:
        judgements.undo_judgement(conn, small_project, "more-1", author="x")
    third = take_snapshot(workspace, small_project, now=3.0)
    assert (third.id, third.last_seq > first.last_seq) == (first.id, True)
    assert snapshot_path(workspace, first.id).read_bytes() == content
    with workspace.store.read() as conn:
        assert [item.id for item in artefacts.list_snapshots(conn, small_project)] == [second.id, first.id]


def test_a_snapshot_reads_back_what_was_judged(workspace: Workspace, small_project: str):
    with workspace.store.write() as conn:
        judgements.append_judgements(
            conn, small_project, [Judgement("n-1", "a0", "d5", Label.HARD_NEGATIVE), Judgement("n-2", "a11", "d5", Label.HARD_NEGATIVE)]
        )
    ensure_split(workspace, small_project)
    snapshot = take_snapshot(workspace, small_project)
    data = read_snapshot(workspace, snapshot.id)
    first = data.anchors[0]
    assert (first.id, dict(first.positives), list(first.hard_negatives)) == ("a0", {"d0": 3, "d12": 2}, ["d5"])
    assert snapshot.counts == {"anchors": 10, "positives": 20, "hard_negatives": 1}
    assert sum(len(data.part(part)) for part in Part) == len(data.anchors) == 10
    assert data.contents["d5"].startswith("The parties agree on payment")
