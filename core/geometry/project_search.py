"""What a project knows of search, for the clumping report: anchors set apart for development, and the scores that held-out anchors got already.

Invariant: the test part is not opened for a map. The gap is measured on development anchors; what tuning did to search is read from the newest
run that measured both models on the test part, where there is one: one run, so one truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.curation.split import plan_split
from core.evaluation.measures import PRIMARY
from core.evaluation.systems import RERANK
from core.geometry.clumps import Search, SearchScores
from core.geometry.gap import Questions
from core.model import Document, ModelRecord, Part
from core.retrieval.encoder import embed_anchors
from core.retrieval.vectors import Floats
from core.store import artefacts, corpus, judgements
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


def read_scores(workspace: Workspace, project_id: str, records: tuple[ModelRecord, ModelRecord], measured: Mapping[str, int]) -> SearchScores | None:
    """NDCG@5 of held-out anchors as last measured for both models, and what answers them among the `measured` documents (row by id); None without both."""
    with workspace.store.read() as conn:
        found = artefacts.list_evaluations(conn, project_id, part=Part.TEST.value)
        pair = next(
            (
                (before, after)
                for after in found
                if after.model_id == records[1].id and after.run_id is not None and not after.system.endswith(RERANK)
                for before in found
                if before.model_id == records[0].id and before.run_id == after.run_id and not before.system.endswith(RERANK)
            ),
            None,
        )
        if pair is None:
            return None
        base, tuned = (artefacts.read_scores(conn, item.id, PRIMARY) for item in pair)
        qrels = judgements.read_qrels(conn, project_id)
    answers = {anchor: frozenset(measured[item] for item, grade in qrels.get(anchor, {}).items() if grade > 0 and item in measured) for anchor in base}
    return SearchScores(base, tuned, answers, plan_split(workspace, project_id).groups)
