"""When to stop: the rule over the value meter's points, the pace, and the target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.curation.stopping import FEWEST_DEVELOPMENT, Advice, Target, advise, find_pace, read_stopping
from core.model import Added, Judgement, Label, Part, Source, ValuePoint
from core.store import corpus, judgements, value_points
from core.workspace import Workspace


def point(judged: int, added: Added | None = None, value: float = 0.5) -> ValuePoint:
    return ValuePoint(judged, judged, 0.45, value, -0.01, 0.11, 40, 1.0, 0.0, added=added)


@pytest.mark.parametrize(
    ("added", "advice", "words"),
    [
        (Added(100, 0.03, 0.004, 0.05), Advice.GO_ON, "The last 100 judgements added +0.030 (+0.004 to +0.050): go on."),
        (Added(118, 0.012, -0.004, 0.027), Advice.GO_ON, "The last 118 judgements added +0.012 (−0.004 to +0.027), which may still be chance: go on."),
        (
            Added(100, 0.002, -0.01, 0.014),
            Advice.LEVEL,
            "The last 100 judgements no longer add a difference that can be seen, +0.002 (−0.010 to +0.014): stop or change what you label.",
        ),
        (
            Added(100, -0.03, -0.05, -0.01),
            Advice.WORSE,
            "The last 100 judgements made it worse, −0.030 (−0.050 to −0.010): look at the latest labels before you go on.",
        ),
        (
            Added(100, 0.02, -0.05, 0.09),
            Advice.TOO_FEW,
            "Too few development anchors to say: the last 100 judgements added +0.020 (−0.050 to +0.090). Label answers of more anchors; there are 40.",
        ),
        (Added(100, 0.09, 0.01, 0.17), Advice.GO_ON, "The last 100 judgements added +0.090 (+0.010 to +0.170): go on."),
        (None, Advice.TOO_FEW, "Too few judgements to say: 150 so far, 100 are needed to tell a gain from chance."),
    ],
)
def test_the_rule_says_in_words_what_the_last_judgements_added(added: Added | None, advice: Advice, words: str) -> None:
    found = advise([point(0), point(150, added)], development=40)
    assert (found.advice, found.words) == (advice, words)


def test_without_a_point_it_says_what_is_missing() -> None:
    few = advise([], development=FEWEST_DEVELOPMENT - 3)
    assert few.advice == Advice.TOO_FEW
    assert "9 with answers are set apart for development, and 12 are needed. Label answers of about 20 more anchors" in few.words
    assert "Nothing was measured yet" in advise([], development=FEWEST_DEVELOPMENT).words


def test_the_pace_is_a_median_that_a_coffee_break_does_not_move() -> None:
    assert find_pace([]) is None
    assert find_pace([4000, 6000, 3_600_000]) == 6.0
    assert find_pace([3_600_000]) == 120.0


def test_minutes_left_follow_from_what_is_missing_the_pace_and_the_yield() -> None:
    assert Target(3, 10, 4, 2.0, 12, 10.0, 0.5).minutes_left == 4.0
    assert Target(3, 10, 10, 3.0, 0, None, None).minutes_left == 0.0
    assert Target(3, 10, 4, 2.0, 12, None, 0.5).minutes_left is None
    assert Target(3, 10, 4, 2.0, 12, 10.0, 0.0).minutes_left is None
    assert Target(3, 0, 0, 0.0, 0, 10.0, 0.5).minutes_left is None


def test_the_target_counts_training_anchors_with_an_answer(workspace: Workspace, small_project: str) -> None:
    assert read_stopping(workspace, small_project).target.anchors == 0
    parts = {f"a{n}": Part.TRAIN if n < 4 else Part.DEV for n in range(12)}
    events = [
        Judgement(f"n{n}", anchor, f"d{document}", Label.HARD_NEGATIVE, 0, Source.MINED, "ann", active_ms=5000)
        for n, (anchor, document) in enumerate([("a0", 5), ("a0", 6), ("a0", 7), ("a1", 5), ("a5", 1)])
    ]
    events += [Judgement("x", "a1", "d8", Label.SKIPPED, 0, Source.MINED, "bob", active_ms=9000)]
    events += [Judgement("c", "a2", "d9", Label.HARD_NEGATIVE, 0, Source.MINED, "ann", caused_by="n0")]
    with workspace.store.write() as conn:
        corpus.set_parts(conn, small_project, parts)
        judgements.append_judgements(conn, small_project, events)
    found = read_stopping(workspace, small_project, author="ann")
    assert found.target == Target(wanted=3, anchors=4, reached=1, reviewed=5 / 4, missing=2 + 2 + 3, pace_s=5.0, yield_share=5 / 6)
    assert read_stopping(workspace, small_project, author="bob").target.pace_s == 9.0
    assert read_stopping(workspace, small_project, author="nobody timed").target.pace_s == 5.0
    assert (found.since, list(found.points), found.wrong) == (6, [], None)
    with workspace.store.write() as conn:
        value_points.put_point(conn, small_project, point(10))
    assert read_stopping(workspace, small_project).to_json()["points"][0]["judged"] == 10


def test_points_that_were_measured_against_another_truth_advise_nothing(workspace: Workspace, small_project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gain = Added(100, 0.03, 0.004, 0.05)
    assert "12 are needed" in advise([point(150, gain)], development=3).words
    monkeypatch.setattr("core.curation.stopping.FEWEST_DEVELOPMENT", 10)
    with workspace.store.write() as conn:
        corpus.set_parts(conn, small_project, {f"a{n}": Part.DEV for n in range(10)})
        last = judgements.last_seq(conn, small_project)
        value_points.put_point(conn, small_project, replace(point(150, gain), last_seq=last, anchors=10))
    assert read_stopping(workspace, small_project).word.advice == Advice.GO_ON
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, small_project, [Judgement("dev-1", "a0", "d20", Label.HARD_NEGATIVE, 0, Source.MINED, "ann")])
    found = read_stopping(workspace, small_project).word
    assert found.advice == Advice.TOO_FEW
    assert "Measured before the development answers changed" in found.words
