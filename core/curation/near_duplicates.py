"""Groups of documents that say the same: same text, or cosine above a threshold under the base model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.curation.twins import read_twins, write_twins
from core.model import ModelRecord
from core.retrieval.encoder import embed_documents
from core.retrieval.vectors import Floats
from core.store import corpus, projects
from core.workspace import Workspace

THRESHOLD = 0.98
CROWDED = 10
"""Pairs above the threshold a document, on average, beyond which the model rather than the corpus makes them."""
_BLOCK = 2048


def group_near_duplicates(ids: Sequence[str], vectors: Floats, texts: Sequence[str] = (), *, threshold: float = THRESHOLD) -> dict[str, str]:
    """For each document in a group of two or more, the smallest id of its group; others are left out.

    `vectors` (n, d) float32, rows L2-normalised, and `texts` (n, or none) in the order of `ids`. Groups are connected components of the pairs above
    `threshold` and of equal texts (case and spaces aside). A model that finds more than `CROWDED` pairs a document alike cannot tell near-duplicates at
    this threshold: then equal texts alone count. Cost n²d/2, in blocks of bounded memory. Fewer than two documents give no groups.
    """
    n = len(ids)
    if n < 2:
        return {}
    rows, columns = _find_alike(vectors, threshold)
    first: dict[str, int] = {}
    same = [(first.setdefault(" ".join(text.casefold().split()), row), row) for row, text in enumerate(texts)]
    left = np.concatenate([rows, np.array([pair[0] for pair in same], np.int64)])
    right = np.concatenate([columns, np.array([pair[1] for pair in same], np.int64)])
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    members: dict[int, list[str]] = {}
    for row, label in enumerate(labels):
        members.setdefault(int(label), []).append(ids[row])
    return {document_id: min(group) for group in members.values() if len(group) > 1 for document_id in group}


def _find_alike(vectors: Floats, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows i < j whose cosine is above `threshold`; none where there are more than `CROWDED` a row."""
    n = len(vectors)
    left: list[NDArray[np.int64]] = []
    right: list[NDArray[np.int64]] = []
    found = 0
    for start in range(0, n, _BLOCK):
        block = vectors[start : start + _BLOCK]
        for other in range(start, n, _BLOCK):
            rows, columns = np.nonzero(block @ vectors[other : other + _BLOCK].T > threshold)
            keep = rows + start < columns + other
            left.append(rows[keep] + start)
            right.append(columns[keep] + other)
            found += int(keep.sum())
            if found > CROWDED * n:
                return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(left), np.concatenate(right)


def ensure_twins(workspace: Workspace, project_id: str, base: ModelRecord) -> dict[str, str]:
    """The near-duplicate groups of the project's documents under its base model, computed once a corpus revision."""
    known = read_twins(workspace, project_id)
    if known is not None:
        return known
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, project_id).corpus_revision
        documents = corpus.read_documents(conn, project_id)
    groups = group_near_duplicates([doc.id for doc in documents], embed_documents(workspace, base, documents), [doc.content for doc in documents])
    write_twins(workspace, project_id, groups, revision)
    return groups
