"""Mining a whole project: gathers what the miner looks at, and stores what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.curation.mining import Mining, MiningInput, mine_candidates
from core.curation.near_duplicates import ensure_twins
from core.curation.split import ensure_split, read_positives
from core.model import CandidateStatus, Label, ModelRecord, PairsmithError, Part
from core.retrieval.encoder import embed_anchors, embed_documents
from core.retrieval.lexical import open_lexical
from core.retrieval.models import ensure_base_model
from core.store import candidates, corpus, judgements, projects
from core.workspace import Workspace

OnStage = Callable[[str, int, int], None]
"""Called with a message, the step and the number of steps."""
_STEPS = 5


def mine_project(workspace: Workspace, project_id: str, record: ModelRecord, options: Mining, on_stage: OnStage) -> dict[str, Any]:
    """Mine candidates for every anchor in training and put them in the queue. Returns counts by status.

    Raises `PairsmithError` when there are no documents, or no anchor has an answer yet.
    """
    with workspace.store.read() as conn:
        base_model = projects.get_project(conn, project_id).base_model
        documents = corpus.read_documents(conn, project_id)
    if not documents:
        raise PairsmithError("The project has no documents, so there is nothing to mine. Import a corpus first.")
    on_stage("Encoding documents", 0, _STEPS)
    vectors = embed_documents(workspace, record, documents)
    ids = [doc.id for doc in documents]
    on_stage("Looking for near-duplicates", 1, _STEPS)
    twins = ensure_twins(workspace, project_id, ensure_base_model(workspace, project_id, base_model))
    ensure_split(workspace, project_id)
    with workspace.store.read() as conn:
        labelled = read_positives(judgements.read_qrels(conn, project_id))
        anchors = corpus.read_anchors(conn, project_id)
        state = judgements.read_state(conn, project_id)
    if not labelled:
        raise PairsmithError("No anchor has an answer yet, so there is nothing to be near to. Label answers on the label page first.")
    training = [anchor for anchor in anchors if anchor.part == Part.TRAIN and anchor.id in labelled]
    held_out = {anchor.id for anchor in anchors if anchor.part in (Part.DEV, Part.TEST)}
    kept_back = {twins.get(document_id, document_id) for anchor_id in held_out for document_id in labelled.get(anchor_id, ())}
    on_stage("Searching by words", 2, _STEPS)
    index = open_lexical(workspace, project_id)
    lexical = {anchor.id: [document_id for document_id, _ in index.search(anchor.text, options.depth)] for anchor in training}
    on_stage("Searching by meaning", 3, _STEPS)
    grades: dict[str, dict[str, int]] = {}
    for item in state:
        if item.label in (Label.POSITIVE, Label.HARD_NEGATIVE):
            grades.setdefault(item.anchor_id, {})[item.document_id] = item.grade
    found = mine_candidates(
        MiningInput(
            document_ids=ids,
            documents=vectors,
            anchor_ids=[anchor.id for anchor in training],
            anchors=embed_anchors(workspace, record, [anchor.text for anchor in training]),
            lexical=lexical,
            grades=grades,
            closed=frozenset((item.anchor_id, item.document_id) for item in state if item.label not in (Label.POSITIVE, Label.HARD_NEGATIVE)),
            forbidden=frozenset(document_id for document_id in ids if twins.get(document_id, document_id) in kept_back),
            twins=twins,
            model_id=record.id,
        ),
        options,
    )
    on_stage("Saving the queue", 4, _STEPS)
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, project_id, found)
    return {
        "anchors": len(training),
        "candidates": len(found),
        **{status.value: sum(item.status == status for item in found) for status in CandidateStatus},
    }
