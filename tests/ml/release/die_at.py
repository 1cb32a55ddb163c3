"""Re-indexes in processes of their own that are killed, by SIGKILL, at one place each: `python -m tests.ml.release.die_at HOME MODEL WORK`.

WORK is JSON: for each process the kind of store, its place, the alias, and where to die. That is a stage's words (killed as it begins), `in` and a stage's
words (at its first report), or a method of the store with its number of calls: `upsert 2` dies after it, `before upsert 2` when it is called. The processes are
forks of one that has loaded the libraries; it prints the signal that ended each, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from core.release.reindex import reindex
from core.release.store import Store
from core.release.stores import opened
from core.release.target import StoreKind, Target
from core.store import artefacts
from core.workspace import open_workspace
from tests.ml.release.conftest import Quiet

BATCH = 5


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingSpeaker(Quiet):
    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        super().stage(message)
        if message == self.place:
            die()

    def report(self, step: int, *rest: Any, **figures: Any) -> None:
        if self.place == f"in {self.stages[-1]}":
            die()


def kill_at(store: Store, method: str, call: int, before: bool) -> None:
    """Have the process die when a method of the store is called for the n-th time, or has done its work then."""
    real: Callable[..., Any] = getattr(store, method)
    calls = [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if before and calls[0] == call:
            die()
        result = real(*arguments)
        if calls[0] == call:
            die()
        return result

    setattr(store, method, dying)


def reindex_and_die(home: str, model: str, target: Target, place: str) -> None:
    import torch

    torch.set_num_threads(1)
    workspace = open_workspace(home)
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, "small", model)
    with opened(target, workspace.settings) as store:
        *_, method, call = ["", *place.split()]
        if call.isdigit():
            kill_at(store, method, int(call), place.startswith("before "))
        reindex(workspace, "small", record, store, DyingSpeaker(place), batch=BATCH)


def main() -> None:
    import sentence_transformers  # noqa: F401  (loaded once, for all)

    home, model, work = sys.argv[1:]
    signals = []
    for kind, folder, alias, place in json.loads(work):
        child = os.fork()
        if child == 0:
            reindex_and_die(home, model, Target(StoreKind(kind), folder, alias), place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        signals.append(os.WTERMSIG(status))
    print(json.dumps(signals))


if __name__ == "__main__":
    main()
