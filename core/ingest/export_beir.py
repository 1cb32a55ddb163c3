"""BEIR: `corpus.jsonl`, `queries.jsonl` with groups and parts in their metadata, and `qrels/` by part. A hard negative has score 0."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.ingest.content import Content, refuse_ids
from core.ingest.lines import find_id_fault
from core.model import Part

HEADER = "query-id\tcorpus-id\tscore\n"


def write_beir(content: Content, folder: Path) -> int:
    """Write the folder, which is made. Returns how many judgements. Raises `PairsmithError` for an id that a line cannot hold."""
    refuse_ids("A BEIR folder", (*content.documents, *(anchor.id for anchor in content.anchors)), find_id_fault)
    (folder / "qrels").mkdir(parents=True)
    documents = content.documents.values()
    _write_lines(folder / "corpus.jsonl", ({"_id": doc.id, "title": doc.title, "text": doc.text, "metadata": dict(doc.fields)} for doc in documents))
    queries = []
    for anchor in content.anchors:
        own = ({"group": anchor.group} if anchor.group else {}) | ({"part": anchor.part.value} if anchor.part else {})
        queries.append({"_id": anchor.id, "text": anchor.text, "metadata": {**anchor.fields, **own}})
    _write_lines(folder / "queries.jsonl", queries)
    grades = content.grades()
    lines: dict[Part, list[str]] = {}
    for anchor in content.anchors:
        found = lines.setdefault(anchor.part or Part.TRAIN, []) if anchor.id in grades else []
        found += [f"{anchor.id}\t{document_id}\t{grade}\n" for document_id, grade in grades.get(anchor.id, {}).items()]
    for part, rows in lines.items():
        (folder / "qrels" / f"{part.value}.tsv").write_text(HEADER + "".join(rows), encoding="utf-8", newline="")
    return sum(len(rows) for rows in lines.values())


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
