"""What tuning did to general language beside the guard set: whether everyday texts still have the neighbours they had."""

from __future__ import annotations

from core.geometry.neighbours import find_exact, neighbour_overlap
from core.geometry.references import read_references
from core.model import ModelRecord
from core.retrieval.encoder import embed_texts
from core.workspace import Workspace

NEIGHBOURS = 10


def measure_neighbours_kept(workspace: Workspace, base: ModelRecord, tuned: ModelRecord, *, k: int = NEIGHBOURS) -> float:
    """Mean share of the `k` nearest neighbours that the bundled everyday texts keep from base to tuned, in [0, 1]; 1 means nothing moved.

    The texts are none of the guard set's and none of those mixed in (`sample_data/reference`). Neighbours by cosine, ties by order; a text is not its own.
    """
    texts = read_references()
    first, second = (find_exact(embed_texts(workspace, record, texts, prompt=record.document_prompt), k).rows for record in (base, tuned))
    return float(neighbour_overlap(first, second).mean())
