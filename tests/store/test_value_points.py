"""Points of the value meter, and the counts that decide when the next is due."""

from __future__ import annotations

from dataclasses import replace

from core.model import Added, Judgement, Label, Part, Source, ValuePoint
from core.store import Store, corpus, judgements, value_points

POINT = ValuePoint(7, 5, 0.4, 0.45, -0.01, 0.09, 12, 0.5, 100.0, "t", {"a0": 0.5, "a1": 0.25}, Added(4, 0.01, -0.02, 0.04))


def append(store: Store, project: str, *events: Judgement) -> None:
    with store.write() as conn:
        judgements.append_judgements(conn, project, events)


def test_a_point_comes_back_as_it_was_and_the_same_position_is_replaced(store: Store, project: str):
    later = replace(POINT, last_seq=9, judged=7, added=None, scores={})
    with store.write() as conn:
        for point in (later, POINT, replace(POINT, value=0.5)):
            value_points.put_point(conn, project, point)
    with store.read() as conn:
        assert value_points.list_points(conn, project) == [replace(POINT, value=0.5), later]
        assert value_points.newest_seq(conn, project) == 9


def test_points_of_another_truth_are_dropped(store: Store, project: str):
    with store.write() as conn:
        for seq, truth in ((1, "old"), (2, "new"), (3, "old")):
            value_points.put_point(conn, project, replace(POINT, last_seq=seq, truth=truth))
        assert value_points.drop_points(conn, project, keep_truth="new") == 2
        assert [point.last_seq for point in value_points.list_points(conn, project)] == [2]
        assert value_points.list_points(conn, project, truth="old") == []
        assert value_points.drop_points(conn, project) == 1
        assert value_points.newest_seq(conn, project) == 0


def test_decisions_leave_out_imports_what_followed_and_what_was_taken_back(store: Store, project: str):
    append(
        store,
        project,
        Judgement("i", "a0", "d0", Label.POSITIVE, 3, Source.IMPORT),
        Judgement("n", "a0", "d1", Label.HARD_NEGATIVE),
        Judgement("f", "a0", "d2", Label.HARD_NEGATIVE, caused_by="n"),
        Judgement("m", "a1", "d1", Label.SKIPPED),
        Judgement("s", "a1", "d2", Label.POSITIVE, 2, Source.SEARCH),
    )
    with store.read() as conn:
        assert value_points.count_decisions(conn, project) == 3
    with store.write() as conn:
        judgements.undo_judgement(conn, project, "m", author="x")
        assert value_points.count_decisions(conn, project) == 2
        first = judgements.find_event(conn, project, "n")
        assert first is not None
        assert value_points.count_decisions(conn, project, after_seq=first.seq) == 1


def test_anchors_with_answers_are_counted_by_part_and_their_negatives_in_training(store: Store, project: str):
    append(
        store,
        project,
        Judgement("1", "a0", "d0", Label.POSITIVE, 3),
        Judgement("2", "a0", "d1", Label.HARD_NEGATIVE),
        Judgement("3", "a0", "d2", Label.HARD_NEGATIVE),
        Judgement("4", "a1", "d1", Label.POSITIVE, 1),
        Judgement("5", "a2", "d1", Label.POSITIVE, 3),
        Judgement("6", "a2", "d2", Label.POSITIVE, 2),
        Judgement("7", "a2", "d3", Label.HARD_NEGATIVE),
    )
    with store.write() as conn:
        corpus.set_parts(conn, project, {"a0": Part.TRAIN, "a1": Part.TRAIN, "a2": Part.DEV})
    with store.read() as conn:
        assert value_points.count_answered(conn, project) == {Part.TRAIN: 2, Part.DEV: 1, Part.TEST: 0}
        assert sorted(value_points.count_negatives(conn, project)) == [0, 2]


def test_the_newest_timed_decisions_are_one_s_own_or_everybody_s(store: Store, project: str):
    append(
        store,
        project,
        Judgement("1", "a0", "d0", Label.HARD_NEGATIVE, author="ann", active_ms=1000),
        Judgement("2", "a0", "d1", Label.SKIPPED, author="bob", active_ms=2000),
        Judgement("3", "a0", "d2", Label.POSITIVE, 3, author="ann", active_ms=3000),
        Judgement("4", "a0", "d3", Label.HARD_NEGATIVE, author="ann"),
        Judgement("5", "a0", "d3", Label.HARD_NEGATIVE, source=Source.SEARCH),
    )
    with store.read() as conn:
        assert value_points.recent_active_ms(conn, project, 9, author="ann") == [3000, 1000]
        assert value_points.recent_active_ms(conn, project, 9, author="cid") == [3000, 2000, 1000]
        assert value_points.recent_active_ms(conn, project, 2) == [3000, 2000]
        assert value_points.recent_labels(conn, project, 3) == [Label.HARD_NEGATIVE, Label.POSITIVE, Label.SKIPPED]
        assert judgements.newest_event(conn) == judgements.last_seq(conn, project) > 0
