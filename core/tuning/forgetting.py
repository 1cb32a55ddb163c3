"""What tuning did to general language beside the guard set: whether everyday texts still have the neighbours they had."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

import sample_data
from core.geometry.neighbours import neighbour_overlap
from core.model import ModelRecord
from core.retrieval.encoder import embed_texts
from core.workspace import Workspace

NEIGHBOURS = 10


def measure_neighbours_kept(workspace: Workspace, base: ModelRecord, tuned: ModelRecord, *, k: int = NEIGHBOURS) -> float:
    """Mean share of the `k` nearest neighbours that the bundled everyday texts keep from base to tuned, in [0, 1]; 1 means nothing moved.

    The texts are none of the guard set's and none of those mixed in (`sample_data/reference`). Neighbours by cosine, ties by order; a text is not its own.
    """
    lines = sample_data.REFERENCE_TEXTS.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines if line.strip()]
    first, second = (_list_neighbours(embed_texts(workspace, record, texts, prompt=record.document_prompt), k) for record in (base, tuned))
    return float(neighbour_overlap(first, second).mean())


def _list_neighbours(vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Rows (n, k) of the nearest others. `vectors` (n, d) float32, rows L2-normalised."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k].astype(np.int64)
