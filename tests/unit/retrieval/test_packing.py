"""Batches of like length, and counting tokens for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.retrieval.encoder import pack_by_length


def test_texts_of_like_length_share_a_batch_that_keeps_to_its_tokens() -> None:
    assert pack_by_length([3, 10, 4, 9, 2, 25], budget=20, most=8) == [[5], [1, 3], [2, 0, 4]]


def test_a_batch_keeps_to_its_number_of_texts_however_short_they_are() -> None:
    assert pack_by_length([1, 1, 1, 1, 1], budget=1000, most=2) == [[0, 1], [2, 3], [4]]


def test_without_texts_there_is_no_batch() -> None:
    assert pack_by_length([], budget=10, most=2) == []


@given(st.lists(st.integers(0, 60), max_size=60), st.integers(1, 100), st.integers(1, 9))
def test_every_row_stands_in_one_batch_and_none_is_over_its_limits(lengths: list[int], budget: int, most: int) -> None:
    batches = pack_by_length(lengths, budget, most)
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) <= most
        assert len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= budget
    longest = [max(lengths[row] for row in rows) for rows in batches]
    assert longest == sorted(longest, reverse=True)
