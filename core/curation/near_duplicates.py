"""Groups of documents that say the same: same text, or cosine above a threshold under the base model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.curation.twins import read_twins, write_twins
from core.model import ModelRecord
from core.retrieval.encoder import embed_documents
from core.retrieval.vectors import Floats
from core.store import corpus, projects
from core.workspace import Workspace

THRESHOLD = 0.98
_BLOCK = 2048


def group_near_duplicates(ids: Sequence[str], vectors: Floats, *, threshold: float = THRESHOLD) -> dict[str, str]:
    """For each document in a group of two or more, the smallest id of its group; others are left out.

    `vectors` (n, d) float32, rows L2-normalised, in the order of `ids`. Groups are connected components of the pairs above `threshold`. Cost
    n²d/2, in blocks of bounded memory. Fewer than two documents give no groups.
    """
    n = len(ids)
    left: list[np.ndarray] = []
    right: list[np.ndarray] = []
    for start in range(0, n, _BLOCK):
        block = vectors[start : start + _BLOCK]
        for other in range(start, n, _BLOCK):
            rows, columns = np.nonzero(block @ vectors[other : other + _BLOCK].T > threshold)
            left.append(rows + start)
            right.append(columns + other)
    if n < 2:
        return {}
    rows, columns = np.concatenate(left), np.concatenate(right)
    keep = rows < columns
    graph = coo_array((np.ones(int(keep.sum()), np.int8), (rows[keep], columns[keep])), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    members: dict[int, list[str]] = {}
    for row, label in enumerate(labels):
        members.setdefault(int(label), []).append(ids[row])
    return {document_id: min(group) for group in members.values() if len(group) > 1 for document_id in group}


def ensure_twins(workspace: Workspace, project_id: str, base: ModelRecord) -> dict[str, str]:
    """The near-duplicate groups of the project's documents under its base model, computed once a corpus revision."""
    known = read_twins(workspace, project_id)
    if known is not None:
        return known
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, project_id).corpus_revision
        documents = corpus.read_documents(conn, project_id)
    groups = group_near_duplicates([doc.id for doc in documents], embed_documents(workspace, base, documents))
    write_twins(workspace, project_id, groups, revision)
    return groups
