"""A failure in plain words, whoever raised it."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable

import numpy as np
import pytest
import torch

from core.jobs.child import explain
from core.jobs.worker import explain_exit


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


@pytest.mark.parametrize("allocate", [lambda: torch.empty(10**15), lambda: np.empty(10**15), lambda: bytearray(10**18)])
def test_memory_that_the_libraries_really_refuse_is_told_as_too_little(allocate: Callable[[], object]) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as refused:
        allocate()
    assert explain(refused.value).startswith("There was not enough memory.")


def test_a_process_killed_from_outside_is_told_as_that_with_what_takes_less_memory() -> None:
    """What the system does where memory runs out leaves no traceback to read."""
    killed = explain_exit(-signal.SIGKILL, 3)
    assert killed.startswith("The run's process was killed from outside 3 times: most often the system does that where memory runs out.")
    assert "smaller batch" in killed
    assert explain_exit(1, 1) == "The run's process ended without a result (exit code 1) once. Look at its log."


def test_anything_else_points_to_the_log() -> None:
    assert explain(KeyError("x")) == "The run stopped on an unexpected error (KeyError). The log has the details."
