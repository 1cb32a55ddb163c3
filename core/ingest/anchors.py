"""Anchors from a table or from pasted lines: what would come in, shown before anything does, and storing it, all or nothing.

A table is CSV or TSV with a header; which of its columns is the question, the id and the group is chosen. Invariants: a text that is there already, or was
given before, is not added again; nothing replaces an anchor of the project; a fault names its line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from core.ingest.bundle import ImportRefused, Problem
from core.ingest.lines import check_text, read_lines
from core.model import Anchor, PairsmithError, hash_text
from core.store import corpus

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


def read_header(source: Path | str) -> list[str]:
    """The names of a table's columns, none where it has no line. `source` is a file, or the text itself. Raises `PairsmithError` for a broken one."""
    problems: list[Problem] = []
    numbered = _number_lines(source, problems)
    try:
        header: list[str] = next(_open_table(numbered), [])
    except csv.Error as error:
        raise PairsmithError(f"The first line is no header that can be read: {error}. Give one name a column.") from error
    if problems:
        raise ImportRefused(problems)
    return [name.strip() for name in header]


def read_anchor_table(source: Path | str, columns: AnchorColumns) -> tuple[list[NumberedAnchor], list[Problem]]:
    """The anchors of a CSV or TSV (told apart by the header's separator: tab, semicolon or comma), in order, and every fault with its line.

    `source` is a file, or the text itself. A row without any text is passed over. An anchor without an id is named by its text.
    """
    problems: list[Problem] = []
    numbered = _number_lines(source, problems)
    file = _file_of(source)
    rows = _open_table(numbered)
    found: list[NumberedAnchor] = []
    try:
        header: list[str] = [name.strip() for name in next(rows, [])]
        missing = [name for name in (columns.question, columns.id, columns.group) if name and header.count(name) != 1]
        if missing or not columns.question:
            have = ", ".join(header) or "none"
            what = f"the column {missing[0]!r} is not there once" if missing else "no column is named as the question"
            return [], [*problems, Problem(file.name, 1, f"{what}; its columns are: {have}.")]
        begin = rows.line_num
        for row in rows:
            line = numbered[begin][0]
            begin = rows.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                problems.append(
                    Problem(file.name, line, f"the row has {len(row)} cells, the header {len(header)}; put cells that hold the separator in quotes.")
                )
                continue
            values = dict(zip(header, row, strict=True))
            group = values[columns.group].strip() if columns.group else ""
            anchor_id = values[columns.id].strip() if columns.id else ""
            _add(found, problems, file, line, values[columns.question], anchor_id, group, named=bool(columns.id))
    except csv.Error as error:
        problems.append(Problem(file.name, numbered[min(rows.line_num, len(numbered)) - 1][0] if numbered else 1, f"the table is broken: {error}."))
    if len(found) > MOST_ROWS:
        problems.append(Problem(file.name, 0, f"it holds {len(found):,} questions, {MOST_ROWS:,} at most come in at once; split it."))
    return found, problems


def read_anchor_lines(pasted: str) -> tuple[list[NumberedAnchor], list[Problem]]:
    """The anchors of pasted text, one a line, blank lines passed over, and every fault with its line."""
    problems: list[Problem] = []
    found: list[NumberedAnchor] = []
    for line, text in _number_lines(pasted, problems):
        if text.strip():
            _add(found, problems, _file_of(pasted), line, text, "", "", named=False)
    if len(found) > MOST_ROWS:
        problems.append(Problem(_file_of(pasted).name, 0, f"{len(found):,} questions were pasted, {MOST_ROWS:,} at most come in at once; split them."))
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
    else:
        found.append(NumberedAnchor(line, Anchor(anchor_id or "a-" + hash_text(text)[:16], text, group=group or None), has_id=bool(anchor_id)))


def _file_of(source: Path | str) -> Path:
    return source if isinstance(source, Path) else Path("pasted text")


def _number_lines(source: Path | str, problems: list[Problem]) -> list[tuple[int, str]]:
    """All lines with their numbers from 1."""
    if isinstance(source, Path):
        return list(read_lines(source, problems, blank=True))
    clean = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return list(enumerate(clean.split("\n"), start=1))


def _open_table(numbered: Sequence[tuple[int, str]]) -> Any:
    head = numbered[0][1] if numbered else ""
    separator = max("\t;,", key=lambda mark: (head.count(mark), mark == ","))
    return csv.reader((text + "\n" for _, text in numbered), delimiter=separator, strict=True)
