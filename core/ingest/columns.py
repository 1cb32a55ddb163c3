"""Which column of a table is what: guessed from the header, changed by a person, and the documents, anchors or pairs that follow.

A table holds documents, anchors, or pairs (a question and a passage, with a grade or without). Columns that are nothing of their own become fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from core.ingest.beir import MAX_GRADE, check_part
from core.ingest.bundle import Bundle, Problem
from core.ingest.known import Known, Names
from core.ingest.lines import check_id, check_text
from core.ingest.pairs import PairReader
from core.ingest.tables import Table
from core.model import Anchor, Document, PairsmithError, hash_text

FIELD, LEAVE_OUT, NEGATIVE = "field", "leave out", "negative"
_PREFIX = "field: "
"""Before the name of a field that is called like a column of ours."""


class TableKind(StrEnum):
    """What the rows of a table are."""

    DOCUMENTS = "documents"
    ANCHORS = "anchors"
    PAIRS = "pairs"


ROLES: Mapping[TableKind, Sequence[str]] = {
    TableKind.DOCUMENTS: ("text", "id", "title"),
    TableKind.ANCHORS: ("text", "id", "group", "part"),
    TableKind.PAIRS: ("anchor", "document", "grade", "anchor_id", "document_id", NEGATIVE, "group", "part"),
}
"""What a column can be, each once but `negative`; besides `field` (not with pairs) and `leave out`."""
_ANCHOR = ("anchor", "query", "question", "prompt", "frage", "anfrage")
_PASSAGE = ("document", "positive", "pos", "answer", "antwort", "passage", "context", "text")
_NAMES: Mapping[TableKind, Mapping[str, Sequence[str]]] = {
    TableKind.DOCUMENTS: {
        "text": ("text", "body", "content", "passage", "document", "clause", "paragraph", "chunk"),
        "id": ("id", "_id", "doc_id", "docid", "document_id", "corpus_id", "passage_id", "pid", "ref", "reference", "number", "nr"),
        "title": ("title", "heading", "headline", "subject", "name"),
    },
    TableKind.ANCHORS: {
        "text": ("text", *_ANCHOR),
        "id": ("id", "_id", "anchor_id", "query_id", "qid", "ref", "reference", "number", "nr"),
        "group": ("group", "group_id"),
        "part": ("part", "split"),
    },
    TableKind.PAIRS: {
        "anchor": _ANCHOR,
        "document": _PASSAGE,
        "grade": ("grade", "score", "relevance", "label", "rating", "bewertung"),
        "anchor_id": ("anchor_id", "query_id", "qid"),
        "document_id": ("document_id", "corpus_id", "doc_id", "docid", "positive_id", "passage_id", "pid"),
        "group": ("group", "group_id"),
        "part": ("part", "split"),
    },
}


@dataclass(frozen=True)
class ColumnMap:
    """What the rows of a table are, and what each of its columns is: a role of `ROLES`, `FIELD` or `LEAVE_OUT`."""

    kind: TableKind
    roles: Mapping[str, str]

    def column(self, role: str) -> str | None:
        """The column of this role, or None."""
        return next((column for column, found in self.roles.items() if found == role), None)


def guess_map(table: Table, kind: TableKind | None = None) -> ColumnMap:
    """What the header says: an exact name before one that means the same, each role once. Without `kind`, that is guessed too."""
    kind = kind or _guess_kind(table)
    roles: dict[str, str] = {}
    for role, names in _NAMES[kind].items():
        plain = {column: re.sub(r"[\s-]+", "_", column.lower()) for column in table.columns if column not in roles}
        ranked = [column for name in names for column in sorted(plain, key=lambda column, name=name: column != name) if plain[column] == name]  # type: ignore[misc]
        if ranked:
            roles[ranked[0]] = role
    for column in table.columns:
        if kind == TableKind.PAIRS:
            is_negative = re.fullmatch(r"(hard_)?neg(ative)?s?(_\d+)?", column.lower()) is not None
            roles.setdefault(column, NEGATIVE if is_negative else LEAVE_OUT)
        else:
            roles.setdefault(column, FIELD)
    return ColumnMap(kind, {column: roles[column] for column in table.columns})


def apply_choices(guess: ColumnMap, choices: Mapping[str, str]) -> ColumnMap:
    """The map with `choices` (column by role, as `text=Body` on the command line) in place of what was guessed for these roles.

    Raises `PairsmithError` for a role the kind does not have and a column the table does not have.
    """
    roles = dict(guess.roles)
    rest = LEAVE_OUT if guess.kind == TableKind.PAIRS else FIELD
    for role, column in choices.items():
        if role not in ROLES[guess.kind]:
            raise PairsmithError(f"{role!r} is nothing that a table of {guess.kind.value} has; it has {', '.join(ROLES[guess.kind])}.")
        if column not in roles:
            raise PairsmithError(f"The table has no column {column!r}. It has: {', '.join(roles)}.")
        roles = {name: rest if found == role and role != NEGATIVE else found for name, found in roles.items()} | {column: role}
    return ColumnMap(guess.kind, roles)


def find_map_faults(chosen: ColumnMap) -> list[str]:
    """What is missing from a map, or stands in it twice, in words; an empty list where rows can be read by it."""
    found = list(chosen.roles.values())
    faults = [f"Two columns are given as {role}; choose one." for role in ROLES[chosen.kind] if role != NEGATIVE and found.count(role) > 1]
    if chosen.kind != TableKind.PAIRS:
        if "text" not in found:
            faults.append(f"It cannot be told which column holds the text; found: {', '.join(chosen.roles) or 'nothing'}. Say which (--map text=COLUMN).")
    else:
        if "anchor" not in found and "anchor_id" not in found:
            faults.append(f"It cannot be told which column holds the question; found: {', '.join(chosen.roles)}. Say which (--map anchor=COLUMN).")
        if "document" not in found and "document_id" not in found:
            faults.append(f"It cannot be told which column holds the passage; found: {', '.join(chosen.roles)}. Say which (--map document=COLUMN).")
    return faults


def read_by_map(table: Table, chosen: ColumnMap, problems: list[Problem], known: Known | None = None) -> Bundle:
    """The bundle of a table; `problems` are added to and become the bundle's."""
    faults = find_map_faults(chosen)
    if faults or not table.columns:
        problems.extend(Problem(table.path.name, 1, fault) for fault in faults if table.columns)
        return Bundle(problems=problems)
    if chosen.kind == TableKind.PAIRS:
        return replace(_read_pairs(table, chosen, problems, known or Known()), columns=chosen.roles)
    records: dict[str, Any] = {}
    held = known or Known()
    is_documents = chosen.kind == TableKind.DOCUMENTS
    names = Names(held.documents, "d-") if is_documents else Names({item.id: hash_text(item.text) for item in held.anchors.values()}, "a-")
    for number, cells in table.rows:
        record = _read_record(table, chosen, number, cells, problems, names)
        if record is None:
            continue
        if record.id in records and (chosen.column("id") is not None or records[record.id] != record):
            problems.append(Problem(table.path.name, number, f"the id {record.id!r} was used above."))
        else:
            records[record.id] = record
    if not records and not problems:
        problems.append(Problem(table.path.name, 1, "the table has a header and no rows."))
    found = list(records.values())
    if is_documents:
        return Bundle(documents=found, problems=problems, columns=chosen.roles)
    kept = [column for column, role in chosen.roles.items() if role == FIELD]
    said = f"Each row is taken for a question, and {', '.join(kept[:10])} for fields of it. Where one holds the answer, say so (--map document=COLUMN)."
    return Bundle(anchors=found, problems=problems, columns=chosen.roles, notes=[said] if kept else [])


def name_field(name: str) -> str:
    """The column for a field: its own name, marked where it is called like a column of ours."""
    taken = {role for roles in ROLES.values() for role in roles}
    return _PREFIX + name if name in taken or name.startswith(_PREFIX) else name


def _guess_kind(table: Table) -> TableKind:
    plain = {re.sub(r"[\s-]+", "_", column.lower()) for column in table.columns}
    pairs = _NAMES[TableKind.PAIRS]
    has_anchor = bool(plain & {*pairs["anchor"], *pairs["anchor_id"]})
    passages = {*_PASSAGE} if plain & {*_ANCHOR} else {*_PASSAGE} - {"text"}  # beside the id of a question, a text is the question's
    if has_anchor and plain & {*passages, *pairs["document_id"]}:
        return TableKind.PAIRS
    is_named = re.match(r"(quer|anchor|question|topic)", table.path.stem.lower()) is not None
    if is_named or (has_anchor and not plain & {*_NAMES[TableKind.DOCUMENTS]["text"]}):
        return TableKind.ANCHORS
    return TableKind.DOCUMENTS


def _read_record(table: Table, chosen: ColumnMap, number: int, cells: Mapping[str, Any], problems: list[Problem], names: Names) -> Document | Anchor | None:
    before = len(problems)
    own = {role: cells[column] for column, role in chosen.roles.items() if role not in (FIELD, LEAVE_OUT)}
    text = check_text(own["text"], "the text", table.path, number, problems)
    own_id = own["id"].strip() if isinstance(own.get("id"), str) else own.get("id")
    record_id = check_id(own_id, "the id", table.path, number, problems) if own_id is not None else None
    fields = {
        column.removeprefix(_PREFIX): cells[column]
        for column, role in chosen.roles.items()
        if role == FIELD and isinstance(cells[column], str) and cells[column]
    }
    checked = [check_text(part, "a cell", table.path, number, problems, empty=True) for item in fields.items() for part in item]
    title = check_text(own.get("title", ""), "the title", table.path, number, problems, empty=True)
    part = check_part(own.get("part"), table.path, number, problems)
    if len(problems) > before or None in checked or text is None or title is None:
        return None
    if chosen.kind == TableKind.DOCUMENTS:
        return Document(record_id or names.name(f"{title} {text}".strip()), text, title, fields)
    return Anchor(record_id or names.name(text), text, part, own.get("group") or None, fields)


def _read_pairs(table: Table, chosen: ColumnMap, problems: list[Problem], known: Known) -> Bundle:
    """Each row an anchor and a passage: an answer, or with grade 0 a hard negative; `negative` columns hold more of these."""
    reader = PairReader(table.path, known, problems)
    for number, cells in table.rows:
        own = {role: cells[column] for column, role in chosen.roles.items() if role not in (FIELD, LEAVE_OUT, NEGATIVE)}
        own = {role: value.strip() if isinstance(value, str) and role not in ("anchor", "document") else value for role, value in own.items()}
        before = len(problems)
        grade = _read_grade(table, number, own["grade"], problems) if "grade" in own else None
        anchor_id, document_id = own.get("anchor_id") or None, own.get("document_id") or None
        if len(problems) > before:
            continue
        if not own.get("anchor") and anchor_id is not None and anchor_id not in known.anchors:
            problems.append(Problem(table.path.name, number, f"anchor {anchor_id!r} is not in the project, and its text is not given."))
        elif not own.get("document") and document_id is not None and document_id not in known.documents:
            problems.append(Problem(table.path.name, number, f"document {document_id!r} is not in the project, and its text is not given."))
        elif not own.get("document") and document_id is not None and anchor_id in known.anchors:
            reader.take_known(number, str(anchor_id), document_id, grade)
        else:
            anchor = own.get("anchor") or (known.anchors[str(anchor_id)].text if anchor_id in known.anchors else None)
            reader.take(number, _to_pair_row(own, anchor, anchor_id, document_id, grade, _read_negatives(chosen, cells)), needs_positive=grade != 0)
    return reader.finish()


def _to_pair_row(own: Mapping[str, Any], anchor: Any, anchor_id: Any, document_id: Any, grade: int | None, negatives: list[Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"anchor": anchor, "anchor_id": anchor_id, "group": own.get("group") or None, "part": own.get("part") or None}
    if grade == 0:
        ids = None if document_id is None else [document_id, *(None for _ in negatives)]
        return row | {"hard_negatives": [own.get("document"), *negatives], "hard_negative_ids": ids}
    row |= {"positive": own.get("document"), "positive_ids": document_id, "hard_negatives": negatives}
    return row if grade is None else row | {"grades": [grade]}


def _read_negatives(chosen: ColumnMap, cells: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    for column, role in chosen.roles.items():
        if role == NEGATIVE and cells[column]:
            found += cells[column] if isinstance(cells[column], list) else [cells[column]]
    return found


def _read_grade(table: Table, number: int, cell: Any, problems: list[Problem]) -> int | None:
    if isinstance(cell, str) and re.fullmatch(r"[0-9]{1,9}", cell) and int(cell) <= MAX_GRADE:
        return int(cell)
    problems.append(Problem(table.path.name, number, f"the grade {cell!r:.40} must be a whole number from 0 (no answer) to {MAX_GRADE}; 3 answers fully."))
    return None
