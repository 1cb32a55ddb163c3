"""A folder of tables: `documents.csv`, `anchors.csv` and `judgements.csv`, those that are there, as they are exported for a spreadsheet.

`judgements.csv` repeats the texts for the reader's sake. Invariant: where `documents.csv` or `anchors.csv` has the id, what stands there is what comes in,
title, fields, group and part with it; another text of that id in `judgements.csv` is passed over, and a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.ingest.bundle import Bundle, Problem
from core.ingest.columns import ColumnMap, TableKind, guess_map, read_by_map
from core.ingest.known import Known
from core.ingest.tables import Table, read_table
from core.model import Anchor, Document, hash_text

FILES = {TableKind.DOCUMENTS: "documents.csv", TableKind.ANCHORS: "anchors.csv", TableKind.PAIRS: "judgements.csv"}


def read_tables(folder: Path, known: Known) -> Bundle:
    """Read the tables that are there; judgements may name what the others bring, or the project has. Every fault is a `Problem` with its file and line."""
    problems: list[Problem] = []
    documents: dict[str, Document] = {}
    anchors: dict[str, Anchor] = {}
    judged = Bundle()
    notes: list[str] = []
    for kind in (TableKind.DOCUMENTS, TableKind.ANCHORS):
        found = _read(folder, kind, known, problems)
        documents |= {doc.id: doc for doc in found.documents}
        anchors |= {anchor.id: anchor for anchor in found.anchors}
    if (path := folder / FILES[TableKind.PAIRS]).exists():
        table = read_table(path, problems)
        chosen = guess_map(table, TableKind.PAIRS)
        table, notes = _put_texts(table, chosen, {doc.id: doc.content for doc in documents.values()}, {item.id: item.text for item in anchors.values()})
        held = Known({**known.documents, **{doc.id: hash_text(doc.content) for doc in documents.values()}}, {**known.anchors, **anchors})
        judged = read_by_map(table, chosen, problems, held) if table.columns else judged
    for anchor in judged.anchors:
        own = anchors.setdefault(anchor.id, anchor)
        anchors[anchor.id] = replace(own, group=own.group or anchor.group, part=own.part or anchor.part)
    return Bundle(
        list((documents | {doc.id: doc for doc in judged.documents if doc.id not in documents}).values()),
        list(anchors.values()),
        judged.judgements,
        problems,
        graded=judged.graded,
        notes=[*notes, *judged.notes],
    )


def _read(folder: Path, kind: TableKind, known: Known, problems: list[Problem]) -> Bundle:
    path = folder / FILES[kind]
    table = read_table(path, problems) if path.exists() else Table(path, [], [])
    return read_by_map(table, guess_map(table, kind), problems, known) if table.columns else Bundle()


def _put_texts(table: Table, chosen: ColumnMap, documents: Mapping[str, str], anchors: Mapping[str, str]) -> tuple[Table, list[str]]:
    """The judgements with the texts of the other tables in place of their own, and a note for each kind of which a text differs."""
    rows: list[tuple[int, dict[str, Any]]] = [(number, dict(cells)) for number, cells in table.rows]
    notes: list[str] = []
    for role, id_role, file, texts in (("document", "document_id", "documents.csv", documents), ("anchor", "anchor_id", "anchors.csv", anchors)):
        column, id_column = chosen.column(role), chosen.column(id_role)
        if column is None or id_column is None:
            continue
        lines = []
        for number, cells in rows:
            text = texts.get(str(cells[id_column]).strip())
            if text is None:
                continue
            if str(cells[column]).strip() not in ("", text.strip()):
                lines.append(number)
            cells[column] = text
        if lines:
            n = len(lines)
            said = "1 row has" if n == 1 else f"{n:,} rows have"
            notes.append(f"{table.path.name}: {said} another text than {file} for the same id (line {lines[0]} is the first); the text of {file} counts.")
    return Table(table.path, table.columns, rows), notes
