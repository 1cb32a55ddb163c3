"""Search over a project's corpus: by words, by meaning under one model, or both fused. No torch: the worker encodes the query.

The vector of a query that was embedded before, such as an anchor's own text, comes from the cache, so that it needs no worker.

Tie rule: score descending, then id ascending (dense ties by order of arrival). An empty query or corpus finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.model import Document, ModelRecord
from core.retrieval.lexical import open_lexical
from core.retrieval.query_client import EncoderAway, encode_query, rerank_documents
from core.retrieval.ranking import fuse_rankings, search_dense
from core.retrieval.vectors import Floats, VectorCache, key_content, key_text, open_cache, open_document_cache
from core.store import corpus
from core.store.projects import get_project
from core.workspace import Workspace

DEPTH = 100


@dataclass(frozen=True)
class Hit:
    """A document found, its place from 1, and its score: cosine for one model, reciprocal rank sum where lists were fused."""

    document: Document
    rank: int
    score: float
    lexical_rank: int | None = None
    """Its place by words, from 1; None where it was not among the first `DEPTH`."""
    dense_rank: int | None = None
    """Its place by meaning, from 1; None where it was not among the first `DEPTH`, or meaning was not searched."""
    similarity: float | None = None
    """Cosine with the query in [-1, 1], where it has a place by meaning."""


@dataclass(frozen=True)
class SearchResult:
    """Hits, best first; `note` says what was missing when only words could be searched."""

    hits: Sequence[Hit]
    note: str = ""


@dataclass(frozen=True)
class CorpusVectors:
    """All documents of a project under one model: ids, and vectors (n, d) float32 mapped from disk, in the same order."""

    ids: Sequence[str]
    vectors: Floats


def search_documents(workspace: Workspace, project_id: str, query: str, *, k: int = 20, record: ModelRecord | None = None) -> SearchResult:
    """Hybrid search: BM25 and, where `record` is given and a worker runs, its dense ranking, fused by reciprocal rank."""
    if not query.strip():
        return SearchResult([])
    lexical = [document_id for document_id, _ in open_lexical(workspace, project_id).search(query, DEPTH)]
    dense: list[tuple[str, float]] = []
    note = ""
    if record is not None:
        try:
            dense = _rank_dense(workspace, project_id, record, query, DEPTH)
        except (EncoderAway, VectorsMissing) as error:
            note = str(error)
    fused = fuse_rankings([lexical, [document_id for document_id, _ in dense]])[:k]
    by_words = {document_id: rank for rank, document_id in enumerate(lexical, start=1)}
    by_meaning = {document_id: (rank, score) for rank, (document_id, score) in enumerate(dense, start=1)}
    hits = []
    for hit in _to_hits(workspace, project_id, fused):
        place, similarity = by_meaning.get(hit.document.id, (None, None))
        hits.append(replace(hit, lexical_rank=by_words.get(hit.document.id), dense_rank=place, similarity=similarity))
    return SearchResult(hits, note)


def search_model(workspace: Workspace, project_id: str, record: ModelRecord, query: str, *, k: int = 5) -> SearchResult:
    """The top k under one model alone: what an application using that model would show. Raises `EncoderAway` without a worker."""
    if not query.strip():
        return SearchResult([])
    try:
        return SearchResult(_to_hits(workspace, project_id, _rank_dense(workspace, project_id, record, query, k)))
    except VectorsMissing as error:
        return SearchResult([], str(error))


def rerank_hits(workspace: Workspace, project_id: str, reranker: str, query: str, hits: Sequence[Hit], depth: int | None = None) -> list[Hit]:
    """The same hits, the first `depth` (else all) in the order of a cross-encoder's scores, ties by the place before; their scores are its own then.

    Those below stay as they are. Raises `EncoderAway` without a worker.
    """
    head = hits[:depth]
    if not head:
        return list(hits)
    scores = rerank_documents(workspace, project_id, reranker, query, [hit.document.id for hit in head])
    order = np.argsort(-scores, kind="stable").tolist()
    return [*(replace(head[place], rank=rank, score=float(scores[place])) for rank, place in enumerate(order, start=1)), *hits[len(head) :]]


class VectorsMissing(Exception):
    """Some documents have no vector under the model yet."""


_HELD: dict[tuple[Path, str, str], tuple[int, CorpusVectors]] = {}
_CACHES: dict[tuple[Path, str], VectorCache] = {}
_HELD_MOST = 6


def open_corpus_vectors(workspace: Workspace, project_id: str, record: ModelRecord) -> CorpusVectors:
    """The project's documents under a model, from the cache, kept in the process until the corpus changes. Raises `VectorsMissing`."""
    key = (workspace.home, project_id, record.id)
    with workspace.store.read() as conn:
        revision = get_project(conn, project_id).corpus_revision
        held = _HELD.get(key)
        if held is not None and held[0] == revision:
            return held[1]
        ids, hashes = corpus.read_document_ids(conn, project_id)
    cache = open_document_cache(workspace, record)
    keys = [key_content(digest, record.document_prompt) for digest in hashes]
    missing = len(keys) - sum(cache.has(keys))
    if missing:
        raise VectorsMissing(f"{missing:,} of {len(keys):,} documents are not embedded with {record.name} yet, so only words were searched.")
    while len(_HELD) >= _HELD_MOST:
        _HELD.pop(next(iter(_HELD)), None)
    _HELD[key] = (revision, CorpusVectors(ids, cache.get(keys)))
    return _HELD[key][1]


def _rank_dense(workspace: Workspace, project_id: str, record: ModelRecord, query: str, k: int) -> list[tuple[str, float]]:
    held = open_corpus_vectors(workspace, project_id, record)
    if not held.ids:
        return []
    vector = find_query_vector(workspace, record, query)
    if vector is None:
        vector = encode_query(workspace, project_id, record, query)
    rows, scores = search_dense(vector[np.newaxis], held.vectors, k)
    return [(held.ids[row], float(score)) for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True)]


def find_query_vector(workspace: Workspace, record: ModelRecord, query: str) -> Floats | None:
    """The vector (d,) float32 of a query that the cache holds, or None."""
    key = (workspace.home, record.id)
    cache = _CACHES.get(key)
    if cache is None:
        while len(_CACHES) >= _HELD_MOST:
            _CACHES.pop(next(iter(_CACHES)), None)
        cache = _CACHES[key] = open_cache(workspace, record)
    wanted = [key_text(query, record.query_prompt)]
    found: Floats | None = cache.get(wanted)[0] if cache.has(wanted)[0] else None
    return found


def _to_hits(workspace: Workspace, project_id: str, ranked: Sequence[tuple[str, float]]) -> list[Hit]:
    with workspace.store.read() as conn:
        documents = corpus.get_documents(conn, project_id, [document_id for document_id, _ in ranked])
    return [Hit(documents[document_id], rank, score) for rank, (document_id, score) in enumerate(ranked, start=1) if document_id in documents]
