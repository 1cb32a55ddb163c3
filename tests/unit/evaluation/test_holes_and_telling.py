"""Holes of compared systems in the review queue, and the queries chosen to tell."""

from __future__ import annotations

from itertools import pairwise

from core.curation.review_queue import apply_events, next_records, recent_decisions
from core.evaluation.holes import count_waiting, find_holes, queue_holes
from core.evaluation.lists import KEPT, read_lists, write_lists
from core.evaluation.telling import choose_telling
from core.model import Candidate, CandidateStatus, Judgement, Label, Source
from core.store import candidates, judgements
from core.workspace import Workspace

TEST = {"systems": [{"evaluation_id": "first"}, {"evaluation_id": "second"}]}


def keep_lists(workspace: Workspace) -> None:
    """Two systems on three anchors: each has five documents that the other has not, of which `d0` and `d12` answer `a0`."""
    write_lists(workspace, "first", {f"a{n}": [f"d{k}" for k in range(8)] for n in range(3)})
    write_lists(workspace, "second", {f"a{n}": [f"d{k}" for k in range(12, 20)] for n in range(3)})


def test_lists_come_back_as_far_as_they_are_kept(workspace: Workspace) -> None:
    ranking = {"a": [f"d{n}" for n in range(KEPT + 5)], "ü b": ["d1"], "none": []}
    write_lists(workspace, "e1", ranking)
    assert read_lists(workspace, "e1") == {"a": ranking["a"][:KEPT], "ü b": ["d1"], "none": []}
    assert read_lists(workspace, "e1", ["ü b", "unknown"]) == {"ü b": ["d1"]}
    assert read_lists(workspace, "never") == {}


def test_holes_are_the_first_five_of_every_system_that_nobody_judged(workspace: Workspace, small_project: str) -> None:
    keep_lists(workspace)
    holes = find_holes(workspace, small_project, TEST)
    pool = {(f"a{n}", f"d{k}") for n in range(3) for k in (*range(5), *range(12, 17))}
    assert holes.pooled == len(pool) == 30
    assert set(holes.pairs) == pool - {(f"a{n}", f"d{k}") for n in range(3) for k in (n, n + 12)}
    assert find_holes(workspace, small_project, {"systems": [{"evaluation_id": "never"}]}).pooled == 0


def test_the_order_mixes_systems_and_anchors(workspace: Workspace, small_project: str) -> None:
    keep_lists(workspace)
    pairs = find_holes(workspace, small_project, TEST).pairs
    systems = [int(document[1:]) < 12 for _, document in pairs]
    assert sum(one != other for one, other in pairwise(systems)) > 5
    assert len({anchor for anchor, _ in pairs[:6]}) > 1


def test_holes_come_first_in_the_queue_blind_and_survive_mining(workspace: Workspace, small_project: str) -> None:
    keep_lists(workspace)
    mined = [Candidate("a5", "d20", CandidateStatus.SUSPICIOUS, "near", 9.0, 0.9, 0.99, 1, 1, "m")]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, small_project, mined)
    pairs = find_holes(workspace, small_project, TEST).pairs
    assert queue_holes(workspace, small_project, TEST, "ann") == len(pairs) == 24
    assert queue_holes(workspace, small_project, TEST, "ann") == 0
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, small_project, mined, refused=frozenset({"d1", "d2"}))
    assert count_waiting(workspace, small_project) == 24
    records = next_records(workspace, small_project, "bob", n=100)
    assert [(item.anchor_id, item.document_id) for item in records][:24] == list(pairs)
    assert {item.figures for item in records[:24]} == {candidates.HOLES_REASON}


def test_a_judged_hole_is_marked_as_such_and_goes_back_with_undo(workspace: Workspace, small_project: str) -> None:
    keep_lists(workspace)
    queue_holes(workspace, small_project, TEST, "ann")
    (record,) = next_records(workspace, small_project, "ann", n=1)
    pair = {"anchor_id": record.anchor_id, "document_id": record.document_id}
    assert apply_events(workspace, small_project, "ann", [{"client_id": "judged-1", **pair, "label": "hard_negative"}]).refused == {}
    with workspace.store.read() as conn:
        event = judgements.find_event(conn, small_project, "judged-1")
    assert event is not None
    assert (event.source, event.label) == (Source.HOLES, Label.HARD_NEGATIVE)
    assert [found.client_id for found, _ in recent_decisions(workspace, small_project, "ann")] == ["judged-1"]
    assert len(find_holes(workspace, small_project, TEST).pairs) == 23
    assert count_waiting(workspace, small_project) == 23
    apply_events(workspace, small_project, "ann", [{"client_id": "undone-1", "undoes": "judged-1"}])
    assert len(find_holes(workspace, small_project, TEST).pairs) == 24


def test_what_was_skipped_is_not_asked_again(workspace: Workspace, small_project: str) -> None:
    keep_lists(workspace)
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, small_project, [Judgement("skip-1", "a1", "d2", Label.SKIPPED)])
    assert ("a1", "d2") not in find_holes(workspace, small_project, TEST).pairs


def test_as_many_losses_are_shown_as_gains_and_one_of_a_group() -> None:
    before = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5, "f": 0.5, "only": 1.0}
    after = {"a": 1.0, "b": 0.9, "c": 0.8, "d": 0.1, "e": 0.5, "f": 0.4}
    found = choose_telling(before, after, {"a": "g", "b": "g"}, each=2)
    assert [item.anchor_id for item in found] == ["a", "c", "d", "f"]
    assert [round(item.difference, 6) for item in found] == [0.5, 0.3, -0.4, -0.1]
    assert choose_telling({}, {}) == []
