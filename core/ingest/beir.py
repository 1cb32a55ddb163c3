"""BEIR folders: `corpus.jsonl`, `queries.jsonl`, and `qrels.tsv` or `qrels/*.tsv`.

A score above 0 is a positive with that grade, 0 a document that was judged and is not an answer: a hard negative. Of a query's `metadata`, `group` (the
id that stands for it and its paraphrases) and `part` (train, dev or test) are taken as such; the rest become its fields, like a document's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.ingest.bundle import Bundle, Problem
from core.ingest.known import Known
from core.ingest.lines import check_id, check_text, read_lines, read_objects
from core.model import Anchor, Document, Judgement, Label, Part, Source, hash_text

MAX_GRADE = 1_000
"""A higher score is no grade, but a retrieval score that came here by mistake."""
_PARTS = {part.value: part for part in Part} | dict.fromkeys(("validation", "valid", "val"), Part.DEV)
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")


def read_beir(folder: Path) -> Bundle:
    """Read a BEIR folder. Missing queries or qrels are allowed; every fault is a `Problem` with its line."""
    problems: list[Problem] = []
    documents = read_documents(folder / "corpus.jsonl", problems)
    anchors = read_queries(folder / "queries.jsonl", problems) if (folder / "queries.jsonl").exists() else []
    files = sorted((folder / "qrels").glob("*.tsv")) or [path for path in [folder / "qrels.tsv"] if path.exists()]
    known = ({anchor.id for anchor in anchors}, "queries.jsonl"), ({doc.id for doc in documents}, "corpus.jsonl")
    return Bundle(documents, anchors, _read_judgements(files, problems, *known), problems)


def read_judgements(path: Path, known: Known) -> Bundle:
    """Judgements alone, TREC's four columns or BEIR's three, against the documents and anchors the project has."""
    problems: list[Problem] = []
    judgements = _read_judgements([path], problems, (set(known.anchors), "the project"), (set(known.documents), "the project"))
    if not judgements and not problems:
        problems.append(Problem(path.name, 0, "the file holds no judgement."))
    return Bundle(judgements=judgements, problems=problems)


def read_part(value: Any) -> Part | None:
    """The part of the split of this name, in large or small letters, `validation`, `valid` and `val` for dev; None for anything else."""
    return _PARTS.get(value.strip().casefold()) if isinstance(value, str) else None


def check_part(value: Any, path: Path, number: int, problems: list[Problem]) -> Part | None:
    """The part of the split that a row names, None where it names none, or None with a problem noted where it names something else."""
    part = read_part(value)
    if part is None and value is not None and (not isinstance(value, str) or value.strip()):
        problems.append(Problem(path.name, number, f"the part {value!r:.40} is none of train, dev and test; mend it, leave it empty, or leave the column out."))
    return part


def _read_judgements(files: Sequence[Path], problems: list[Problem], anchors: tuple[set[str], str], documents: tuple[set[str], str]) -> list[Judgement]:
    """Judgements of qrels files whose query and document are among the ids; the words say where those stand."""
    judgements: list[Judgement] = []
    seen: dict[tuple[str, str], int] = {}
    for path in files:
        for number, anchor_id, document_id, grade in read_qrels(path, problems, seen):
            if anchor_id not in anchors[0]:
                problems.append(Problem(path.name, number, f"query {anchor_id!r} is not in {anchors[1]}."))
            elif document_id not in documents[0]:
                problems.append(Problem(path.name, number, f"document {document_id!r} is not in {documents[1]}."))
            else:
                judgements.append(import_judgement(anchor_id, document_id, grade))
    return judgements


def read_documents(path: Path, problems: list[Problem]) -> list[Document]:
    """Documents of a corpus file: `_id` (or `id`), `text`, and optionally `title` and `metadata` (an object of plain values)."""
    documents: dict[str, Document] = {}
    for number, row in read_objects(path, problems):
        document_id = _read_id(row, path, number, problems, documents)
        text = check_text(row.get("text"), "text", path, number, problems)
        title = check_text(row.get("title") or "", "title", path, number, problems, empty=True)
        if document_id is not None and text is not None and title is not None:
            documents[document_id] = Document(document_id, text, title, _read_fields(row.get("metadata"), path, number, problems))
    return list(documents.values())


def read_queries(path: Path, problems: list[Problem]) -> list[Anchor]:
    """Anchors of a query file: `_id` (or `id`), `text`, and optionally `metadata`, of which `group` and `part` are taken as such."""
    anchors: dict[str, Anchor] = {}
    for number, row in read_objects(path, problems):
        anchor_id = _read_id(row, path, number, problems, anchors)
        text = check_text(row.get("text"), "text", path, number, problems)
        if anchor_id is not None and text is not None:
            anchors[anchor_id] = make_anchor(anchor_id, text, _read_fields(row.get("metadata"), path, number, problems))
    return list(anchors.values())


def make_anchor(anchor_id: str, text: str, fields: Mapping[str, str]) -> Anchor:
    """An anchor whose `fields` may name its group and part; a `part` that is none of a split, such as a chapter, stays a field."""
    part = read_part(fields.get("part"))
    plain = {name: value for name, value in fields.items() if not (name == "group" and value) and not (name == "part" and part)}
    return Anchor(anchor_id, text, part, fields.get("group") or None, plain)


def read_qrels(path: Path, problems: list[Problem], seen: dict[tuple[str, str], int] | None = None) -> list[tuple[int, str, str, int]]:
    """Rows (line, query id, document id, grade) of a qrels file: tab-separated BEIR with its header, or TREC's four columns.

    `seen`: grades of the files read before this one, which it must not contradict; those of this one are added.
    """
    rows: list[tuple[int, str, str, int]] = []
    seen = {} if seen is None else seen
    for number, text in read_lines(path, problems):
        cells = text.split("\t") if "\t" in text else text.split()
        if number == 1 and cells[-1].strip().lower() in ("score", "relevance", "grade"):
            continue
        if len(cells) == 4:
            cells = [cells[0], cells[2], cells[3]]
        if len(cells) != 3:
            problems.append(Problem(path.name, number, f"expected 3 columns (query-id, corpus-id, score) or TREC's 4, found {len(cells)}."))
            continue
        anchor_id, document_id, score = (cell.strip() for cell in cells)
        if not _WHOLE.fullmatch(score):
            problems.append(Problem(path.name, number, f"the score {score[:40]!r} is not a whole number; grades are whole numbers such as 0 to 3."))
            continue
        grade = int(score)
        if grade < 0:
            problems.append(Problem(path.name, number, f"the score {grade} is negative; use 0 for a document that is no answer."))
            continue
        if grade > MAX_GRADE:
            problems.append(Problem(path.name, number, f"the score {grade} is above {MAX_GRADE}; scores are grades such as 0 to 3."))
            continue
        if seen.setdefault((anchor_id, document_id), grade) != grade:
            problems.append(Problem(path.name, number, f"{anchor_id!r} and {document_id!r} were graded {seen[anchor_id, document_id]} above and {grade} here."))
            continue
        rows.append((number, anchor_id, document_id, grade))
    return rows


def import_judgement(anchor_id: str, document_id: str, grade: int) -> Judgement:
    """An imported judgement; the same pair and grade always carry the same client id, by which an import that came before is known."""
    return Judgement(
        client_id="import-" + hash_text(f"{anchor_id}\0{document_id}\0{grade}")[:32],
        anchor_id=anchor_id,
        document_id=document_id,
        label=Label.POSITIVE if grade > 0 else Label.HARD_NEGATIVE,
        grade=grade,
        source=Source.IMPORT,
        author="import",
    )


def _read_id(row: dict[str, Any], path: Path, number: int, problems: list[Problem], taken: dict[str, Any]) -> str | None:
    found = check_id(row.get("_id", row.get("id")), "_id", path, number, problems)
    if found is not None and found in taken:
        problems.append(Problem(path.name, number, f"the id {found!r} was used above."))
        return None
    return found


def _read_fields(metadata: Any, path: Path, number: int, problems: list[Problem]) -> dict[str, str]:
    """Plain values by name; lists and objects inside are left out."""
    if not isinstance(metadata, dict):
        return {}
    plain = {key: str(value) for key, value in metadata.items() if isinstance(value, str | int | float | bool)}
    checked = [check_text(text, "metadata", path, number, problems, empty=True) for item in plain.items() for text in item]
    return {} if None in checked else plain
