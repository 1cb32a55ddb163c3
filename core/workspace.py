"""The composition root: one home folder with its store. Everything that works gets a `Workspace` handed in.

The folder holds the database, `vectors/`, `models/`, `snapshots/`, `lexical/`, `maps/` and `runs/<id>/`, and is safe to copy while nothing runs:
what the database says of files in it is relative to it, so that a home that was moved or restored elsewhere finds its models and maps.
"""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core.settings import Settings, load_settings
from core.store import Store, open_store

CHECKPOINTS = "checkpoints"
"""Folder of a run that only its next attempt needs: it goes when the run is over."""
UNFINISHED = ".unfinished"
"""How the name of a folder ends that is not whole yet."""


@dataclass(frozen=True)
class Workspace:
    """A home folder, its settings and its open store."""

    settings: Settings
    store: Store

    def __post_init__(self) -> None:
        self.store.home = self.settings.home

    @property
    def home(self) -> Path:
        """The folder that holds all state."""
        return self.settings.home

    def folder(self, *names: str) -> Path:
        """A folder below the home, made where it is missing."""
        path = self.home.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def unfinished_model(self, run_id: str) -> Path:
        """Where a run writes a model until it is whole. What a kill leaves there goes when the run is over."""
        return self.home / "models" / f".{run_id}{UNFINISHED}"

    def run_folder(self, run_id: str) -> Path:
        """Where a run keeps its log, checkpoints and results."""
        return self.folder("runs", run_id)


def open_workspace(home: Path | str | None = None) -> Workspace:
    """Open the home folder given, or that of the settings, making it on first use."""
    settings = load_settings()
    if home is not None:
        settings = settings.model_copy(update={"home": Path(home).expanduser().resolve()})
    return Workspace(settings=settings, store=open_store(settings.url))


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all: yields a temporary path beside it, moved over `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def draft_folder(parent: Path, kind: str) -> Iterator[Path]:
    """A path of its own in `parent` for a folder that is moved where it belongs once it is whole; what lies there when the block ends goes.

    What processes that were killed left of the same kind goes first: one that lives holds the lock beside its draft.
    """
    for left in parent.glob(f".{kind}-*.lock"):
        with suppress(Timeout), FileLock(left, timeout=0):
            _discard(left)
    draft = parent / f".{kind}-{uuid.uuid4().hex}{UNFINISHED}"
    lock = draft.with_suffix(".lock")
    with FileLock(lock):
        try:
            yield draft
        finally:
            _discard(lock)


def _discard(lock: Path) -> None:
    shutil.rmtree(lock.with_suffix(UNFINISHED), ignore_errors=True)
    lock.unlink(missing_ok=True)
