"""Systems and their rankings: BM25, or an embedding model, each over the whole corpus by the same function for all anchors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.evaluation.measures import DEPTH, Ranking
from core.model import Anchor, ModelKind, ModelRecord, NotFound, PairsmithError
from core.retrieval.encoder import embed_anchors, embed_documents
from core.retrieval.lexical import open_lexical
from core.retrieval.models import ensure_base_model
from core.retrieval.ranking import search_dense
from core.store import artefacts, corpus, projects
from core.workspace import Workspace

BM25 = "bm25"
BASE = "base"
TUNED = "tuned"

OnProgress = Callable[[int, int], None]


def rank_bm25(workspace: Workspace, project_id: str, anchors: Sequence[Anchor]) -> Ranking:
    """The lexical ranking, `DEPTH` deep; ties by order of arrival."""
    index = open_lexical(workspace, project_id)
    return {anchor.id: [document_id for document_id, _ in index.search(anchor.text, DEPTH)] for anchor in anchors}


def rank_model(workspace: Workspace, project_id: str, record: ModelRecord, anchors: Sequence[Anchor], *, on_progress: OnProgress | None = None) -> Ranking:
    """The exact dense ranking of a model by cosine, `DEPTH` deep; ties by order of arrival. Encodes what the cache lacks."""
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, project_id)
    vectors = embed_documents(workspace, record, documents, on_progress=on_progress)
    queries = embed_anchors(workspace, record, [anchor.text for anchor in anchors])
    rows, _ = search_dense(queries, vectors, DEPTH)
    return {anchor.id: [documents[row].id for row in found] for anchor, found in zip(anchors, rows.tolist(), strict=True)}


def find_system(workspace: Workspace, project_id: str, name: str) -> ModelRecord | None:
    """The model behind a system's name: `base`, `tuned` (the newest), or a model's id; None for `bm25`. Raises `NotFound`."""
    if name == BM25:
        return None
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        models = artefacts.list_models(conn, project_id)
    if name == BASE:
        return ensure_base_model(workspace, project_id, project.base_model)
    if name == TUNED:
        tuned = [model for model in models if model.kind.is_trained]
        if not tuned:
            raise NotFound(f"Project {project_id!r} has no tuned model yet. `pairsmith tune {project_id}` makes one.")
        return tuned[0]
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, project_id, name)
    if record.kind == ModelKind.RERANKER:
        raise PairsmithError(f"{record.name!r} is a cross-encoder: it has no vectors to search by. Name it as the reranker of another model.")
    return record
