"""TREC judgements: `anchor 0 document grade`, a line each. A hard negative has grade 0, as a document that was judged and is no answer."""

from __future__ import annotations

from collections.abc import Iterator

from core.ingest.content import Content, refuse_ids
from core.ingest.lines import find_id_fault


def write_qrels(content: Content) -> Iterator[str]:
    """The lines, in the order of the anchors. Raises `PairsmithError` for an id with white space in it, which ends a column."""
    grades = content.grades()
    refuse_ids("A TREC file", (*grades, *(document_id for found in grades.values() for document_id in found)), _find_fault)
    for anchor in content.anchors:
        for document_id, grade in grades.get(anchor.id, {}).items():
            yield f"{anchor.id} 0 {document_id} {grade}\n"


def _find_fault(record_id: str) -> str | None:
    return "has white space in it, which separates columns there." if len(record_id.split()) != 1 else find_id_fault(record_id)
