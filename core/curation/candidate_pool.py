"""The pairs that mining chooses from: what is near an anchor by meaning or by words, less what is judged or may not be seen in training.

Ranks are those among all documents, whoever of them is left out afterwards. No torch here: the vectors come in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats

Ints = NDArray[np.int64]
FIRM = 2
"""Grade from which an answer says how near answers are: one that merely touches the question may stand anywhere."""


@dataclass(frozen=True)
class MiningInput:
    """What the miner looks at. `documents` (n, d) and `anchors` (m, d) float32, rows L2-normalised, in the order of their ids."""

    document_ids: Sequence[str]
    documents: Floats
    anchor_ids: Sequence[str]
    anchors: Floats
    lexical: Mapping[str, Sequence[str]]
    """Document ids by anchor id, best first."""
    grades: Mapping[str, Mapping[str, int]]
    """Judged pairs: grade by anchor id and document id, 0 for a hard negative."""
    closed: frozenset[tuple[str, str]] = frozenset()
    """Pairs judged otherwise (ambiguous, skipped …): never proposed again."""
    forbidden: frozenset[str] = frozenset()
    """Documents that may not be seen in training."""
    twins: Mapping[str, str] | None = None
    """Near-duplicate group by document id."""
    parents: Mapping[str, str] = field(default_factory=dict)
    """Parent document by document id; documents without one are left out."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """For an anchor with paraphrases, the name of their group: what answers one of them is no candidate of the others."""
    model_id: str = ""
    salt: str = ""
    """The project's id: what makes its random draws its own."""
    rerank: Callable[[Sequence[tuple[str, str]]], Floats] | None = None
    """Scores (p,) float32 of p pairs of anchor id and document id, higher is better."""


@dataclass(frozen=True)
class Known:
    """What is judged, by anchor id, as rows of the documents: answers of its own, answers of its whole group, everything that is no candidate."""

    own: Mapping[str, Sequence[int]]
    firm: Mapping[str, Sequence[int]]
    """Those of its own answers that candidates are measured by: of grade `FIRM` or more, of its best grade where all are lower."""
    answers: Mapping[str, Sequence[int]]
    judged: Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class Pool:
    """Pairs (p,) of an anchor's place among the mined ones and a document's row, sorted by both; ranks count from 1, 0 for none."""

    anchor: Ints
    document: Ints
    dense_rank: Ints
    lexical_rank: Ints
    similarity: Floats
    ratio: Floats
    """Similarity over that of the anchor's lowest answer of grade `FIRM` or more; NaN where that one points away from the anchor."""


def read_known(data: MiningInput, row_of: Mapping[str, int]) -> Known:
    """Everything judged, with the answers of paraphrases."""
    own, firm, answers, judged = {}, {}, {}, {}
    shared: dict[str, set[int]] = {}
    closed: dict[str, set[int]] = {}
    for anchor_id, document_id in data.closed:
        if document_id in row_of:
            closed.setdefault(anchor_id, set()).add(row_of[document_id])
    for anchor_id, grades in data.grades.items():
        if anchor_id in data.groups:
            found = (row_of[document_id] for document_id, grade in grades.items() if grade > 0 and document_id in row_of)
            shared.setdefault(data.groups[anchor_id], set()).update(found)
    for anchor_id in data.anchor_ids:
        grades = data.grades.get(anchor_id, {})
        own[anchor_id] = sorted(row_of[document_id] for document_id, grade in grades.items() if grade > 0 and document_id in row_of)
        least = min(FIRM, max((grades[data.document_ids[row]] for row in own[anchor_id]), default=FIRM))
        firm[anchor_id] = [row for row in own[anchor_id] if grades[data.document_ids[row]] >= least]
        group = shared.get(data.groups.get(anchor_id, ""), set()) if anchor_id in data.groups else set()
        answers[anchor_id] = sorted({*own[anchor_id], *group}, key=lambda row: data.document_ids[row])
        said = {row_of[document_id] for document_id in grades if document_id in row_of}
        judged[anchor_id] = frozenset(said | group | closed.get(anchor_id, set()))
    return Known(own, firm, answers, judged)


def gather_pool(data: MiningInput, row_of: Mapping[str, int], known: Known, mined: Sequence[int], depth: int) -> Pool:
    """The union of dense and lexical neighbours of the anchors at the places `mined`, without what is judged or forbidden."""
    n = len(data.document_ids)
    vectors = data.anchors if len(mined) == len(data.anchor_ids) else data.anchors[list(mined)]
    rows, found = search_dense(vectors, data.documents, depth)
    k = rows.shape[1]
    dense_keys = (np.arange(len(mined))[:, np.newaxis] * n + rows).ravel()
    lexical_keys, lexical_ranks = [], []
    for place, i in enumerate(mined):
        for rank, document_id in enumerate(data.lexical.get(data.anchor_ids[i], ())[:depth], start=1):
            if document_id in row_of:
                lexical_keys.append(place * n + row_of[document_id])
                lexical_ranks.append(rank)
    keys = np.unique(np.concatenate([dense_keys, np.array(lexical_keys, np.int64)]))
    judged = [place * n + row for place, i in enumerate(mined) for row in known.judged[data.anchor_ids[i]]]
    keys = keys[~np.isin(keys, np.array(judged, np.int64))]
    if data.forbidden:
        keys = keys[~np.isin(keys % n, np.array([row_of[item] for item in data.forbidden if item in row_of], np.int64))]
    dense_rank, lexical_rank = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    similarity = np.full(len(keys), np.nan, np.float32)
    places, held = _locate(keys, dense_keys)
    dense_rank[places], similarity[places] = np.tile(np.arange(1, k + 1), len(mined))[held], found.ravel()[held]
    places, held = _locate(keys, np.array(lexical_keys, np.int64))
    lexical_rank[places] = np.array(lexical_ranks, np.int64)[held]
    anchor, document = keys // n, keys % n
    missing = np.flatnonzero(np.isnan(similarity))
    similarity[missing] = _dot(vectors, data.documents, anchor[missing], document[missing])
    firm = [known.firm[data.anchor_ids[i]] for i in mined]
    lowest = np.array([np.min(data.documents[list(rows)] @ vector) for rows, vector in zip(firm, vectors, strict=True)], np.float32)[anchor]
    ratio = np.full(len(keys), np.nan, np.float32)
    np.divide(similarity, lowest, out=ratio, where=lowest > 0)
    return Pool(anchor, document, dense_rank, lexical_rank, similarity, ratio)


def _locate(keys: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """Where each of `wanted` that is among the sorted `keys` stands there, and which of `wanted` these are."""
    places = np.searchsorted(keys, wanted)
    held = np.flatnonzero(places < len(keys))
    held = held[keys[places[held]] == wanted[held]]
    return places[held], held


def _dot(anchors: Floats, documents: Floats, left: Ints, right: Ints, block: int = 8192) -> Floats:
    parts = [np.einsum("ij,ij->i", anchors[left[s : s + block]], documents[right[s : s + block]]) for s in range(0, len(left), block)]
    return np.concatenate([np.zeros(0, np.float32), *parts]).astype(np.float32)
