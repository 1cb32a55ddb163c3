"""A copy of the home while it is in use: the database first, then the files.

A run writes its files before it registers them, so what a database says was there when it was copied is there when the files are. The other order would
give a database that names models and maps the copy does not have. A file that comes in between is carried too and named by nothing, which harms
nothing; a snapshot or an index that goes missing is made again. The copy appears whole or not at all. Refuses a database outside the home.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from core.model import PairsmithError
from core.workspace import CHECKPOINTS, Workspace


def back_up_home(workspace: Workspace, out: Path) -> int:
    """Copy the home to the folder `out`, which must not exist. Returns the number of files beside the database.

    Checkpoints of unfinished runs and half-written files are left out. Raises `PairsmithError` on PostgreSQL, where `out` exists or lies in
    the home, and where copying fails.
    """
    engine, out = workspace.store.engine, out.expanduser().resolve()
    if engine.dialect.name != "sqlite" or not engine.url.database or not Path(engine.url.database).resolve().is_relative_to(workspace.home):
        raise PairsmithError(
            f"The database is not a file in the home ({engine.url.render_as_string()}). "
            f"Copy it with its own tool first (pg_dump), then the folder {workspace.home}."
        )
    if out.exists() or out.is_relative_to(workspace.home):
        raise PairsmithError(f"{out} exists already or lies in the home. Name a new folder outside of {workspace.home}.")
    database = Path(engine.url.database).resolve()
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        copy = partial / database.relative_to(workspace.home)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        files = sum(_copy(path, partial / path.relative_to(workspace.home)) for path in workspace.home.rglob("*") if _is_wanted(path, workspace.home, database))
        partial.rename(out)
    except (OSError, sqlite3.Error) as error:
        raise PairsmithError(f"The backup to {out} failed: {error}. Nothing was left there.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return files


def _is_wanted(path: Path, home: Path, database: Path) -> bool:
    is_database = path.name.startswith(database.name) and path.parent == database.parent
    return not is_database and not _is_half(path.relative_to(home).parts) and path.is_file()


def _is_half(parts: Sequence[str]) -> bool:
    """Whether the path below a home is what a run has not finished: its checkpoints, a model that is being written and its lock, a file before it is moved."""
    match parts:
        case ("runs", _, folder, *_):
            is_left = folder == CHECKPOINTS
        case ("models", name, *_):
            is_left = name.startswith(".")
        case _:
            is_left = False
    return is_left or parts[-1].endswith(".tmp")


def _copy(path: Path, to: Path) -> bool:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy2(path, to)
    except FileNotFoundError:  # replaced or removed since it was listed: nothing in the database's copy needs it
        return False
    return True
