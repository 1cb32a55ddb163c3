"""A failure in plain words, whoever raised it."""

from __future__ import annotations

import errno

import pytest

from core.jobs.child import explain


def raise_from(cause: BaseException, problem: BaseException) -> BaseException:
    """The problem as raised while the cause was handled, as a writer does that closes its file after a fault."""
    try:
        try:
            raise cause
        except BaseException:
            raise problem  # noqa: B904
    except BaseException as error:
        return error


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EFBIG, "File too large"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 399040 vs 398928"),
        raise_from(OSError(errno.ENOSPC, "a"), RuntimeError("could not close")),
    ],
)
def test_a_full_disk_is_told_as_one_even_where_a_library_hides_it(problem: BaseException) -> None:
    assert explain(problem).startswith("The disk is full.")


@pytest.mark.parametrize("problem", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")])
def test_too_little_memory_names_what_takes_less(problem: BaseException) -> None:
    assert "Use a smaller batch, the loss in mini-batches" in explain(problem)


def test_anything_else_points_to_the_log() -> None:
    assert explain(KeyError("x")) == "The run stopped on an unexpected error (KeyError). The log has the details."
