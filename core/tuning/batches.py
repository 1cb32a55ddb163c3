"""Batches in which no row's document answers another row's anchor: a false negative inside a batch teaches the opposite of the label."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from sentence_transformers.base.sampler import DefaultBatchSampler

from core.tuning.dataset import Row


def plan_batches(rows: Sequence[Row], order: Sequence[int], size: int, *, count: int = 0) -> list[list[int]]:
    """Rows in `order` packed into batches of at most `size` without conflict; each row stands in exactly one.

    Two rows conflict when they share the anchor, or a document of one answers the anchor of the other. A row goes to the emptiest batch that admits
    it, so sizes stay even; where none does, a new batch begins. `count`: at least so many batches (the largest are halved), as far as there are rows.
    """
    batches = [_Batch() for _ in range(math.ceil(len(order) / size))]
    for index in order:
        admitting = [batch for batch in batches if len(batch.rows) < size and batch.admits(rows[index])]
        if not admitting:
            admitting = [_Batch()]
            batches += admitting
        min(admitting, key=lambda batch: len(batch.rows)).add(index, rows[index])
    planned = [batch.rows for batch in batches]
    while len(planned) < min(count, len(order)):
        largest = max(planned, key=len)
        planned.remove(largest)
        planned += [largest[::2], largest[1::2]]
    return planned


def plan_epoch(rows: Sequence[Row], size: int, epoch: int, seed: int, *, count: int = 0) -> list[list[int]]:
    """The batches of one epoch, shuffled by seed and epoch alone, so that a resumed training sees what an undisturbed one would have."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    return plan_batches(rows, torch.randperm(len(rows), generator=generator).tolist(), size, count=count)


def count_batches(rows: Sequence[Row], size: int, epochs: int, seed: int) -> int:
    """Batches an epoch, the same for all `epochs`: as many as the most crowded of them needs to hold every row."""
    return max(len(plan_epoch(rows, size, epoch, seed)) for epoch in range(epochs))


class _Batch:
    def __init__(self) -> None:
        self.rows: list[int] = []
        self._anchors: set[str] = set()
        self._shown: set[str] = set()
        self._answers: set[str] = set()

    def admits(self, row: Row) -> bool:
        return row.anchor_id not in self._anchors and self._shown.isdisjoint(row.answers) and self._answers.isdisjoint(row.shown)

    def add(self, index: int, row: Row) -> None:
        self.rows.append(index)
        self._anchors.add(row.anchor_id)
        self._shown |= row.shown
        self._answers |= row.answers


class ApartSampler(DefaultBatchSampler):  # type: ignore[misc]
    """Shuffled batches by `plan_epoch`: every row once an epoch, as many batches in each.

    Parameters: `rows`, those of the data set in its order; `epochs`, how many will be asked for; the others are the trainer's.
    """

    def __init__(self, rows: Sequence[Row], epochs: int, dataset: Any, **options: Any) -> None:
        super().__init__(dataset, **options)
        self.rows = rows
        self._count = count_batches(rows, self.batch_size, epochs, self.seed)

    def __iter__(self) -> Iterator[list[int]]:
        yield from plan_epoch(self.rows, self.batch_size, self.epoch, self.seed, count=self._count)

    def __len__(self) -> int:
        return self._count


def make_sampler(datasets: Sequence[Sequence[Row]], epochs: int) -> Callable[..., ApartSampler]:
    """What the trainer calls for each data set; told apart by its first row's texts and its length."""
    by_content = {(len(rows), rows[0].anchor, rows[0].positive, len(rows[0].negatives)): rows for rows in datasets}

    def build(dataset: Any, **options: Any) -> ApartSampler:
        first = dataset[0]
        negatives = sum(name.startswith("negative_") for name in first)  # the trainer may have added a column of its own
        return ApartSampler(by_content[len(dataset), first["anchor"], first["positive"], negatives], epochs, dataset, **options)

    return build
