"""What stays for good is taken out of the collector's walk, once a page."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pages._ui.memory import settle_memory


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_the_second_run_of_a_page_freezes_what_is_alive_and_no_later_one_does_again():
    settle_memory("a page of this test")
    assert gc.get_freeze_count() == 0
    settle_memory("a page of this test")
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    kept = [[n] for n in range(1_000)]
    settle_memory("a page of this test")
    assert gc.get_freeze_count() <= frozen
    assert len(kept) == 1_000
