"""One entry for everything that comes in: looks at a path and picks the reader."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from core.ingest.beir import read_beir, read_documents, read_queries
from core.ingest.bundle import Bundle, Problem, store_bundle
from core.ingest.lines import read_lines, read_objects
from core.ingest.pairs import read_pairs
from core.model import Document, PairsmithError, hash_text
from core.store import corpus, projects
from core.workspace import Workspace


def read_source(path: Path, known_documents: Mapping[str, str] | None = None, known_anchors: Mapping[str, str] | None = None) -> Bundle:
    """Read whatever lies at `path`: a BEIR folder, a pair file, a corpus or query file (JSON Lines), or a CSV of documents.

    Raises `PairsmithError` when nothing is there or the kind cannot be told; faults inside are the bundle's problems.
    """
    if path.is_dir():
        if not (path / "corpus.jsonl").exists():
            raise PairsmithError(f"{path} has no corpus.jsonl: it is not a BEIR folder. Give such a folder, or a .jsonl or .csv file.")
        return read_beir(path)
    if not path.is_file():
        raise PairsmithError(f"There is no file or folder {str(path)!r}.")
    if path.suffix.lower() in (".csv", ".tsv"):
        return _read_table(path)
    if path.suffix.lower() not in (".jsonl", ".json", ".ndjson"):
        raise PairsmithError(f"{path.name} is of no kind that can be read: give a BEIR folder, a .jsonl file or a .csv file.")
    return _read_jsonl(path, known_documents, known_anchors)


def import_path(workspace: Workspace, project_id: str, path: Path, *, new_with: str | None = None) -> dict[str, int]:
    """Read `path` and store it in the project, all or nothing. Returns how many documents, anchors and judgements were new or changed.

    `new_with`: make the project first, with this base model, in the same transaction.
    """
    bundle = read_source(path, *read_known(workspace, project_id))
    with workspace.store.write() as conn:
        if new_with is not None:
            projects.add_project(conn, project_id, base_model=new_with)
        return store_bundle(conn, project_id, bundle)


def read_known(workspace: Workspace, project_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Ids by content hash of the documents and the anchors a project has; of equal texts the first to arrive."""
    with workspace.store.read() as conn:
        ids, hashes = corpus.read_document_ids(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id)
    documents = dict(zip(reversed(hashes), reversed(ids), strict=True))
    return documents, {hash_text(anchor.text): anchor.id for anchor in reversed(anchors)}


def _read_jsonl(path: Path, known_documents: Mapping[str, str] | None, known_anchors: Mapping[str, str] | None) -> Bundle:
    problems: list[Problem] = []
    first = next(read_objects(path, problems), None)
    if first is None:
        return Bundle(problems=problems or [Problem(path.name, 0, "the file is empty.")])
    if "anchor" in first[1]:
        return read_pairs(path, known_documents, known_anchors)
    problems = []
    if path.stem.startswith("quer") or path.stem.startswith("anchor"):
        return Bundle(anchors=read_queries(path, problems), problems=problems)
    if "text" in first[1]:
        return Bundle(documents=read_documents(path, problems), problems=problems)
    return Bundle(problems=[Problem(path.name, first[0], "expected the keys anchor, positive, hard_negatives (pairs) or _id, text (documents).")])


def _read_table(path: Path) -> Bundle:
    """Documents of a CSV or TSV file with a header: `id` (or `_id`), `text`, optionally `title`; other columns become fields."""
    problems: list[Problem] = []
    numbered = list(read_lines(path, problems, blank=True))
    rows = csv.reader((text + "\n" for _, text in numbered), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
    documents: dict[str, Document] = {}
    try:
        header = [name.strip() for name in next(rows, [])]
        names = [("id" if name.lower() == "_id" else name.lower() if name.lower() in ("id", "text", "title") else name) for name in header]
        if "id" not in names or "text" not in names:
            return Bundle(
                problems=[*problems, Problem(path.name, 1, f"the header must have the columns id and text, found: {', '.join(header) or 'nothing'}.")]
            )
        for cells in rows:
            if not cells:
                continue
            number = numbered[min(rows.line_num, len(numbered)) - 1][0]
            if len(cells) != len(names):
                problems.append(Problem(path.name, number, f"{len(cells)} cells where the header has {len(names)}; quote cells that hold the separator."))
                continue
            row = dict(zip(names, cells, strict=True))
            document_id, text = row.pop("id").strip(), row.pop("text")
            title = row.pop("title", "")
            if not document_id or not text.strip():
                problems.append(Problem(path.name, number, "the id is empty." if not document_id else "the text is empty."))
            elif document_id in documents:
                problems.append(Problem(path.name, number, f"the id {document_id!r} was used above."))
            else:
                documents[document_id] = Document(document_id, text, title, row)
    except csv.Error as error:
        problems.append(Problem(path.name, numbered[min(rows.line_num, len(numbered)) - 1][0] if numbered else 1, f"the table cannot be read: {error}."))
    return Bundle(documents=list(documents.values()), problems=problems)
