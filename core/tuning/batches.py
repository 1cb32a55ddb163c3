"""Batches in which no row's document answers another row's anchor: a false negative inside a batch teaches the opposite of the label."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from sentence_transformers.base.sampler import DefaultBatchSampler

from core.tuning.dataset import Row


def plan_batches(rows: Sequence[Row], order: Sequence[int], size: int) -> list[list[int]]:
    """Rows in `order` packed into batches of at most `size` without conflict; each row stands in exactly one.

    Two rows conflict when they share the anchor, or a document of one answers the anchor of the other. First fit: a row goes to the first
    batch that has room and no conflict.
    """
    batches: list[_Batch] = []
    first_open = 0
    for index in order:
        row = rows[index]
        for batch in batches[first_open:]:
            if len(batch.rows) < size and batch.admits(row):
                batch.add(index, row)
                break
        else:
            batch = _Batch()
            batch.add(index, row)
            batches.append(batch)
        while first_open < len(batches) and len(batches[first_open].rows) >= size:
            first_open += 1
    return [batch.rows for batch in batches]


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
    """Shuffled batches by `plan_batches`. Yields as many as the rows need; leftovers that conflict with every batch wait for the next epoch.

    Parameters: `rows`, those of the data set in its order; the others are the trainer's.
    """

    def __init__(self, rows: Sequence[Row], dataset: Any, **options: Any) -> None:
        super().__init__(dataset, **options)
        self.rows = rows

    def __iter__(self) -> Iterator[list[int]]:
        if self.generator is not None and self.seed is not None:
            self.generator.manual_seed(self.seed + self.epoch)
        order = torch.randperm(len(self.rows), generator=self.generator).tolist()
        yield from plan_batches(self.rows, order, self.batch_size)[: len(self)]

    def __len__(self) -> int:
        size: int = self.batch_size
        return math.ceil(len(self.rows) / size)


def make_sampler(datasets: Sequence[Sequence[Row]]) -> Callable[..., ApartSampler]:
    """What the trainer calls for each data set; told apart by its first row's texts and its length."""
    by_content = {(len(rows), rows[0].anchor, rows[0].positive, len(rows[0].negatives)): rows for rows in datasets}

    def build(dataset: Any, **options: Any) -> ApartSampler:
        first = dataset[0]
        negatives = sum(name.startswith("negative_") for name in first)  # the trainer may have added a column of its own
        return ApartSampler(by_content[len(dataset), first["anchor"], first["positive"], negatives], dataset, **options)

    return build
