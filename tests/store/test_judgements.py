"""The log of judgements: appended once and in order, taken back by new events, and the state that follows."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.model import Judgement, Label, PairsmithError, Part, Source
from core.store import Store, corpus, judgements
from tests.store.conftest import await_waiting

_SERIAL = itertools.count()


def say(key: str, label: Label = Label.HARD_NEGATIVE, *, anchor: str = "a0", document: str = "d0", grade: int | None = None) -> Judgement:
    return Judgement(key, anchor, document, label, (3 if label == Label.POSITIVE else 0) if grade is None else grade)


def state_of(store: Store, project: str) -> dict[tuple[str, str], tuple[Label, int]]:
    with store.read() as conn:
        return {(item.anchor_id, item.document_id): (item.label, item.grade) for item in judgements.read_state(conn, project)}


def test_an_event_comes_back_whole(store: Store, project: str):
    event = Judgement("e1", "a0", "d1", Label.POSITIVE, 2, Source.SEARCH, "ann", "because", "a note \u2603", 1.5, 2.25, 750, None)
    with store.write() as conn:
        assert judgements.append_judgements(conn, project, [event], now=3.0) == 1
        (found,) = judgements.read_log(conn, project)
        assert found == Judgement(**vars(event) | {"seq": found.seq, "recorded_at": 3.0})
        assert judgements.find_event(conn, project, "e1") == found
        assert judgements.last_seq(conn, project) == found.seq


def test_an_event_sent_twice_counts_once_in_one_batch_or_two(store: Store, project: str):
    with store.write() as conn:
        assert judgements.append_judgements(conn, project, [say("e1"), say("e1", Label.POSITIVE), say("e2", document="d1")]) == 2
        assert judgements.append_judgements(conn, project, [say("e2", Label.POSITIVE, document="d1"), say("e3", document="d2")]) == 1
    assert state_of(store, project) == {("a0", f"d{n}"): (Label.HARD_NEGATIVE, 0) for n in range(3)}


def test_the_log_keeps_the_order_given_and_the_last_word_stands(store: Store, project: str):
    labels = [Label.POSITIVE, Label.AMBIGUOUS, Label.SKIPPED, Label.CANNOT_JUDGE, Label.HARD_NEGATIVE]
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say(f"e{n}", label) for n, label in enumerate(labels)])
        log = judgements.read_log(conn, project)
        assert [item.label for item in log] == labels
        assert [item.client_id for item in judgements.read_log(conn, project, newest_first=True, limit=2)] == ["e4", "e3"]
        assert [item.client_id for item in judgements.read_log(conn, project, after_seq=log[2].seq)] == ["e3", "e4"]
        assert judgements.read_pair(conn, project, "a0", "d0") == log
    assert state_of(store, project) == {("a0", "d0"): (Label.HARD_NEGATIVE, 0)}


@pytest.mark.parametrize("wrong", [{"anchor": "nobody"}, {"document": "nothing"}])
def test_an_unknown_id_is_refused_and_nothing_of_the_batch_is_written(store: Store, project: str, wrong: dict[str, str]):
    with store.write() as conn:
        with pytest.raises(PairsmithError, match=next(iter(wrong.values()))):
            judgements.append_judgements(conn, project, [say("e1"), say("e2", **wrong)])
        assert judgements.count_events(conn, project) == 0
        assert judgements.last_seq(conn, project) == 0


def test_undo_goes_back_step_by_step_to_unjudged(store: Store, project: str):
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1", Label.POSITIVE, grade=2), say("e2"), say("e3", Label.AMBIGUOUS)])
    seen = []
    for key in ("e3", "e2", "e1"):
        with store.write() as conn:
            undo = judgements.undo_judgement(conn, project, key, author="ann")
            assert undo is not None
            assert undo.undoes == key
        seen.append(state_of(store, project).get(("a0", "d0")))
    assert seen == [(Label.HARD_NEGATIVE, 0), (Label.POSITIVE, 2), None]
    with store.read() as conn:
        assert judgements.count_events(conn, project) == 6
        assert judgements.read_log(conn, project)[-1].label == Label.UNJUDGED


def test_undoing_what_was_undone_changes_nothing(store: Store, project: str):
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1"), say("e2", Label.POSITIVE)])
        assert judgements.undo_judgement(conn, project, "e2", author="ann", undo_id="u2") is not None
        assert judgements.undo_judgement(conn, project, "e2", author="ann", undo_id="u2") is None
        assert judgements.undo_judgement(conn, project, "e2", author="bob") is None
        assert judgements.count_events(conn, project) == 3


def test_an_earlier_judgement_cannot_be_undone_under_a_later_one(store: Store, project: str):
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1"), say("e2", Label.POSITIVE)])
        with pytest.raises(PairsmithError, match="judged again since"):
            judgements.undo_judgement(conn, project, "e1", author="ann")
        with pytest.raises(PairsmithError, match="no judgement 'e9'"):
            judgements.undo_judgement(conn, project, "e9", author="ann")
        assert judgements.count_events(conn, project) == 2


def test_an_undo_cannot_be_undone_itself(store: Store, project: str):
    """Once an undo of the pair's only judgement was taken for a judgement and ended in an IndexError, which stopped a whole batch."""
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1")])
        judgements.undo_judgement(conn, project, "e1", author="ann", undo_id="u1")
        with pytest.raises(PairsmithError, match="Judge the pair again"):
            judgements.undo_judgement(conn, project, "u1", author="ann")
    assert state_of(store, project) == {}


def test_after_an_undo_the_pair_can_be_judged_anew_and_that_undone_too(store: Store, project: str):
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1", Label.POSITIVE)])
        judgements.undo_judgement(conn, project, "e1", author="ann")
        judgements.append_judgements(conn, project, [say("e2")])
        judgements.undo_judgement(conn, project, "e2", author="ann")
    assert state_of(store, project) == {}


def test_qrels_hold_positives_by_grade_and_hard_negatives_by_zero_only(store: Store, project: str):
    labels = [Label.POSITIVE, Label.HARD_NEGATIVE, Label.AMBIGUOUS, Label.SKIPPED, Label.CANNOT_JUDGE]
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say(f"e{n}", label, document=f"d{n}") for n, label in enumerate(labels)])
        judgements.append_judgements(conn, project, [say("f", Label.POSITIVE, anchor="a1", document="d3", grade=1)])
        assert judgements.read_qrels(conn, project) == {"a0": {"d0": 3, "d1": 0}, "a1": {"d3": 1}}
        only = judgements.read_state(conn, project, labels=[Label.SKIPPED, Label.POSITIVE], anchor_ids=["a0"])
        assert [(item.document_id, item.label) for item in only] == [("d0", Label.POSITIVE), ("d3", Label.SKIPPED)]


STEP = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 1), st.integers(0, 1), st.sampled_from([label for label in Label if label != Label.UNJUDGED]), st.integers(1, 3)),
    st.tuples(st.just("again"), st.integers(0, 30)),
    st.tuples(st.just("undo"), st.integers(0, 30)),
)


@given(steps=st.lists(STEP, max_size=20))
@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_judgements_and_undos_gives_the_state_of_stacks(store: Store, project: str, steps: list[tuple]):
    """The model: a stack of standing judgements a pair; an undo pops the top, nothing else can be popped."""
    with store.write() as conn:
        conn.exec_driver_sql("DELETE FROM judgements")
        conn.exec_driver_sql("DELETE FROM judgement_state")
    stacks: dict[tuple[str, str], list[Judgement]] = {}
    said: list[Judgement] = []
    for step in steps:
        with store.write() as conn:
            if step[0] == "say":
                event = say(f"e{next(_SERIAL)}", step[3], anchor=f"a{step[1]}", document=f"d{step[2]}", grade=step[4] if step[3] == Label.POSITIVE else 0)
                judgements.append_judgements(conn, project, [event])
                said.append(event)
                stacks.setdefault((event.anchor_id, event.document_id), []).append(event)
            elif said and step[0] == "again":
                assert judgements.append_judgements(conn, project, [said[step[1] % len(said)]]) == 0
            elif said:
                event = said[step[1] % len(said)]
                stack = stacks[event.anchor_id, event.document_id]
                if event not in stack:
                    assert judgements.undo_judgement(conn, project, event.client_id, author="x") is None
                elif stack[-1] == event:
                    assert judgements.undo_judgement(conn, project, event.client_id, author="x") is not None
                    stack.pop()
                else:
                    with pytest.raises(PairsmithError, match="judged again"):
                        judgements.undo_judgement(conn, project, event.client_id, author="x")
    assert state_of(store, project) == {pair: (stack[-1].label, stack[-1].grade) for pair, stack in stacks.items() if stack}
    with store.read() as conn:
        last = {(item.anchor_id, item.document_id): item for item in judgements.read_log(conn, project)}
        assert judgements.read_state(conn, project) == [last[pair] for pair in sorted(last) if last[pair].label != Label.UNJUDGED]


def test_changes_of_a_part_are_the_pairs_whose_relevance_is_another_than_before(store: Store, project: str):
    with store.write() as conn:
        corpus.set_parts(conn, project, {"a0": Part.TEST, "a1": Part.TRAIN})
        judgements.append_judgements(conn, project, [say("e1", Label.POSITIVE, grade=2), say("e2", document="d1"), say("e3", Label.SKIPPED, document="d2")])
        before = judgements.last_seq(conn, project)
        assert judgements.count_changes(conn, project, Part.TEST, before) == 0
        same = [say("s1", Label.POSITIVE, grade=2), say("s2", document="d1"), say("s3", Label.AMBIGUOUS, document="d2"), say("s4", anchor="a1")]
        judgements.append_judgements(conn, project, same)
        assert judgements.count_changes(conn, project, Part.TEST, before) == 0
        assert judgements.count_changes(conn, project, Part.TRAIN, before) == 1
        judgements.append_judgements(conn, project, [say("c1", Label.POSITIVE, grade=3), say("c2", Label.AMBIGUOUS, document="d1"), say("c3", document="d2")])
        assert judgements.count_changes(conn, project, Part.TEST, before) == 3
        assert judgements.count_changes(conn, project, Part.TEST, 0) == 2
        judgements.undo_judgement(conn, project, "c1", author="ann")
        assert judgements.count_changes(conn, project, Part.TEST, before) == 2
        assert judgements.count_changes(conn, project, Part.TEST, judgements.last_seq(conn, project)) == 0


def test_an_undo_waits_for_the_word_of_another_that_is_on_its_way(store: Store, other_store: Store, project: str):
    """The undo once read the pair before its turn, and took the other's word for no word."""
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1")])

    def take_back() -> str:
        try:
            with other_store.write() as conn:
                judgements.undo_judgement(conn, project, "e1", author="ann")
        except PairsmithError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(1) as pool:
        with store.write() as conn:
            judgements.append_judgements(conn, project, [say("e2", Label.POSITIVE, grade=2)])
            told = pool.submit(take_back)
            await_waiting(conn)
        assert "judged again since" in told.result()
    assert state_of(store, project) == {("a0", "d0"): (Label.POSITIVE, 2)}


def test_of_two_undos_of_one_event_at_once_one_is_written(store: Store, other_store: Store, project: str):
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1")])

    def take_back() -> Judgement | None:
        with other_store.write() as conn:
            return judgements.undo_judgement(conn, project, "e1", author="bob", undo_id="u2")

    with ThreadPoolExecutor(1) as pool:
        with store.write() as conn:
            assert judgements.undo_judgement(conn, project, "e1", author="ann", undo_id="u1") is not None
            told = pool.submit(take_back)
            await_waiting(conn)
        assert told.result() is None
