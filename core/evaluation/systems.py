"""Systems as columns: BM25, an embedding model, and whatever else ranks the whole corpus for every anchor; all answer the same question in the same form.

A name says which: `bm25`, `base`, `tuned` (the newest measured), `unblended` (the same before it was blended with the base), a model's id or name; what further
packages bring is handed to `open_systems` as openers by the beginning of the name. `+rerank` after a name has a cross-encoder read the head of that list.

Invariants: every system ranks the same documents for the same anchors, exactly, `DEPTH` deep; ties by order of arrival; no system sees a grade.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.evaluation.measures import DEPTH, Ranking
from core.evaluation.options import RERANK
from core.model import Anchor, Document, ModelKind, ModelRecord, NotFound, PairsmithError
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.lexical import open_lexical
from core.retrieval.models import ensure_base_model
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats
from core.store import artefacts, projects
from core.workspace import Workspace

BM25 = "bm25"
BASE = "base"
TUNED = "tuned"
UNBLENDED = "unblended"
ADAPTER = "adapter"
TIMED_QUERIES = 10
"""Anchors that are asked one by one to time a query."""

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Task:
    """What every system of an evaluation is asked: these anchors over these documents, which are all of the project's in order of arrival."""

    workspace: Workspace
    project_id: str
    anchors: Sequence[Anchor]
    documents: Sequence[Document]
    on_progress: OnProgress | None = None
    timed: int = TIMED_QUERIES
    """How many anchors are asked singly, to time a query; 0 times nothing."""


@dataclass(frozen=True)
class Answer:
    """What a system found, and what it costs."""

    ranking: Ranking
    model_id: str
    latency_ms: float | None = None
    """Median milliseconds of one query on this machine, from text to list; None where it was not timed."""
    bytes_per_document: float | None = None
    """Of the index: vectors in float32, or the lexical index on disk."""
    added_ms: float | None = None
    """What reranking adds to a query."""
    reranked: int = 0
    """How many of the head of the list the reranker read; 0 without one."""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class System:
    """A column: how it is named, in the command line and on the screen, and how it answers. `record`: the embedding model behind it, where there is one."""

    name: str
    title: str
    answer: Callable[[Task], Answer] = field(compare=False)
    record: ModelRecord | None = None
    is_trained: bool = False
    """Whether judgements of this project changed it, so that what it forgot is to be asked."""


Opener = Callable[[Workspace, str, str], System]
"""Makes a system of a workspace, a project's id and a name; raises `PairsmithError` where the name means nothing to it."""


def open_systems(workspace: Workspace, project_id: str, names: Sequence[str], openers: Mapping[str, Opener] | None = None) -> list[System]:
    """The systems of these names, in their order, each once. `openers`: by the beginning of the name up to a colon, or by `RERANK`.

    Raises `PairsmithError` for a name that means nothing.
    """
    systems = [open_system(workspace, project_id, name, openers or {}) for name in dict.fromkeys(names)]
    tuned = {system.record.id: system.record.name for system in systems if system.record is not None and system.record.kind == ModelKind.TUNED}
    if len(tuned) != 1:
        return systems
    (name,) = tuned.values()  # the only tuned one is headed so, by whatever name it was asked for
    return [replace(system, title=system.title.replace(name, "Tuned")) for system in systems]


def open_system(workspace: Workspace, project_id: str, name: str, openers: Mapping[str, Opener]) -> System:
    """The system of this name."""
    if name.endswith(RERANK):
        if RERANK not in openers:
            raise PairsmithError(f"{name!r} needs a reranker: name the folder or the hub id of a cross-encoder.")
        return openers[RERANK](workspace, project_id, name)
    kind = name.partition(":")[0]
    if kind in openers:
        return openers[kind](workspace, project_id, name)
    record = find_system(workspace, project_id, name)
    if record is None:
        return System(BM25, "BM25", answer_bm25)
    return System(name, name_model(name, record), lambda task: answer_model(task, record), record, record.kind.is_trained)


def name_model(name: str, record: ModelRecord) -> str:
    """How a model is headed: by what it is here, else by its own name."""
    return {BASE: "Base", TUNED: "Tuned", UNBLENDED: "Not blended"}.get(name, record.name)


def answer_bm25(task: Task) -> Answer:
    """The lexical ranking; documents that share no term with the anchor are not ranked."""
    index = open_lexical(task.workspace, task.project_id)
    ranking = {anchor.id: [document_id for document_id, _ in index.search(anchor.text, DEPTH)] for anchor in task.anchors}
    latency = time_queries(task, lambda text: index.search(text, DEPTH))
    folder = task.workspace.home / "lexical" / task.project_id
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Answer(ranking, BM25, latency, size / max(1, len(task.documents)))


def answer_model(task: Task, record: ModelRecord) -> Answer:
    """The exact dense ranking of a model by cosine. Encodes what the cache lacks."""
    encoder = Encoder(record) if task.timed else None
    vectors = embed_documents(task.workspace, record, task.documents, encoder=encoder, on_progress=task.on_progress)
    queries = embed_anchors(task.workspace, record, [anchor.text for anchor in task.anchors], encoder=encoder)
    latency = time_queries(task, lambda text: search_dense(encoder.encode_queries([text]), vectors, DEPTH)) if encoder else None
    return Answer(rank_vectors(task, queries, vectors), record.id, latency, 4.0 * record.dimension)


def rank_vectors(task: Task, queries: Floats, documents: Floats) -> Ranking:
    """The ranking by dot product. `queries` (q, d) and `documents` (n, d) float32, rows L2-normalised, in the order of the task's anchors and documents."""
    rows, _ = search_dense(queries, documents, DEPTH)
    ids = np.array([document.id for document in task.documents], dtype=object)
    return {anchor.id: ids[found].tolist() for anchor, found in zip(task.anchors, rows, strict=True)}


def time_queries(task: Task, ask: Callable[[str], object]) -> float | None:
    """Median milliseconds of asking the first few anchors one by one, after one that is not counted; None where nothing is to be timed."""
    texts = [anchor.text for anchor in task.anchors[: task.timed]]
    if not texts:
        return None
    ask(texts[0])
    taken = []
    for text in texts:
        began = time.perf_counter()
        ask(text)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def find_system(workspace: Workspace, project_id: str, name: str) -> ModelRecord | None:
    """The model behind a system's name: `base`, `tuned` (by the rule of `artefacts.find_tuned`), `unblended`, or a model's id; None for `bm25`.

    Raises `NotFound`.
    """
    if name == BM25:
        return None
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        tuned = artefacts.find_tuned(conn, project_id, whole=name == UNBLENDED) if name in (TUNED, UNBLENDED) else None
        models = artefacts.list_models(conn, project_id)
    if name == BASE:
        return ensure_base_model(workspace, project_id, project.base_model)
    if name in (TUNED, UNBLENDED):
        if tuned is None:
            raise NotFound(f"Project {project_id!r} has no tuned model yet. `pairsmith tune {project_id}` makes one.")
        if name == TUNED:
            return tuned
        older = models[models.index(tuned) + 1 :]
        before = next((model for model in older if model.kind == ModelKind.TUNED and model.run_id is not None and model.run_id == tuned.run_id), None)
        if before is None:
            raise NotFound(f"The tuned model of {project_id!r} was not blended with the base, so there is no other form of it.")
        return before
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, project_id, name)
    if record.kind == ModelKind.RERANKER:
        raise PairsmithError(f"{record.name!r} is a cross-encoder: it has no vectors to search by. Name it as the reranker of another model.")
    return record
