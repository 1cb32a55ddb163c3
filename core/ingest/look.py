"""A first look at what a person chose: its kind, and of a table its columns with some of its rows, for them to say what is what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.ingest.bundle import Problem
from core.ingest.columns import ColumnMap, guess_map
from core.ingest.kinds import Kind, find_kinds, open_path
from core.ingest.tables import Table, read_table

ROWS = 5


@dataclass(frozen=True)
class Look:
    """`table` has the first rows, and `guess` what its columns seem to be; both None where it is no table, or one that cannot be read."""

    kind: Kind
    table: Table | None = None
    guess: ColumnMap | None = None
    kinds: Sequence[Kind] = ()
    """What it could be by its ending, the kind it is taken for among them."""


def look_at(path: Path, *, kind: Kind | None = None) -> Look:
    """Look at a file, a folder or its zip, as the kind it seems to be, or as `kind`.

    Raises `PairsmithError` when nothing is there, its kind cannot be told or an archive is refused.
    """
    with open_path(path) as opened:
        kinds = find_kinds(opened)
        kind = kind or kinds[0]
        if kind != Kind.TABLE:
            return Look(kind, kinds=kinds)
        problems: list[Problem] = []
        table = read_table(opened, problems, limit=ROWS)
        return Look(kind, table, guess_map(table), kinds) if table.columns and table.rows else Look(kind, kinds=kinds)
