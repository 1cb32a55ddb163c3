"""The systems that an evaluation knows beyond models: the adapter, vectors from outside, and each of them reranked.

The one place where all kinds of columns are put together.
"""

from __future__ import annotations

import hashlib

from core.evaluation.options import RERANK, EvaluateOptions
from core.evaluation.outside import make_endpoint_opener, open_brought
from core.evaluation.rerank import RerankedSystems
from core.evaluation.systems import ADAPTER, BASE, Answer, Opener, System, Task, find_system, rank_vectors, time_queries
from core.evaluation.uploaded import PREFIX
from core.model import ModelRecord, PairsmithError
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.ranking import search_dense
from core.retrieval.reranker import Reranker
from core.retrieval.rerankers import find_reranker
from core.retrieval.sending import ENDPOINT
from core.store.artefacts import ADAPTER_ID
from core.tuning.adapter import apply_adapter
from core.tuning.value_meter import fit_present
from core.workspace import Workspace


def list_openers(workspace: Workspace, project_id: str, options: EvaluateOptions) -> dict[str, Opener]:
    """Openers for `core.evaluation.systems.open_systems`; reranking only where the options name a reranker: one of the project's, a folder or a hub id."""
    openers: dict[str, Opener] = {ADAPTER: open_adapter, PREFIX: open_brought, ENDPOINT: make_endpoint_opener(may_send=options.send)}
    if options.reranker:
        folder = find_reranker(workspace, project_id, options.reranker)
        reranked = RerankedSystems(lambda: Reranker(folder), options.reranker, options.depth, dict(openers))
        openers[RERANK] = reranked.open
    return openers


def open_adapter(workspace: Workspace, project_id: str, name: str) -> System:
    """The quick adapter on the base model's query vectors, fitted on the training anchors and stopped on the development ones."""
    record = find_system(workspace, project_id, BASE)
    if record is None:
        raise PairsmithError("The project has no base model, so there is nothing to adapt.")
    return System(name, "Adapter", lambda task: _answer_adapter(task, record), None, is_trained=True)


def _answer_adapter(task: Task, record: ModelRecord) -> Answer:
    adapter, taught = fit_present(task.workspace, task.project_id)
    encoder = Encoder(record) if task.timed else None
    documents = embed_documents(task.workspace, record, task.documents, encoder=encoder, on_progress=task.on_progress)
    queries = apply_adapter(adapter.weights, embed_anchors(task.workspace, record, [anchor.text for anchor in task.anchors], encoder=encoder))
    latency = None
    if encoder is not None:
        latency = time_queries(task, lambda text: search_dense(apply_adapter(adapter.weights, encoder.encode_queries([text])), documents, 10))
    digest = hashlib.sha256(adapter.weights.tobytes()).hexdigest()
    note = f"Fitted on {taught} training anchors, step {adapter.step} of {adapter.steps} chosen on development anchors; documents keep the base's vectors."
    return Answer(rank_vectors(task, queries, documents), f"{ADAPTER_ID}{digest[:32]}", latency, 4.0 * record.dimension, notes=[note])
