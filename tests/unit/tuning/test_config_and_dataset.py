"""What a run is told, and the rows it trains on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sample_data
from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.model import ModelKind, ModelRecord, PairsmithError, Part
from core.tuning.config import TuneConfig, choose_scale, estimate_run
from core.tuning.dataset import Row, build_rows, count_least_batches, group_by_count, list_lessons, plan_rows
from core.tuning.extras import Extras
from core.tuning.generic import mix_generic, read_generic


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch": 1},
        {"negatives": -1},
        {"evaluations": 0},
        {"min_grade": 0},
        {"learning_rate": 0.0},
        {"learning_rate": 0.1},
        {"learning_rate": float("nan")},
        {"generic_share": 0.9},
        {"warmup": 1.0},
        {"scale": 0.0},
        {"scale": float("nan")},
        {"loss": "triplet"},
        {"matryoshka": (64, 64)},
        {"matryoshka": (0,)},
        {"seeds": 0},
        {"patience": -1},
        {"lora_rank": 8, "frozen_layers": 2},
    ],
)
def test_a_setting_out_of_bounds_is_refused(values: dict):
    with pytest.raises(PairsmithError, match=next(iter(values))):
        TuneConfig(**values)


def test_a_configuration_survives_json_and_an_unknown_name_is_an_error():
    config = TuneConfig(epochs=5, scale=50.0, matryoshka=(64, 128))
    assert TuneConfig.from_json(config.to_json()) == config
    with pytest.raises(PairsmithError, match="Unknown setting 'epoch'"):
        TuneConfig.from_json({"epoch": 3})


def test_the_estimate_grows_with_rows_and_epochs():
    small = estimate_run(TuneConfig(epochs=1, batch=10, generic_share=0.2), pairs=80, documents=100, dev_anchors=10)
    assert (small.rows, small.steps) == (100, 10)
    assert estimate_run(TuneConfig(epochs=2, batch=10, generic_share=0.2), pairs=80, documents=100, dev_anchors=10).seconds > small.seconds


def test_the_estimate_plans_no_more_generic_pairs_than_there_are():
    config = TuneConfig(epochs=1, batch=10, generic_share=0.5)
    assert config.count_generic(5_000) == 5_000
    bundled = len(read_generic(sample_data.GENERIC_PAIRS))
    assert estimate_run(config, pairs=5_000, documents=0, dev_anchors=0).rows == 5_000 + bundled
    few, none = (estimate_run(config, pairs=100, documents=0, dev_anchors=0, generic_available=n) for n in (30, 0))
    assert (few.rows, few.steps, none.rows, none.steps) == (130, 13, 100, 10)
    assert few.seconds - none.seconds == pytest.approx(30 * 2 / 18.0)


def snapshot() -> SnapshotData:
    anchors = [
        LabelledAnchor("t1", "first", Part.TRAIN, {"p1": 3, "p2": 2, "p3": 1}, ["n1", "n2", "n3", "held"]),
        LabelledAnchor("t2", "second", Part.TRAIN, {"p4": 1}, []),
        LabelledAnchor("v1", "dev", Part.DEV, {"held": 3}, ["n4"]),
        LabelledAnchor("x1", "test", Part.TEST, {"held2": 3}, ["n5"]),
    ]
    names = ["p1", "p2", "p3", "p4", "n1", "n2", "n3", "n4", "n5", "held", "held2"]
    return SnapshotData("s", anchors, {name: f"text {name}" for name in names})


def test_rows_are_the_good_answers_of_training_anchors_with_their_negatives_in_turn():
    rows = build_rows(snapshot(), TuneConfig(negatives=2))
    assert [(row.anchor_id, row.anchor, row.positive, len(row.negatives)) for row in rows] == [
        ("t1", "first", "text p1", 2),
        ("t1", "first", "text p2", 2),
        ("t2", "second", "text p4", 0),
    ]
    used = [text for row in rows for text in row.negatives]
    assert set(used) == {"text n1", "text n2", "text n3"}
    assert all(len(set(row.negatives)) == len(row.negatives) for row in rows)
    assert [row.answers for row in rows] == [frozenset({"p1", "p2", "p3"})] * 2 + [frozenset({"p4"})]
    assert all({f"text {name}" for name in row.shown} == {row.positive, *row.negatives} for row in rows)


@pytest.mark.parametrize("min_grade", [1, 2, 3, 10])
def test_nothing_held_out_is_ever_shown(min_grade: int):
    rows = build_rows(snapshot(), TuneConfig(negatives=10, min_grade=min_grade))
    shown = {text for row in rows for text in (row.anchor, row.positive, *row.negatives)}
    assert shown.isdisjoint({"text held", "text held2", "dev", "test", "text n4", "text n5"})
    assert len(rows) == {1: 4, 2: 3, 3: 2, 10: 2}[min_grade]


def test_the_seed_decides_which_negatives_a_row_shows():
    first, again, other = (build_rows(snapshot(), TuneConfig(negatives=1, seed=seed)) for seed in (0, 0, 3))
    assert first == again
    assert [row.negatives for row in first] != [row.negatives for row in other]


def test_nothing_to_train_on_is_said():
    with pytest.raises(PairsmithError, match="nothing to train on"):
        build_rows(SnapshotData("s", [LabelledAnchor("x", "t", Part.TEST, {"d": 1}, [])], {"d": "t"}), TuneConfig())


def test_generic_rows_make_up_their_share_and_no_more_than_there_are():
    rows, generic = [Row("a", "b")] * 85, [Row(f"g{n}", "h") for n in range(30)]
    mixed = mix_generic(rows, generic, TuneConfig(generic_share=0.15, seed=0))
    assert len(mixed) == len({row.anchor for row in mixed}) == 15
    assert mixed == mix_generic(rows, generic, TuneConfig(generic_share=0.15, seed=0)) != mix_generic(rows, generic, TuneConfig(generic_share=0.15, seed=1))
    assert len(mix_generic(rows, generic, TuneConfig(generic_share=0.5, seed=0))) == 30
    assert mix_generic(rows, generic, TuneConfig(generic_share=0.0, seed=0)) == []


def test_rows_are_grouped_by_how_many_negatives_they_carry():
    rows = [Row("a", "p", ["n"]), Row("b", "p"), Row("c", "p", ["m"])]
    assert group_by_count(rows) == {"pairs_0": [rows[1]], "pairs_1": [rows[0], rows[2]]}


def test_a_small_data_set_is_filled_to_a_batch_by_rows_that_repeat_their_own_negatives():
    rows = [Row(f"t{n}", "p", ["x", "y"]) for n in range(3)] + [Row(f"s{n}", "p", ["z"]) for n in range(20)] + [Row("none", "p")]
    grouped = group_by_count(rows, least=8)
    assert {name: len(items) for name, items in grouped.items()} == {"pairs_0": 1, "pairs_1": 15, "pairs_2": 8}
    assert [row.negatives for row in grouped["pairs_2"][3:]] == [["z", "z"]] * 5


def test_what_is_too_few_for_a_batch_rises_altogether_and_no_negative_is_lost():
    rows = [Row(f"t{n}", "p", ["x", "y", "z"]) for n in range(9)] + [Row(f"s{n}", "p", ["u", "v"]) for n in range(2)]
    grouped = group_by_count(rows, least=8)
    assert {name: len(items) for name, items in grouped.items()} == {"pairs_3": 11}
    assert [row.negatives for row in grouped["pairs_3"][9:]] == [["u", "v", "u"]] * 2


@given(
    counts=st.lists(st.integers(0, 4), max_size=60),
    least=st.integers(1, 20),
)
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_grouping_keeps_every_row_and_shows_no_negative_that_is_not_its_own(counts: list[int], least: int):
    rows = [Row(f"r{n}", "p", [f"n{n}-{place}" for place in range(count)]) for n, count in enumerate(counts)]
    grouped = group_by_count(rows, least=least)
    kept = {row.anchor: row for items in grouped.values() for row in items}
    assert sorted(kept) == sorted(row.anchor for row in rows)
    assert sum(map(len, grouped.values())) == len(rows)
    for row in rows:
        assert set(kept[row.anchor].negatives) == set(row.negatives)
    for items in grouped.values():
        assert len({len(row.negatives) for row in items}) == 1
    small = [name for name, items in grouped.items() if len(items) < least and name != "pairs_0"]
    assert not small or sum(bool(count) for count in counts) < least


def test_a_document_that_answers_a_paraphrase_is_never_a_negative_and_is_counted_as_a_contradiction():
    anchors = [
        LabelledAnchor("a1", "first", Part.TRAIN, {"p1": 3}, ["n1", "p2"], "a1"),
        LabelledAnchor("a2", "first again", Part.TRAIN, {"p2": 3}, ["p9"], "a1"),
    ]
    data = SnapshotData("s", anchors, {name: name for name in ("p1", "p2", "n1", "p9")})
    plan = plan_rows(data, TuneConfig(), {"p1": "p1", "p9": "p1"})
    assert plan.contradictions == [("a1", "p2"), ("a2", "p9")]
    assert [row.negatives for row in plan.rows] == [["n1"], []]
    assert [row.answers for row in plan.rows] == [frozenset({"p1", "p2"})] * 2


def test_a_question_that_is_held_out_is_not_trained_on():
    anchors = [
        LabelledAnchor("a1", "What of it?", Part.TRAIN, {"p1": 3}, []),
        LabelledAnchor("a2", "what  of IT?", Part.TEST, {"p2": 3}, []),
        LabelledAnchor("a3", "another", Part.TRAIN, {"p1": 3}, [], "a4"),
        LabelledAnchor("a4", "one more", Part.DEV, {"p2": 3}, [], "a4"),
        LabelledAnchor("a5", "free", Part.TRAIN, {"p1": 3}, []),
    ]
    plan = plan_rows(SnapshotData("s", anchors, {"p1": "p1", "p2": "p2"}), TuneConfig())
    assert (list(plan.same_question), [row.anchor_id for row in plan.rows]) == (["a1", "a3"], ["a5"])


def test_unreviewed_negatives_only_fill_what_reviewed_ones_leave_and_are_counted():
    data = snapshot()
    extras = Extras({"t1": ("amb",)}, {"t1": ("m1", "p3", "held", "amb"), "t2": ("m1", "m2", "m3")}, {name: f"text {name}" for name in ("m1", "m2", "m3")})
    plan = plan_rows(data, TuneConfig(negatives=2), None, extras)
    assert [len(row.negatives) for row in plan.rows] == [2, 2, 2]
    assert set(plan.rows[2].negatives) <= {"text m1", "text m2", "text m3"}
    assert plan.unreviewed == 2
    assert [row.ambiguous for row in plan.rows] == [frozenset({"amb"})] * 2 + [frozenset()]
    assert Extras.from_json(extras.to_json()) == extras
    assert Extras.from_json(extras.to_json()).id == extras.id


def test_the_scale_is_the_model_familys_own_unless_it_is_set():
    record = ModelRecord("i", "bge-small-en-v1.5", ModelKind.BASE, "/models/x", 384, 512)
    assert choose_scale(TuneConfig(), record) == 50.0
    assert choose_scale(TuneConfig(), replace(record, name="all-MiniLM-L6-v2")) == 20.0
    assert choose_scale(TuneConfig(scale=7.0), record) == 7.0


def test_rows_that_share_an_answer_set_how_many_batches_there_are_at_least():
    free = [Row(f"f{n}", "p", anchor_id=f"f{n}", answers=frozenset([f"d{n}"])) for n in range(10)]
    related = [Row(f"r{n}", "p", anchor_id=f"r{n}", answers=frozenset(["d"])) for n in range(4)]
    assert [count_least_batches(rows, 8) for rows in (free, related, [*free, *related], [])] == [2, 4, 4, 0]


def test_lessons_hold_back_what_gives_held_out_questions_and_answers_away():
    anchors = [
        LabelledAnchor("t1", "Ask it", Part.TRAIN, {"p1": 3, "p2": 1}, ["n1", "held", "p3"]),
        LabelledAnchor("t2", "ask it otherwise", Part.TRAIN, {"p3": 2}, [], group="t1"),
        LabelledAnchor("t3", "the  SAME question", Part.TRAIN, {"p4": 2}, []),
        LabelledAnchor("v1", "the same question", Part.DEV, {"held": 3}, []),
    ]
    names = ["p1", "p2", "p3", "p4", "n1", "held"]
    data = SnapshotData("s", [replace(anchors[0], group="t1"), *anchors[1:]], {name: f"text {name}" for name in names})
    found = list_lessons(data, 2, {"p1": "twins", "p4": "twins"})
    assert [(item.anchor.id, item.chosen, item.reviewed) for item in found.lessons] == [("t1", ["p1"], ["n1"]), ("t2", ["p3"], [])]
    assert found.lessons[0].known == found.lessons[1].known == {"twins", "p2", "p3"}
    assert (found.same_question, found.contradictions, found.kept_back) == (["t3"], [("t1", "p3")], 1)
