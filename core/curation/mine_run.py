"""Mining a whole project: gathers what the miner looks at, and stores what it found.

Invariants: an anchor that is held out, and every paraphrase of one, is not mined; what answers them is never proposed, nor any near-duplicate of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from core.curation.calibration import Calibration, calibrate
from core.curation.held_out import forbid_documents, part_anchors
from core.curation.mining import Mining, MiningInput, mine_candidates
from core.curation.near_duplicates import ensure_twins
from core.curation.options import read_options
from core.curation.overlap import draw_overlap
from core.curation.split import ensure_split, read_positives
from core.model import CandidateStatus, Document, Label, ModelRecord, PairsmithError
from core.retrieval.encoder import embed_anchors, embed_documents
from core.retrieval.lexical import open_lexical
from core.retrieval.models import ensure_base_model
from core.retrieval.reranker import Reranker
from core.retrieval.rerankers import find_reranker
from core.retrieval.vectors import Floats
from core.store import candidates, corpus, judgements, projects
from core.workspace import Workspace

OnStage = Callable[[str, int, int], None]
"""Called with a message, the step and the number of steps."""
_STEPS = 5


def mine_project(workspace: Workspace, project_id: str, record: ModelRecord, options: Mining, on_stage: OnStage) -> dict[str, Any]:
    """Mine candidates for every anchor in training and put them in the queue. Returns counts by status, and the suspicious ratio with where it is from.

    Pairs that are judged stay judged; those that a reviewer has before them keep their lease. Raises `PairsmithError` when there are no documents, no
    anchor has an answer yet, the parent field names nothing, or the reranker cannot be loaded.
    """
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        documents = corpus.read_documents(conn, project_id)
    if not documents:
        raise PairsmithError("The project has no documents, so there is nothing to mine. Import a corpus first.")
    parents = read_parents(documents, read_options(project).parent_field)
    reranker = Reranker(find_reranker(workspace, project_id, options.reranker)) if options.reranker else None
    on_stage("Encoding documents", 0, _STEPS)
    vectors = embed_documents(workspace, record, documents, on_progress=lambda step, total: on_stage("Encoding documents", step, total))
    ids = [doc.id for doc in documents]
    on_stage("Looking for near-duplicates", 1, _STEPS)
    twins = ensure_twins(workspace, project_id, ensure_base_model(workspace, project_id, project.base_model))
    ensure_split(workspace, project_id)
    with workspace.store.read() as conn:
        labelled = read_positives(judgements.read_qrels(conn, project_id))
        anchors = corpus.read_anchors(conn, project_id)
        state = judgements.read_state(conn, project_id)
    if not labelled:
        raise PairsmithError("No anchor has an answer yet, so there is nothing to be near to. Label answers on the label page first.")
    training, held_out = part_anchors(anchors, labelled)
    forbidden = forbid_documents(held_out, labelled, twins)
    on_stage("Searching by words", 2, _STEPS)
    index = open_lexical(workspace, project_id)
    lexical = {anchor.id: [document_id for document_id, _ in index.search(anchor.text, options.depth)] for anchor in training}
    grades: dict[str, dict[str, int]] = {}
    for item in state:
        if item.label in (Label.POSITIVE, Label.HARD_NEGATIVE):
            grades.setdefault(item.anchor_id, {})[item.document_id] = item.grade
    texts = {anchor.id: anchor.text for anchor in training}
    contents = {doc.id: doc.content for doc in documents} if reranker else {}

    def rerank(pairs: Sequence[tuple[str, str]]) -> Floats:
        assert reranker is not None
        read = [(texts[anchor_id], contents[document_id]) for anchor_id, document_id in pairs]
        return reranker.score(read, lambda step, total: on_stage("Reading the nearest candidates with the reranker", step, total))

    used, calibration = choose_ratio(workspace, project_id, record, options)
    on_stage("Searching by meaning", 3, _STEPS)
    found = mine_candidates(
        MiningInput(
            document_ids=ids,
            documents=vectors,
            anchor_ids=[anchor.id for anchor in training],
            anchors=embed_anchors(workspace, record, [anchor.text for anchor in training]),
            lexical=lexical,
            grades=grades,
            closed=frozenset((item.anchor_id, item.document_id) for item in state if item.label not in (Label.POSITIVE, Label.HARD_NEGATIVE)),
            forbidden=forbidden,
            twins=twins,
            parents=parents,
            groups={anchor.id: anchor.question for anchor in anchors},
            model_id=record.id,
            salt=project_id,
            rerank=rerank if reranker else None,
        ),
        used,
    )
    on_stage("Saving the queue", 4, _STEPS)
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, project_id, found, refused=forbidden)
        draw_overlap(conn, project_id, read_options(projects.get_project(conn, project_id)).overlap)
    return {
        "anchors": len(training),
        "candidates": len(found),
        **{status.value: sum(item.status == status for item in found) for status in CandidateStatus},
        "audit": sum(item.audit for item in found),
        "model_id": record.id,
        "suspicious_ratio": used.suspicious_ratio,
        "ratio_from": "given" if calibration is None else "start value" if calibration.is_fallback else "calibrated",
        "clicks": 0 if calibration is None else calibration.clicks,
    }


def choose_ratio(workspace: Workspace, project_id: str, record: ModelRecord, options: Mining) -> tuple[Mining, Calibration | None]:
    """The options with their suspicious ratio: as given, else the calibrated one, with the calibration it is from."""
    if options.suspicious_ratio is not None:
        return options, None
    calibration = calibrate(workspace, project_id, model_id=record.id)
    return replace(options, suspicious_ratio=calibration.threshold), calibration


def read_parents(documents: Sequence[Document], parent_field: str) -> dict[str, str]:
    """The parent of each document that names one in the field. Raises `PairsmithError` where no document has the field."""
    if not parent_field:
        return {}
    parents = {doc.id: doc.fields[parent_field] for doc in documents if doc.fields.get(parent_field)}
    if not parents:
        known = sorted({name for doc in documents for name in doc.fields})
        raise PairsmithError(f"No document has a field {parent_field!r} that names its parent. Fields there are: {', '.join(known) or 'none'}.")
    return parents
