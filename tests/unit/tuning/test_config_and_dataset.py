"""What a run is told, and the rows it trains on."""

from __future__ import annotations

import pytest

import sample_data
from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.model import PairsmithError, Part
from core.tuning.config import TuneConfig, estimate_run
from core.tuning.dataset import Row, build_rows, group_by_count, mix_generic, read_generic


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
    ],
)
def test_a_setting_out_of_bounds_is_refused(values: dict):
    with pytest.raises(PairsmithError, match=next(iter(values))):
        TuneConfig(**values)


def test_a_configuration_survives_json_and_an_unknown_name_is_an_error():
    config = TuneConfig(epochs=5, scale=50.0)
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
