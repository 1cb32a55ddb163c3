"""What kind of thing lies at a path: told by its name and its first lines, never by reading it whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path

from core.ingest.archive import unpack_archive
from core.ingest.bundle import Problem
from core.ingest.event_log import is_log_row
from core.ingest.lines import read_lines, read_objects
from core.ingest.pairs import is_pair_row
from core.ingest.texts import ENDINGS
from core.model import PairsmithError


class Kind(StrEnum):
    """The forms that can come in."""

    BEIR = "beir"
    PAIRS = "pairs"
    DOCUMENTS = "documents"
    ANCHORS = "anchors"
    TABLE = "table"
    TABLES = "tables"
    QRELS = "qrels"
    TEXTS = "texts"
    DATASETS = "datasets"
    LOG = "log"


WORDS = {
    Kind.BEIR: "a BEIR folder: documents, questions and graded answers",
    Kind.PAIRS: "pairs: a question with its answers and hard negatives on each line",
    Kind.DOCUMENTS: "documents, one on each line",
    Kind.ANCHORS: "questions, one on each line",
    Kind.TABLE: "a table",
    Kind.TABLES: "a folder of tables: documents, anchors and judgements",
    Kind.QRELS: "graded answers to questions and documents that are in the project",
    Kind.TEXTS: "plain texts, a document each",
    Kind.DATASETS: "a folder of Hugging Face data sets",
    Kind.LOG: "the history of judgements of another project",
}
"""Each kind in words that finish the sentence "This is …"."""
_LINES = (".jsonl", ".json", ".ndjson")
_TABLES = (".csv", ".tsv", ".parquet")
_QRELS = (".qrels", ".qrel", ".trec")
_QUERY_IDS = ("query-id", "queryid", "qid", "topic")
_DOCUMENT_IDS = ("corpus-id", "corpusid", "doc-id", "docid", "docno", "document-id", "pid")


@contextmanager
def open_path(path: Path) -> Iterator[Path]:
    """The path itself, or the folder that it is a zip of, unpacked while the block lasts. Raises `PairsmithError` when an archive is refused."""
    if path.suffix.lower() != ".zip" or not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="pairsmith-") as made:
        yield unpack_archive(path, Path(made) / "unpacked")


def recognise(path: Path) -> Kind:
    """The kind of what lies at `path`. Raises `PairsmithError` when nothing is there or it cannot be told."""
    if path.is_dir():
        return _recognise_folder(path)
    if not path.is_file():
        raise PairsmithError(f"There is no file or folder {str(path)!r}.")
    ending = path.suffix.lower()
    if ending in _QRELS or (ending in (".tsv", ".txt") and _looks_like_qrels(path)):
        return Kind.QRELS
    if ending in _TABLES:
        return Kind.TABLE
    if ending in ENDINGS:
        return Kind.TEXTS
    if ending in _LINES:
        return _recognise_lines(path)
    raise PairsmithError(
        f"{path.name} is of no kind that can be read: give a folder (BEIR, tables, plain texts) or its .zip, a .jsonl, .csv, .tsv, .parquet, .txt or .md file, "
        "or TREC judgements as .qrels."
    )


def find_kinds(path: Path) -> list[Kind]:
    """What can lie at `path` by its ending, the kind it is taken for first. Raises what `recognise` raises."""
    kind = recognise(path)
    if path.is_dir():
        return [kind]
    ending = path.suffix.lower()
    if ending in _LINES:
        fits = [Kind.PAIRS, Kind.DOCUMENTS, Kind.ANCHORS, Kind.LOG]
    elif ending in ENDINGS:
        fits = [Kind.TEXTS, Kind.QRELS]
    else:
        fits = [Kind.TABLE, Kind.QRELS] if ending == ".tsv" else []
    return [kind, *(other for other in fits if other != kind)]


def _recognise_folder(path: Path) -> Kind:
    if (path / "corpus.jsonl").exists():
        return Kind.BEIR
    if any((path / f"{name}.csv").exists() for name in ("documents", "anchors", "judgements")):
        return Kind.TABLES
    if any(path.glob("*/dataset_dict.json")) or (path / "dataset_dict.json").exists():
        return Kind.DATASETS
    if any(file.suffix.lower() in ENDINGS for file in path.rglob("*")):
        return Kind.TEXTS
    raise PairsmithError(
        f"{path} has no corpus.jsonl, so it is no BEIR folder, and no .txt or .md file, so it is no folder of texts. Give a file, or another folder."
    )


def _recognise_lines(path: Path) -> Kind:
    """Of a JSON Lines file, by the first object in it; one without any is taken for documents, whose reader says what is wrong."""
    problems: list[Problem] = []
    row = next((row for _, row in read_objects(path, problems)), {})
    if is_log_row(row):
        return Kind.LOG
    if is_pair_row(row):
        return Kind.PAIRS
    return Kind.ANCHORS if path.stem.lower().startswith(("quer", "anchor", "question")) else Kind.DOCUMENTS


def _looks_like_qrels(path: Path) -> bool:
    """Whether the first lines are TREC's four columns or BEIR's three: under a header that names ids, or ids without white space and a whole number."""
    lines = [text for _, text in islice(read_lines(path, []), 3)]
    rows = [[cell.strip() for cell in (text.split("\t") if "\t" in text else text.split())] for text in lines]
    if rows and len(rows[0]) in (3, 4):
        query, document, grade = (rows[0][place].lower().replace("_", "-") for place in (0, -2, -1))
        if query in _QUERY_IDS and document in _DOCUMENT_IDS and grade in ("score", "relevance", "grade"):
            return True
    columns = (4,) if path.suffix.lower() == ".txt" else (3, 4)
    return bool(rows) and all(len(row) in columns and not any(" " in cell for cell in row) and row[-1].lstrip("+-").isdigit() for row in rows)
