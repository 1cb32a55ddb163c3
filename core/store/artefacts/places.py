"""What the artefacts share: ids, rows, and the place of a file. One inside the home is stored relative to it, so that a home may move."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row


def new_id() -> str:
    """A short random id for something a run leaves behind."""
    return uuid.uuid4().hex[:12]


def read_values(row: Row[tuple[object, ...]]) -> dict[str, Any]:
    """A row as the fields of its value."""
    return {name: value for name, value in row._mapping.items() if name != "project_id"}


def to_place(conn: Connection, path: str) -> str:
    """How a path is stored: relative to the home where it lies in it."""
    home: Path | None = conn.get_execution_options().get("pairsmith_home")
    return Path(path).relative_to(home).as_posix() if home is not None and Path(path).is_relative_to(home) else path


def from_place(conn: Connection, place: str) -> str:
    """The absolute path of what a run left. An absolute place, as once stored, is looked for in this home first: the home may have moved since."""
    home: Path | None = conn.get_execution_options().get("pairsmith_home")
    if home is None:
        return place
    if not Path(place).is_absolute():
        return str(home / place)
    here = home.joinpath(*Path(place).parts[-2:])
    return str(here) if here.exists() else place
