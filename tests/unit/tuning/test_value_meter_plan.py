"""Where the value meter measures, and what an adapter learns from judgements."""

from __future__ import annotations

import pytest

from core.model import Judgement, Label, PairsmithError, Source
from core.tuning.value_meter import Checkpoint, build_labels, fold_log, plan_checkpoints


def event(seq: int, document: str = "", label: Label = Label.HARD_NEGATIVE, grade: int = 0, **given: object) -> Judgement:
    return Judgement(f"e{seq}", "a", document or f"d{seq}", label, grade, seq=seq, **{"source": Source.MINED} | given)


def test_checkpoints_are_even_over_decisions_and_end_with_the_log() -> None:
    imported = [event(seq, source=Source.IMPORT) for seq in range(1, 6)]
    log = [*imported, *(event(seq) for seq in range(6, 106))]
    found = plan_checkpoints(log, 5)
    assert found == [Checkpoint(5, 0), Checkpoint(30, 25), Checkpoint(55, 50), Checkpoint(80, 75), Checkpoint(105, 100)]
    assert len(plan_checkpoints(log)) == 12


def test_what_followed_and_what_was_taken_back_is_not_spent() -> None:
    log = [event(1), event(2, caused_by="e1"), event(3), event(4, "d3", Label.UNJUDGED, undoes="e3"), event(5)]
    assert plan_checkpoints(log, 3) == [Checkpoint(0, 0), Checkpoint(2, 1), Checkpoint(5, 2)]


def test_a_log_without_decisions_has_one_checkpoint() -> None:
    assert plan_checkpoints([]) == [Checkpoint(0, 0)]
    assert plan_checkpoints([event(7, source=Source.IMPORT)]) == [Checkpoint(7, 0)]
    assert plan_checkpoints([event(1), event(2, "d1", Label.UNJUDGED, undoes="e1")]) == [Checkpoint(2, 0)]


def test_the_state_at_a_position_is_the_last_word_before_it() -> None:
    log = [event(1, "d"), event(2, "x"), event(3, "d", Label.POSITIVE, 3), event(4, "x", Label.UNJUDGED, undoes="e2")]
    assert fold_log(log, 0) == {}
    assert fold_log(log, 2) == {("a", "d"): log[0], ("a", "x"): log[1]}
    assert fold_log(log, 4) == {("a", "d"): log[2]}
    with pytest.raises(PairsmithError, match="no position"):
        fold_log([Judgement("new", "a", "d", Label.SKIPPED)], 1)


def test_answers_pull_by_grade_and_what_is_unsure_or_alike_is_masked() -> None:
    row_of = {name: row for row, name in enumerate("abcdefgh")}
    events = [
        event(1, "a", Label.POSITIVE, 3),
        event(2, "b", Label.POSITIVE, 1),
        event(3, "c", Label.HARD_NEGATIVE),
        event(4, "d", Label.AMBIGUOUS),
        event(5, "e", Label.SKIPPED),
        event(6, "f", Label.CANNOT_JUDGE),
        event(7, "h", Label.HARD_NEGATIVE),
    ]
    twins = {"a": [0, 6, 7], "g": [0, 6, 7], "h": [0, 6, 7]}
    labels = build_labels(events, row_of, twins)
    assert (labels.positives, labels.negatives, labels.masked) == ({0: 3.0, 1: 1.0}, [2], [3, 4, 5, 6, 7])
    strict = build_labels(events, row_of, twins, min_grade=2)
    assert (strict.positives, strict.masked) == ({0: 3.0}, [1, 3, 4, 5, 6, 7])
    assert build_labels([event(1, "b", Label.POSITIVE, 1)], row_of, min_grade=2).positives == {1: 1.0}
