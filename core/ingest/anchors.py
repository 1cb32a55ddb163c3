"""Anchors from a table or from pasted lines: what would come in, shown before anything does, and storing it, all or nothing.

A table is read by the rules of every other one (`core.ingest.tables`); which of its columns is the question, the id and the group is guessed or chosen.
Invariants: a text that is there already, or was given before, is not added again; nothing replaces an anchor of the project; a fault names its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from core.ingest.bundle import ImportRefused, Problem
from core.ingest.columns import TableKind, guess_map
from core.ingest.lines import check_id, check_text
from core.ingest.tables import Table, read_pasted_table, read_table
from core.model import Anchor, hash_text
from core.store import corpus

PASTED = Path("pasted text")
MOST_ROWS = 100_000
MOST_CHARS = 4_000
"""A longer text is no question: most likely another column was meant."""


@dataclass(frozen=True)
class AnchorColumns:
    """Which columns of a table are what, by their names in its header; empty where there is none."""

    question: str
    id: str = ""
    group: str = ""


@dataclass(frozen=True)
class NumberedAnchor:
    """An anchor with the line it was read from, and whether its id was given there."""

    line: int
    anchor: Anchor
    has_id: bool = False


@dataclass(frozen=True)
class AnchorPlan:
    """What a source would bring: new anchors, those the project knows by text, those given twice (with the line that counts), and every fault."""

    new: Sequence[NumberedAnchor] = ()
    known: Sequence[NumberedAnchor] = ()
    repeated: Sequence[tuple[NumberedAnchor, int]] = ()
    problems: Sequence[Problem] = ()


def read_anchor_columns(source: Path | str) -> tuple[list[str], AnchorColumns]:
    """The names of a table's columns, none where it has no line, and which of them are what by their names.

    `source` is a file, or the text itself. Raises `ImportRefused` for a header that cannot be read.
    """
    problems: list[Problem] = []
    table = _open_table(source, problems, limit=1)
    if not table.columns:
        if _is_empty(source):
            return [], AnchorColumns("")
        raise ImportRefused(problems)
    guess = guess_map(table, TableKind.ANCHORS)
    return list(table.columns), AnchorColumns(guess.column("text") or "", guess.column("id") or "", guess.column("group") or "")


def read_anchor_table(source: Path | str, columns: AnchorColumns | None = None) -> tuple[list[NumberedAnchor], list[Problem]]:
    """The anchors of a table as `core.ingest.tables` reads it, in order, and every fault with its line.

    `source` is a file, or the text itself. `columns`: which are what, by their names where it is None. A row without any text is passed over. An anchor
    without an id is named by its text.
    """
    problems: list[Problem] = []
    table = _open_table(source, problems)
    if not table.columns:
        return [], problems
    if columns is None:
        guess = guess_map(table, TableKind.ANCHORS)
        columns = AnchorColumns(guess.column("text") or "", guess.column("id") or "", guess.column("group") or "")
    missing = [name for name in (columns.question, columns.id, columns.group) if name and name not in table.columns]
    if missing or not columns.question:
        what = f"the column {missing[0]!r} is not there" if missing else "no column is named as the question"
        return [], [*problems, Problem(table.path.name, 1, f"{what}; its columns are: {', '.join(table.columns)}.")]
    found: list[NumberedAnchor] = []
    for line, cells in table.rows:
        if not any(str(cell).strip() for cell in cells.values()):
            continue
        anchor_id, group = (str(cells[name]).strip() if name else "" for name in (columns.id, columns.group))
        _add(found, problems, table.path, line, cells[columns.question], anchor_id, group, named=bool(columns.id))
    if len(found) > MOST_ROWS:
        problems.append(Problem(table.path.name, 0, f"it holds {len(found):,} questions, {MOST_ROWS:,} at most come in at once; split it."))
    return found, problems


def read_anchor_lines(pasted: str) -> tuple[list[NumberedAnchor], list[Problem]]:
    """The anchors of pasted text, one a line, blank lines passed over, and every fault with its line."""
    problems: list[Problem] = []
    found: list[NumberedAnchor] = []
    clean = pasted.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for line, text in enumerate(clean.split("\n"), start=1):
        if text.strip():
            _add(found, problems, PASTED, line, text, "", "", named=False)
    if len(found) > MOST_ROWS:
        problems.append(Problem(PASTED.name, 0, f"{len(found):,} questions were pasted, {MOST_ROWS:,} at most come in at once; split them."))
    return found, problems


def plan_anchors(conn: Connection, project_id: str, found: Iterable[NumberedAnchor], problems: Sequence[Problem] = ()) -> AnchorPlan:
    """Sort what was read into new, known and repeated. An id that names another question, here or in the project, is a problem."""
    stored = corpus.read_anchors(conn, project_id)
    by_text, by_id = {anchor.text for anchor in stored}, {anchor.id: anchor.text for anchor in stored}
    first: dict[str, int] = {}
    named: dict[str, tuple[int, str]] = {}
    new: list[NumberedAnchor] = []
    known: list[NumberedAnchor] = []
    repeated: list[tuple[NumberedAnchor, int]] = []
    faults = list(problems)
    for item in found:
        anchor = item.anchor
        line, text = named.setdefault(anchor.id, (item.line, anchor.text))
        if text != anchor.text:
            faults.append(Problem("questions", item.line, f"the id {anchor.id!r} names another question in line {line}."))
        elif by_id.get(anchor.id, anchor.text) != anchor.text:
            faults.append(Problem("questions", item.line, f"the id {anchor.id!r} names another question of the project; give this one an id of its own."))
        elif anchor.text in first:
            repeated.append((item, first[anchor.text]))
        elif anchor.text in by_text:
            known.append(item)
        else:
            new.append(item)
        first.setdefault(anchor.text, item.line)
    return AnchorPlan(new, known, repeated, faults)


def store_anchors(conn: Connection, project_id: str, plan: AnchorPlan) -> int:
    """Store the new anchors of a plan, in the transaction of `conn`. Returns how many. Raises `ImportRefused` where the plan has problems."""
    if plan.problems:
        raise ImportRefused(plan.problems)
    return corpus.put_anchors(conn, project_id, [item.anchor for item in plan.new])


def _add(found: list[NumberedAnchor], problems: list[Problem], file: Path, line: int, value: str, anchor_id: str, group: str, *, named: bool) -> None:
    text = check_text(value, "the question", file, line, problems)
    if text is None:
        return
    text = text.strip()
    if len(text) > MOST_CHARS:
        problems.append(Problem(file.name, line, f"the question has {len(text):,} characters, {MOST_CHARS:,} at most; is it the right column?"))
    elif named and not anchor_id:
        problems.append(Problem(file.name, line, "the id is empty; fill it in, or choose no id column."))
    elif not anchor_id or check_id(anchor_id, "the id", file, line, problems) is not None:
        found.append(NumberedAnchor(line, Anchor(anchor_id or "a-" + hash_text(text)[:16], text, group=group or None), has_id=bool(anchor_id)))


def _is_empty(source: Path | str) -> bool:
    return not (source.stat().st_size if isinstance(source, Path) else source.strip())


def _open_table(source: Path | str, problems: list[Problem], *, limit: int | None = None) -> Table:
    return read_table(source, problems, limit=limit) if isinstance(source, Path) else read_pasted_table(PASTED.name, source, problems)
