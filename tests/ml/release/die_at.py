"""Re-indexes in processes of their own that are killed, by SIGKILL, at one place each: `python -m tests.ml.release.die_at HOME INDEXES MODEL PLACE …`.

PLACE is a stage's words (killed as it begins) or a method of the store with the call after which it dies: `upsert 2`. Each has its index in a folder of its
number below INDEXES. The processes are forks of one that has loaded the libraries; it prints the signal that ended each, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.release.reindex import reindex
from core.release.stores.faiss_files import FaissFiles
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
        if message == self.place:
            die()


def kill_after(store: FaissFiles, method: str, call: int) -> None:
    """Have the process die when a method of the store has done its work for the n-th time."""
    real: Callable[..., Any] = getattr(store, method)
    calls = [0]

    def dying(*arguments: Any) -> Any:
        result = real(*arguments)
        calls[0] += 1
        if calls[0] == call:
            die()
        return result

    setattr(store, method, dying)


def reindex_and_die(home: str, index: Path, model: str, place: str) -> None:
    import torch

    torch.set_num_threads(1)
    workspace = open_workspace(home)
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, "small", model)
    store = FaissFiles(index, "clauses")
    method, _, call = place.partition(" ")
    if call.isdigit():
        kill_after(store, method, int(call))
    reindex(workspace, "small", record, store, DyingSpeaker(place), batch=BATCH)


def main() -> None:
    import sentence_transformers  # noqa: F401  (loaded once, for all)

    home, indexes, model, *places = sys.argv[1:]
    signals = []
    for number, place in enumerate(places):
        child = os.fork()
        if child == 0:
            reindex_and_die(home, Path(indexes) / str(number), model, place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        signals.append(os.WTERMSIG(status))
    print(json.dumps(signals))


if __name__ == "__main__":
    main()
