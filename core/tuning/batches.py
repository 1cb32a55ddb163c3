"""Batches in which no row's document answers another row's anchor: a false negative inside a batch teaches the opposite of the label."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from sentence_transformers.base.sampler import DefaultBatchSampler

from core.tuning.dataset import Row


def plan_batches(rows: Sequence[Row], order: Sequence[int], size: int, *, count: int = 0) -> list[list[int]]:
    """Rows in `order` packed into batches of at most `size` without conflict; each row stands in exactly one.

    Two rows conflict when their anchors are one, or paraphrases of each other, or share an answer, or when a document of one answers the anchor of the
    other or is ambiguous to it; documents count by near-duplicate group. A row goes to the emptiest batch that admits it, ties to the earliest, so sizes
    stay even; where none does, a new batch begins. `count`: at least so many batches (the largest are halved), as far as there are rows.

    Cost: rows times documents of a row, and a heap step for each batch a row is kept out of, where trying every batch costs rows times batches.
    """
    return _halve(_pack(rows, order, size), min(count, len(order)))


def plan_epoch(rows: Sequence[Row], size: int, epoch: int, seed: int, *, count: int = 0) -> list[list[int]]:
    """The batches of one epoch, shuffled by seed and epoch alone, so that a resumed training sees what an undisturbed one would have."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    return plan_batches(rows, torch.randperm(len(rows), generator=generator).tolist(), size, count=count)


def plan_training(rows: Sequence[Row], size: int, epochs: int, seed: int) -> list[list[list[int]]]:
    """The batches of each epoch, as many in each: what the most crowded of them needs to hold every row."""
    planned = [plan_epoch(rows, size, epoch, seed) for epoch in range(epochs)]
    count = max(map(len, planned))
    return [_halve(batches, min(count, len(rows))) for batches in planned]


def _pack(rows: Sequence[Row], order: Sequence[int], size: int) -> list[list[int]]:
    batches: list[list[int]] = [[] for _ in range(math.ceil(len(order) / size))]
    open_ones = [(0, place) for place in range(len(batches))]  # by fill, then age; full ones are left out
    holding: dict[tuple[str, str], set[int]] = {}
    """The batches that hold a group, a document, an answer or an ambiguous document."""
    for index in order:
        row = rows[index]
        barred = set().union(*(holding.get(key, ()) for key in _list_conflicts(row)))
        passed = []
        while open_ones and open_ones[0][1] in barred:
            passed.append(heapq.heappop(open_ones))
        if open_ones:
            _, place = heapq.heappop(open_ones)
        else:
            place = len(batches)
            batches.append([])
        for item in passed:
            heapq.heappush(open_ones, item)
        batches[place].append(index)
        if len(batches[place]) < size:
            heapq.heappush(open_ones, (len(batches[place]), place))
        for key in _list_holdings(row):
            holding.setdefault(key, set()).add(place)
    return batches


def _list_conflicts(row: Row) -> list[tuple[str, str]]:
    """What a batch must not hold to admit the row."""
    return [
        ("group", row.group or row.anchor_id),
        *(("answer", name) for name in row.answers | row.shown),
        *(("shown", name) for name in row.answers | row.ambiguous),
        *(("ambiguous", name) for name in row.shown),
    ]


def _list_holdings(row: Row) -> list[tuple[str, str]]:
    return [
        ("group", row.group or row.anchor_id),
        *(("answer", name) for name in row.answers),
        *(("shown", name) for name in row.shown),
        *(("ambiguous", name) for name in row.ambiguous),
    ]


def _halve(batches: Sequence[list[int]], count: int) -> list[list[int]]:
    planned = list(batches)
    while len(planned) < count:
        largest = max(planned, key=len)
        planned.remove(largest)
        planned += [largest[::2], largest[1::2]]
    return planned


class ApartSampler(DefaultBatchSampler):  # type: ignore[misc]
    """Shuffled batches by `plan_training`: every row once an epoch, as many batches in each.

    Parameters: `rows`, those of the data set in its order; `epochs`, how many will be asked for; the others are the trainer's.
    """

    def __init__(self, rows: Sequence[Row], epochs: int, dataset: Any, **options: Any) -> None:
        super().__init__(dataset, **options)
        self.rows = rows
        self._planned = plan_training(rows, self.batch_size, epochs, self.seed)

    def __iter__(self) -> Iterator[list[int]]:
        yield from self._planned[self.epoch % len(self._planned)]

    def __len__(self) -> int:
        return len(self._planned[0])


def make_sampler(datasets: Sequence[Sequence[Row]], epochs: int) -> Callable[..., ApartSampler]:
    """What the trainer calls for each data set; told apart by its first row's texts and its length."""
    by_content = {(len(rows), rows[0].anchor, rows[0].positive, len(rows[0].negatives)): rows for rows in datasets}

    def build(dataset: Any, **options: Any) -> ApartSampler:
        first = dataset[0]
        negatives = sum(name.startswith("negative_") for name in first)  # the trainer may have added a column of its own
        return ApartSampler(by_content[len(dataset), first["anchor"], first["positive"], negatives], epochs, dataset, **options)

    return build
