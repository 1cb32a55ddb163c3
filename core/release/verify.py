"""Whether a version may go live: figures through the database itself, held against exact search over the same vectors.

All must hold. Recall counts a document whose exact score equals that of the last one wanted, so that ties cost nothing. The questions of the test part take no
part: this checks the database, not the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core.model import Anchor, Document, Part
from core.release.guard.manifest import DOCUMENT, MIN_COSINE, Encode, Manifest, cosines, measure_probes
from core.release.store import Store
from core.retrieval.ranking import search_dense
from core.retrieval.vectors import Floats

K = 5
MIN_RECALL = 0.99
MAX_NDCG_GAP = 0.005
MOST_QUESTIONS, MOST_DOCUMENTS, MOST_ANSWERED, MOST_ENCODED = 200, 50, 500, 8
_SLACK = 1e-5
"""Scores nearer than this are one score: databases sum in another order."""


@dataclass(frozen=True)
class Check:
    """One figure of the verification, and whether it holds. `needed` in words."""

    name: str
    value: str
    needed: str
    holds: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Expected:
    """What a version must hold and answer. `vectors` (n, d) and `question_vectors` (q, d) float32, L2-normalised, in the order of `documents` and
    `questions`."""

    documents: Sequence[Document]
    vectors: Floats
    questions: Sequence[Anchor]
    question_vectors: Floats
    qrels: Mapping[str, Mapping[str, int]]

    @cached_property
    def ids(self) -> list[str]:
        """The documents' ids, in order."""
        return [document.id for document in self.documents]


def verify(store: Store, manifest: Manifest, expected: Expected, fingerprint: str, encode: Encode) -> list[Check]:
    """Every check, whether it holds or not."""
    count = store.count(manifest.name)
    lowest, again = measure_probes(manifest, encode), _encode_again(expected, encode)
    dimension = expected.vectors.shape[1]
    found = [
        Check("Documents", f"{count:,}", f"{len(expected.ids):,}", count == len(expected.ids)),
        Check("Dimension", str(manifest.dimension), str(dimension), manifest.dimension == dimension),
        Check("Fingerprint", manifest.short, fingerprint[:12], manifest.fingerprint == fingerprint),
        Check("Probe texts, lowest cosine", f"{lowest:.6f}", f"at least {MIN_COSINE}", lowest >= MIN_COSINE),
        Check("Documents encoded again, lowest cosine", f"{again:.6f}", f"at least {MIN_COSINE}", again >= MIN_COSINE),
    ]
    if not all(check.holds for check in found[:3]):
        return found  # what is searched would be something else
    return [*found, *_check_search(store, manifest.name, expected), _check_ndcg(store, manifest.name, expected)]


def _encode_again(expected: Expected, encode: Encode) -> float:
    """The lowest cosine between vectors that came from the cache, an adapter's from its base's, and those that the model makes of the same documents now."""
    rows = spread(len(expected.documents), MOST_ENCODED)
    fresh = encode([expected.documents[row].content for row in rows], DOCUMENT)
    return float(cosines(np.asarray(expected.vectors[rows]), fresh).min())


def _check_search(store: Store, name: str, expected: Expected) -> list[Check]:
    asked = spread(len(expected.ids), MOST_DOCUMENTS)
    own = np.asarray(expected.vectors[asked], dtype=np.float32)
    names = [expected.ids[row] for row in asked]
    lowest = min(_find_itself(item, hits) for item, hits in zip(names, store.search(name, own, K), strict=True))
    queries = np.concatenate([expected.question_vectors[spread(len(expected.questions), MOST_QUESTIONS)], own])
    recall = measure_recall(store.search(name, queries, K), queries, expected)
    return [
        Check("Stored vectors, lowest cosine", f"{lowest:.6f}", f"at least {MIN_COSINE}", lowest >= MIN_COSINE),
        Check(f"Recall@{K} against exact search", f"{recall:.4f}", f"at least {MIN_RECALL}", recall >= MIN_RECALL),
    ]


def _find_itself(document_id: str, hits: Sequence[tuple[str, float]]) -> float:
    """The cosine of a document's stored vector with the one it should have; where `K` others are as near, theirs."""
    crowd = hits[-1][1] if len(hits) == K and hits[-1][1] >= MIN_COSINE else -1.0
    return next((score for item, score in hits if item == document_id), crowd)


def measure_recall(hits: Sequence[Sequence[tuple[str, float]]], queries: Floats, expected: Expected) -> float:
    """Mean share in [0, 1] of the `K` nearest that the database found, ties at the end counted; 1 where nothing was asked."""
    rows, scores = search_dense(queries, expected.vectors, K)
    if not len(queries):
        return 1.0
    row_of = {document_id: row for row, document_id in enumerate(expected.ids)}
    shares = []
    for query, found, exact in zip(queries, hits, scores, strict=True):
        known = [row_of[document_id] for document_id, _ in found if document_id in row_of]
        good = int((np.asarray(expected.vectors[known]) @ query >= exact[-1] - _SLACK).sum()) if known else 0
        shares.append(min(1.0, good / rows.shape[1]))
    return float(np.mean(shares))


def _check_ndcg(store: Store, name: str, expected: Expected) -> Check:
    wanted = [row for row, anchor in enumerate(expected.questions) if anchor.part != Part.TEST and any(expected.qrels.get(anchor.id, {}).values())]
    if not wanted:
        return Check(f"NDCG@{K} through the database", "not measured", "no answered question outside the test part", True)
    wanted = [wanted[place] for place in spread(len(wanted), MOST_ANSWERED)]
    queries, grades = expected.question_vectors[wanted], [expected.qrels[expected.questions[row].id] for row in wanted]
    rows, _ = search_dense(queries, expected.vectors, K)
    offline = [[expected.ids[row] for row in found] for found in rows.tolist()]
    through = [[document_id for document_id, _ in hits] for hits in store.search(name, queries, K)]
    ours, theirs = (measure_ndcg(ranking, queries, grades, expected) for ranking in (offline, through))
    value = f"{theirs:.4f}, offline {ours:.4f} (n = {len(wanted)})"
    return Check(f"NDCG@{K} through the database", value, f"within {MAX_NDCG_GAP}", abs(ours - theirs) <= MAX_NDCG_GAP)


def measure_ndcg(ranking: Sequence[Sequence[str]], queries: Floats, grades: Sequence[Mapping[str, int]], expected: Expected) -> float:
    """Mean NDCG@`K` in [0, 1]. A document counts the mean grade of all that share its exact score, so that the order of ties plays no part
    (McSherry and Najork, ECIR 2008). An id that is no document counts 0.
    """
    row_of = {document_id: row for row, document_id in enumerate(expected.ids)}
    discounts = 1.0 / np.log2(np.arange(2, K + 2))
    found = []
    for ids, query, known in zip(ranking, queries, grades, strict=True):
        exact = expected.vectors @ query
        graded = {row_of[document_id]: grade for document_id, grade in known.items() if document_id in row_of and grade > 0}
        ideal = sorted(known.values(), reverse=True)[:K]
        gain = 0.0
        for place, row in enumerate(row_of.get(document_id, -1) for document_id in ids[:K]):
            if row >= 0:
                same = sum(grade for other, grade in graded.items() if abs(exact[other] - exact[row]) <= _SLACK)
                gain += discounts[place] * same / int((np.abs(exact - exact[row]) <= _SLACK).sum())
        found.append(gain / float(np.dot(discounts[: len(ideal)], ideal)))
    return float(np.mean(found))


def spread(count: int, most: int) -> list[int]:
    """At most `most` places of `count`, evenly spaced."""
    return list(range(count)) if count <= most else [place * count // most for place in range(most)]


def describe(checks: Sequence[Check]) -> str:
    """The figures in one line, those that do not hold marked."""
    return "; ".join(f"{check.name}: {check.value}" + ("" if check.holds else f" — needed: {check.needed}") for check in checks)
