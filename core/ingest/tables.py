"""Tables as they are: CSV and TSV with their delimiter found, and Parquet. A header, then numbered rows of cells by column; what they mean is not asked here.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it, which is taken off again on reading. Refuses what would lose
or shift cells silently: ragged rows, an unclosed quote, a column without a name or with one that stands twice.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.ingest.bundle import MAX_LINE_BYTES, Problem
from core.ingest.lines import read_lines

DELIMITERS = (",", ";", "\t", "|")
"""In the order in which one is chosen among equals."""
MAX_COLUMNS = 500
MAX_PARQUET_BYTES = 2_000_000_000
"""Of all columns, unpacked."""
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True)
class Table:
    """The columns of a table and its rows: (line, or row of a Parquet file, from 1; cells by column). A cell is text; in Parquet a list may stand."""

    path: Path
    columns: Sequence[str]
    rows: Sequence[tuple[int, dict[str, Any]]]


def read_table(path: Path, problems: list[Problem], *, limit: int | None = None) -> Table:
    """Read a table whole, or its first `limit` rows; what is wrong goes to `problems`, and rows with a fault are left out."""
    if path.suffix.lower() == ".parquet":
        columns, rows = _read_parquet(path, problems)
    else:
        before = len(problems)
        numbered = list(read_lines(path, problems, blank=True, ends=True))
        columns, rows = _read_delimited(path, numbered if len(problems) == before else [], problems)  # a line that is missing shifts every cell behind it
    return _keep(path, columns, rows, limit)


def read_pasted_table(name: str, text: str, problems: list[Problem]) -> Table:
    """Read a table from text, by the rules of a file's; `name` is what faults are told under."""
    numbered = list(enumerate(io.StringIO(text.removeprefix("\ufeff"), newline=""), start=1))
    path = Path(name)
    for number, line in numbered:
        if "\0" in line:
            problems.append(Problem(name, number, "the line holds a NUL byte; remove it."))
    columns, rows = _read_delimited(path, numbered if not problems else [], problems)
    return _keep(path, columns, rows, None)


def _keep(path: Path, columns: list[str], rows: Iterator[tuple[int, dict[str, Any]]], limit: int | None) -> Table:
    kept: list[tuple[int, dict[str, Any]]] = []
    for row in rows:
        if limit is not None and len(kept) >= limit:
            break
        kept.append(row)
    return Table(path, columns, kept)


def guard_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: those that begin with = + - @, tab or a line break get an apostrophe before them."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard_cell(cell: str) -> str:
    """The text that `guard_cell` made a cell of."""
    return cell[1:] if _GUARDED.match(cell) else cell


def _read_delimited(path: Path, numbered: Sequence[tuple[int, str]], problems: list[Problem]) -> tuple[list[str], Iterator[tuple[int, dict[str, Any]]]]:
    if problems and not numbered:
        return [], iter(())
    before = len(problems)
    first = next((text for _, text in numbered if text.strip()), "")
    reader = csv.reader((text for _, text in numbered), delimiter=_find_delimiter(path, first), strict=True)
    rows = _number_rows(path, reader, [number for number, _ in numbered], problems)
    number, header = next(rows, (1, []))
    columns = [unguard_cell(name).strip() for name in header]
    if not columns and len(problems) == before:
        problems.append(Problem(path.name, 1, "the header must name the columns, found: nothing."))
    elif not _check_columns(path, number, columns, problems):
        return columns, iter(())
    return columns, _join_columns(path, columns, rows, problems)


def _number_rows(path: Path, reader: Any, numbers: Sequence[int], problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, with the line each begins on."""
    while True:
        begins = numbers[min(reader.line_num, len(numbers) - 1)] if numbers else 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.append(Problem(path.name, begins, f"the table cannot be read: {_say_csv_error(str(error))}."))
            return
        if cells is None:
            return
        if any(cells):
            yield begins, cells


def _say_csv_error(said: str) -> str:
    if "unexpected end of data" in said or "field larger" in said:
        return "a quote that opens in this row is never closed; close it, or write a quote within a cell as two"
    return f"{said}; a quote within a cell is written as two, and the whole cell between quotes" if "expected after" in said else said


def _join_columns(path: Path, columns: list[str], rows: Iterator[tuple[int, list[str]]], problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, cells in rows:
        if number > 1 and cells[0].startswith("\ufeff") and [cells[0][1:].strip(), *(cell.strip() for cell in cells[1:])] == columns:
            problems.append(Problem(path.name, number, "the header stands here again, with a byte order mark: two files were joined. Take this line out."))
        elif len(cells) != len(columns):
            message = f"{len(cells)} cells where the header has {len(columns)}; quote cells that hold the separator."
            problems.append(Problem(path.name, number, message))
        else:
            yield number, dict(zip(columns, map(unguard_cell, cells), strict=True))


def _find_delimiter(path: Path, header: str) -> str:
    """The delimiter that stands most often in the header outside quotes; tab for a TSV file, comma where there is none."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=lambda delimiter: (bare.count(delimiter), -DELIMITERS.index(delimiter)))


def _check_columns(path: Path, number: int, columns: list[str], problems: list[Problem]) -> bool:
    before = len(problems)
    if len(columns) > MAX_COLUMNS:
        problems.append(Problem(path.name, number, f"the header has {len(columns):,} columns; {MAX_COLUMNS} at most are taken."))
        return False
    for place, name in enumerate(columns):
        if not name:
            problems.append(Problem(path.name, number, f"column {place + 1} of the header has no name; name it or take it out."))
        elif name in columns[:place]:
            problems.append(Problem(path.name, number, f"the column {name[:60]!r} stands twice in the header; name each column once."))
    return len(problems) == before


def _read_parquet(path: Path, problems: list[Problem]) -> tuple[list[str], Iterator[tuple[int, dict[str, Any]]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        problems.append(Problem(path.name, 0, f"it is no Parquet file that can be read ({str(error).splitlines()[0][:120]}). Write it again."))
        return [], iter(())
    with file:
        size = sum(file.metadata.row_group(place).total_byte_size for place in range(file.metadata.num_row_groups))
        columns = list(file.schema_arrow.names)
        if size > MAX_PARQUET_BYTES:
            problems.append(Problem(path.name, 0, f"it unpacks to {size / 1e9:.1f} GB; {MAX_PARQUET_BYTES / 1e9:.0f} GB at most are taken. Split it."))
            return columns, iter(())
        if not _check_columns(path, 0, columns, problems):
            return columns, iter(())
        rows: list[tuple[int, dict[str, Any]]] = []
        try:
            for batch in file.iter_batches(batch_size=1_000):
                rows += [(len(rows) + place, {name: _to_cell(value) for name, value in row.items()}) for place, row in enumerate(batch.to_pylist(), start=1)]
        except (pa.ArrowException, OSError, ValueError) as error:
            said = str(error).splitlines()[0][:120]
            problems.append(Problem(path.name, len(rows) + 1, f"the row and those after it cannot be read ({said}). Write the file again."))
        return columns, iter(rows)


def _to_cell(value: Any) -> Any:
    """Text for what has an obvious one; lists, objects and bytes stay as they are, for a reader to take or refuse."""
    if value is None or isinstance(value, bytes | dict):
        return "" if value is None else value
    return [_to_cell(item) for item in value] if isinstance(value, list) else str(value)
