"""One entry for everything that comes in: looks at a path and picks the reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.ingest.beir import read_beir, read_documents, read_judgements, read_queries
from core.ingest.bundle import Bundle, Problem, store_bundle
from core.ingest.columns import ColumnMap, TableKind, apply_choices, guess_map, read_by_map
from core.ingest.datasets_folder import read_datasets
from core.ingest.event_log import read_event_log
from core.ingest.kinds import Kind, open_path, recognise
from core.ingest.known import Known, read_known
from core.ingest.lines import read_objects
from core.ingest.pairs import collect_pairs, is_pair_row, read_pairs
from core.ingest.preview import Preview, preview_bundle
from core.ingest.tables import read_table
from core.ingest.tables_folder import read_tables
from core.ingest.texts import read_texts
from core.model import PairsmithError
from core.store import projects
from core.workspace import Workspace


@dataclass(frozen=True)
class Imported:
    """What an import did: how many documents, anchors and judgements were new or changed, what a person should know of it, and of a table, what each of its
    columns was taken for."""

    changed: Mapping[str, int]
    notes: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


def read_source(
    path: Path,
    known: Known | None = None,
    *,
    kind: Kind | None = None,
    columns: ColumnMap | None = None,
    choices: Mapping[str, str] | None = None,
) -> Bundle:
    """Read whatever lies at `path`, a zip of a folder included.

    `known`: what the project has. `kind`: what it is, where that is not to be told from it. For a table, `columns` says what each of its columns is, or
    `choices` (column by role) what differs from the guess. Raises `PairsmithError` when nothing is there, the kind cannot be told or an archive is refused;
    faults inside are the bundle's problems.
    """
    with open_path(path) as opened:
        return _read_as(kind or recognise(opened), opened, known or Known(), columns, choices or {})


def preview_path(workspace: Workspace, project_id: str, path: Path, *, kind: Kind | None = None, choices: Mapping[str, str] | None = None) -> Preview:
    """What an import would change, for a project that need not exist yet. Raises what `import_path` raises, `ImportRefused` aside, and stores nothing."""
    bundle = read_source(path, read_known(workspace, project_id), kind=kind, choices=choices)
    bundle.refuse_problems()
    with workspace.store.read() as conn:
        return preview_bundle(conn, project_id, bundle)


def import_path(
    workspace: Workspace, project_id: str, path: Path, *, new_with: str | None = None, kind: Kind | None = None, choices: Mapping[str, str] | None = None
) -> Imported:
    """Read `path` and store it in the project, all or nothing.

    `new_with`: make the project first, with this base model, in the same transaction.
    """
    bundle = read_source(path, read_known(workspace, project_id), kind=kind, choices=choices)
    bundle.refuse_problems()
    with workspace.store.read() as conn:
        told = preview_bundle(conn, project_id, bundle)
    with workspace.store.write() as conn:
        if new_with is not None:
            projects.add_project(conn, project_id, base_model=new_with)
        return Imported(store_bundle(conn, project_id, bundle), told.notes, told.columns)


def _read_as(kind: Kind, path: Path, known: Known, columns: ColumnMap | None, choices: Mapping[str, str]) -> Bundle:
    if path.is_dir() != (kind in (Kind.BEIR, Kind.TABLES, Kind.DATASETS)) and kind != Kind.TEXTS:
        raise PairsmithError(f"{path} is a {'folder' if path.is_dir() else 'file'}, and {kind.value} come as a {'file' if path.is_dir() else 'folder'}.")
    if choices and kind != Kind.TABLE:
        raise PairsmithError(f"Columns can be given for a table only; {path.name} is read as {kind.value}.")
    readers: dict[Kind, Callable[[], Bundle]] = {
        Kind.BEIR: lambda: read_beir(path),
        Kind.PAIRS: lambda: _refuse_empty(path, read_pairs(path, known)),
        Kind.DOCUMENTS: lambda: _read_lines(path, documents=True),
        Kind.ANCHORS: lambda: _read_lines(path, documents=False),
        Kind.TABLE: lambda: _read_table(path, known, columns, choices),
        Kind.TABLES: lambda: read_tables(path, known),
        Kind.QRELS: lambda: read_judgements(path, known),
        Kind.TEXTS: lambda: read_texts(path),
        Kind.DATASETS: lambda: read_datasets(path, known),
        Kind.LOG: lambda: _refuse_empty(path, read_event_log(path, known)),
    }
    return readers[kind]()


def _read_lines(path: Path, *, documents: bool) -> Bundle:
    problems: list[Problem] = []
    number, first = next(read_objects(path, []), (0, {"text": ""}))
    if not {"text", "_id", "id"} & set(first):
        return Bundle(problems=[Problem(path.name, number, "expected the keys anchor, positive, hard_negatives (pairs) or _id, text (documents).")])
    if documents:
        return _refuse_empty(path, Bundle(documents=read_documents(path, problems), problems=problems))
    return _refuse_empty(path, Bundle(anchors=read_queries(path, problems), problems=problems))


def _refuse_empty(path: Path, bundle: Bundle) -> Bundle:
    if bundle.problems or any(bundle.counts.values()):
        return bundle
    return replace(bundle, problems=[Problem(path.name, 0, "the file is empty.")])


def _read_table(path: Path, known: Known, columns: ColumnMap | None, choices: Mapping[str, str]) -> Bundle:
    problems: list[Problem] = []
    table = read_table(path, problems)
    if not table.columns or (problems and not table.rows):
        return Bundle(problems=problems)
    rows_of_lists = path.suffix.lower() == ".parquet" and any(isinstance(cell, list) for _, cells in table.rows for cell in cells.values())
    if columns is None and not choices and rows_of_lists and is_pair_row(dict.fromkeys(table.columns)):
        return collect_pairs(path, ((number, {name: cell for name, cell in cells.items() if cell != ""}) for number, cells in table.rows), problems, known)
    guess = columns or guess_map(table, _kind_of(choices))
    return read_by_map(table, apply_choices(guess, choices), problems, known)


def _kind_of(choices: Mapping[str, str]) -> TableKind | None:
    """The kind of table that choices of columns speak of, where they do; None leaves it to the guess."""
    if {"anchor", "document", "anchor_id", "document_id", "negative", "grade"} & set(choices):
        return TableKind.PAIRS
    return TableKind.DOCUMENTS if "title" in choices else TableKind.ANCHORS if {"group", "part"} & set(choices) else None
