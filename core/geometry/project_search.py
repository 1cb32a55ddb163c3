"""What a project knows of search, for the clumping report: the anchors set apart for development.

Invariant: the test part is not opened for a map. The gap is measured on development anchors; what tuning did to search is read by `core.geometry.held_out`.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.curation.split import plan_split
from core.geometry.clumps import Search
from core.geometry.gap import Questions
from core.model import Document, ModelRecord, Part
from core.retrieval.encoder import embed_anchors
from core.retrieval.vectors import Floats
from core.store import corpus, judgements
from core.workspace import Workspace


def read_search(
    workspace: Workspace, project_id: str, records: tuple[ModelRecord, ModelRecord], documents: Sequence[Document], vectors: tuple[Floats, Floats]
) -> Search | None:
    """The development anchors under both models over all documents (`vectors`: (n, d) each, in their order); None where none has an answer."""
    row_of = {document.id: row for row, document in enumerate(documents)}
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id, part=Part.DEV)
        qrels = judgements.read_qrels(conn, project_id)
    grades = [{row_of[item]: grade for item, grade in qrels.get(anchor.id, {}).items() if item in row_of} for anchor in anchors]
    if not any(grade > 0 for known in grades for grade in known.values()):
        return None
    split = plan_split(workspace, project_id)
    groups = [split.groups.get(anchor.id, anchor.id) for anchor in anchors]
    texts = [anchor.text for anchor in anchors]
    base, tuned = (Questions(embed_anchors(workspace, record, texts), grades, groups) for record in records)
    return Search(base, tuned, *vectors)
