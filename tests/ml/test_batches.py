"""Batches in which no row contradicts another."""

from __future__ import annotations

import math

import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tuning.batches import ApartSampler, make_sampler, plan_batches, plan_epoch
from core.tuning.dataset import Row

DOCUMENT = st.integers(0, 12).map("d{}".format)


@st.composite
def rows(draw) -> list[Row]:
    answers = {f"a{n}": draw(st.frozensets(DOCUMENT, min_size=1, max_size=3)) for n in range(6)}
    groups = {anchor: draw(st.sampled_from(["", "g"])) and f"g{n % 3}" for n, anchor in enumerate(answers)}
    doubtful = {anchor: draw(st.frozensets(DOCUMENT, max_size=1)) for anchor in answers}
    found = []
    for _ in range(draw(st.integers(1, 25))):
        anchor = draw(st.sampled_from(sorted(answers)))
        shown = frozenset([draw(st.sampled_from(sorted(answers[anchor]))), *(draw(st.lists(DOCUMENT, max_size=2)))])
        found.append(Row(anchor, "p", [], anchor, shown, answers[anchor], group=groups[anchor], ambiguous=doubtful[anchor]))
    return found


@given(rows=rows(), size=st.integers(1, 8), seed=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_no_batch_holds_a_conflict_and_each_row_stands_in_exactly_one(rows: list[Row], size: int, seed):
    order = list(range(len(rows)))
    seed.shuffle(order)
    batches = plan_batches(rows, order, size)
    assert sorted(place for batch in batches for place in batch) == list(range(len(rows)))
    for batch in batches:
        assert 1 <= len(batch) <= size
        for one in batch:
            for other in batch:
                if one < other:
                    assert rows[one].anchor_id != rows[other].anchor_id
                    assert rows[one].shown.isdisjoint(rows[other].answers)
                    assert rows[other].shown.isdisjoint(rows[one].answers)
                    assert rows[one].answers.isdisjoint(rows[other].answers)
                    assert rows[one].group != rows[other].group or not rows[one].group
                    assert rows[one].shown.isdisjoint(rows[other].ambiguous)
                    assert rows[other].shown.isdisjoint(rows[one].ambiguous)


def plan_by_trying_every_batch(rows: list[Row], order: list[int], size: int) -> list[list[int]]:
    """The same packing, spelled out: each row to the emptiest batch that admits it."""
    batches: list[list[int]] = [[] for _ in range(math.ceil(len(order) / size))]
    for index in order:
        admitting = [batch for batch in batches if len(batch) < size and not any(in_conflict(rows[index], rows[other]) for other in batch)]
        if not admitting:
            batches.append([])
            admitting = batches[-1:]
        min(admitting, key=len).append(index)
    return batches


def in_conflict(one: Row, other: Row) -> bool:
    return (
        (one.group or one.anchor_id) == (other.group or other.anchor_id)
        or bool(one.answers & other.answers or one.shown & other.answers or other.shown & one.answers)
        or bool(one.shown & other.ambiguous or other.shown & one.ambiguous)
    )


@given(rows=rows(), size=st.integers(1, 8))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_the_quick_planner_plans_what_trying_every_batch_plans(rows: list[Row], size: int):
    order = list(range(len(rows)))
    assert plan_batches(rows, order, size) == plan_by_trying_every_batch(rows, order, size)


def test_rows_without_conflict_fill_their_batches():
    free = [Row(str(n), "p", anchor_id=f"a{n}") for n in range(10)]
    assert sorted(len(batch) for batch in plan_batches(free, range(10), 4)) == [3, 3, 4]
    assert plan_batches([], [], 4) == []


def test_every_row_is_seen_in_every_epoch_however_crowded_and_epochs_are_equally_long():
    crowded = [Row("a", "p", anchor_id=f"a{n}", shown=frozenset([f"d{n}-{k}"])) for n in range(10) for k in range(8)]
    sampler = ApartSampler(crowded, 3, crowded, batch_size=32, drop_last=False, generator=torch.Generator(), seed=0)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert sorted(place for batch in batches for place in batch) == list(range(80))


@given(rows=rows(), size=st.integers(1, 8), count=st.integers(0, 30))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_as_many_batches_as_asked_for_and_still_each_row_once(rows: list[Row], size: int, count: int):
    batches = plan_batches(rows, range(len(rows)), size, count=count)
    assert len(batches) >= min(count, len(rows))
    assert sorted(place for batch in batches for place in batch) == list(range(len(rows)))


def test_an_epoch_is_shuffled_by_its_seed_and_number_alone():
    rows = [Row(str(n), "p", anchor_id=f"b{n}") for n in range(12)]
    assert plan_epoch(rows, 4, 0, seed=7) == plan_epoch(rows, 4, 0, seed=7)
    assert plan_epoch(rows, 4, 0, seed=7) != plan_epoch(rows, 4, 1, seed=7)
    assert plan_epoch(rows, 4, 0, seed=7) != plan_epoch(rows, 4, 0, seed=8)


def test_the_sampler_finds_the_rows_of_each_data_set():
    pairs, triples = [Row("a", "p", anchor_id="a")], [Row("b", "p", ["n"], "b"), Row("c", "p", ["n"], "c")]
    build = make_sampler([pairs, triples], 1)
    data = Dataset.from_dict({"anchor": ["b", "c"], "positive": ["p", "p"], "negative_1": ["n", "n"]})
    assert build(data, batch_size=2, drop_last=False, generator=torch.Generator(), seed=0).rows == triples
