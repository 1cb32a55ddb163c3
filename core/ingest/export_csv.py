"""Tables for a spreadsheet: `documents.csv`, `anchors.csv` and `judgements.csv`, in UTF-8 with the byte order mark that Excel knows it by.

Cells that a spreadsheet would take for a formula are guarded, and unguarded when they come back (`core.ingest.tables`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.ingest.columns import name_field
from core.ingest.content import Content, refuse_ids
from core.ingest.lines import find_id_fault
from core.ingest.tables import guard_cell
from core.model import PairsmithError


def write_tables(content: Content, folder: Path) -> int:
    """Write the folder, which is made. Returns how many judgements. Raises `PairsmithError` for an id or the name of a field that a cell cannot hold."""
    refuse_ids("A table", (*content.documents, *(anchor.id for anchor in content.anchors)), find_id_fault)
    folder.mkdir(parents=True)
    documents = list(content.documents.values())
    names = _find_names(doc.fields for doc in documents)
    rows = [[doc.id, doc.title, doc.text, *(doc.fields.get(name, "") for name in names)] for doc in documents]
    _write_table(folder / "documents.csv", ["id", "title", "text", *map(name_field, names)], rows)
    names = _find_names(anchor.fields for anchor in content.anchors)
    rows = [
        [item.id, item.text, item.group or "", item.part.value if item.part else "", *(item.fields.get(name, "") for name in names)] for item in content.anchors
    ]
    _write_table(folder / "anchors.csv", ["id", "text", "group", "part", *map(name_field, names)], rows)
    grades = content.grades()
    rows = [
        [anchor.id, anchor.text, document_id, content.documents[document_id].content, str(grade)]
        for anchor in content.anchors
        for document_id, grade in grades.get(anchor.id, {}).items()
    ]
    _write_table(folder / "judgements.csv", ["anchor_id", "anchor", "document_id", "document", "grade"], rows)
    return len(rows)


def _find_names(fields: Iterable[Mapping[str, str]]) -> list[str]:
    """The names of the fields that hold anything, in their order."""
    names = sorted({name for found in fields for name, value in found.items() if value})
    for name in names:
        if not name or name != name.strip():
            raise PairsmithError(f"A table cannot carry the field {name!r}: its name is empty or has white space around it. Nothing was written.")
    return names


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerows([[guard_cell(cell) for cell in row] for row in (header, *rows)])
