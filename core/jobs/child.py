"""One run in a process of its own: `python -m core.jobs.child RUN_ID ATTEMPT`.

Whatever happens ends as a state a person can read: an error in plain words in the run, the traceback in its log.
"""

from __future__ import annotations

import errno
import importlib
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from core.jobs.engine import LocalEngine
from core.jobs.reporter import Cancelled, Reporter, Superseded
from core.model import PairsmithError, Run, RunKind, RunStatus
from core.store import runs
from core.workspace import Workspace, open_workspace

HANDLERS = {
    RunKind.EMBED: "core.jobs.handlers:embed",
    RunKind.MINE: "core.jobs.handlers:mine",
    RunKind.TUNE: "core.jobs.handlers:tune",
    RunKind.EVALUATE: "core.jobs.handlers:evaluate",
    RunKind.MAP: "core.jobs.handlers:draw_map",
    RunKind.RERANKER: "core.jobs.handlers:train_reranker",
    RunKind.TAKE: "core.jobs.taking:take",
    RunKind.METER: "core.jobs.handlers:meter",
    RunKind.QUANTISE: "core.jobs.handlers:quantise",
    RunKind.REINDEX: "core.jobs.handlers:reindex_project",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAID_WHEN_FULL = ("no space left", "disk quota exceeded", "file too large", "pytorchstreamwriter failed", "enforce fail at inline_container")
"""What libraries that write by themselves say instead of an errno."""
_SAID_WITHOUT_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
Handler = Callable[[Workspace, Run, Reporter], Mapping[str, Any]]


def execute_run(workspace: Workspace, run: Run) -> RunStatus:
    """Carry out a claimed run and store how it ended. Returns the state it ended in."""
    engine = LocalEngine(workspace)
    with Reporter(engine, run) as reporter:
        signal.signal(signal.SIGTERM, lambda *_: reporter.stop())
        try:
            result: Mapping[str, Any] | None = _find_handler(run.kind)(workspace, run, reporter)
            status, error = RunStatus.SUCCEEDED, None
        except Cancelled as stop:
            if not _was_asked(workspace, run):  # the machine goes down, nobody cancelled: another attempt goes on from here
                with workspace.store.write() as conn:
                    runs.requeue_run(conn, run.id, run.attempt)
                return RunStatus.QUEUED
            result, status, error = stop.result, RunStatus.CANCELLED, None
        except Superseded:
            print("Another process took this run over; stopping.", file=sys.stderr)
            return RunStatus.LOST
        except BaseException as problem:
            traceback.print_exc()
            result, status, error = None, RunStatus.FAILED, explain(problem)
        reporter.flush()
    engine.finish(run.id, run.attempt, status, result=result, error=error)
    return status


def _was_asked(workspace: Workspace, run: Run) -> bool:
    with workspace.store.read() as conn:
        return runs.get_run(conn, run.id).cancel_requested


def explain(problem: BaseException) -> str:
    """The failure in plain words, with what to do."""
    if isinstance(problem, PairsmithError):
        return str(problem)
    chain = _list_chain(problem)
    said = " ".join(str(item) for item in chain).lower()
    if any(isinstance(item, OSError) and item.errno in _FULL for item in chain) or any(words in said for words in _SAID_WHEN_FULL):
        return "The disk is full. Free some space, then start a new run: it begins from the start."
    if any(isinstance(item, MemoryError) for item in chain) or any(words in said for words in _SAID_WITHOUT_MEMORY):
        return "There was not enough memory. Use a smaller batch, the loss in mini-batches or fewer hard negatives a row, then start the run again."
    return f"The run stopped on an unexpected error ({type(problem).__name__}). The log has the details."


def _list_chain(problem: BaseException) -> list[BaseException]:
    """The error and those it came from: a library that writes by itself may hide a full disk behind an error of its own."""
    found: list[BaseException] = []
    item: BaseException | None = problem
    while item is not None and item not in found:
        found.append(item)
        item = item.__cause__ or item.__context__
    return found


def _find_handler(kind: RunKind) -> Handler:
    module, _, name = HANDLERS[kind].partition(":")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


def main() -> int:
    """Run what the supervisor claimed; exit code 0 when the run ended in a state, whatever it was."""
    run_id, attempt = sys.argv[1], int(sys.argv[2])
    workspace = open_workspace()
    with workspace.store.read() as conn:
        run = runs.get_run(conn, run_id)
    if run.status != RunStatus.RUNNING or run.attempt != attempt:
        print(f"Run {run_id} is {run.status}, attempt {run.attempt}: nothing to do.", file=sys.stderr)
        return 0
    execute_run(workspace, run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
