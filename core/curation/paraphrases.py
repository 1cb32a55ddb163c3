"""Anchors that read alike, proposed as one question: nothing is grouped until a person says so, and a refusal is remembered.

Invariants: every two anchors of a proposal read alike (complete linkage: a chain of likenesses is not enough), or read letter for letter the same; a pair
that was refused is not proposed again, whatever joins it. Vectors come from the cache only: no torch here, since pages call this.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from core.model import Anchor, ModelRecord, PairsmithError
from core.retrieval.vectors import Floats, key_text, open_cache
from core.store import corpus, projects
from core.workspace import Workspace

ALIKE = 0.82
"""Cosine under the base model from which two anchors are proposed as one question.

The lowest step of 0.02 at which all-MiniLM-L6-v2 proposed nothing wrong on either of two public collections: of 1,374 questions with ten rephrasings each, 856
in 320 groups, every two of which share an answer; of 225 questions on aerodynamics, 11 pairs, all of which do. At 0.80 one of 15 is wrong there, and the
chains that plain components make are wrong from 0.86 downwards (2 % of the groups at 0.82).
"""
CROWDED = 10
"""Pairs above the threshold an anchor, on average, beyond which the model rather than the anchors makes them: then equal texts alone count."""
REFUSED = "refused_paraphrases"
"""The name of the project option that keeps what was refused: lists of anchor ids."""
_BLOCK = 2048


@dataclass(frozen=True)
class Proposal:
    """Anchors that may ask the same thing, by id; `similarity` is the lowest cosine of two of them, None where texts alone were compared."""

    anchors: Sequence[Anchor]
    similarity: float | None = None

    @property
    def ids(self) -> list[str]:
        """The ids, ascending."""
        return [anchor.id for anchor in self.anchors]


@dataclass(frozen=True)
class Proposals:
    """What is proposed, the surest first; `missing` anchors had no vector, so that only their text could be compared."""

    proposals: Sequence[Proposal]
    missing: int = 0


def normalise_text(text: str) -> str:
    """A text without case, spaces and end marks: what two anchors that differ only in these have in common."""
    return " ".join(text.casefold().split()).rstrip(" .?!")


def group_alike(anchors: Sequence[Anchor], vectors: Floats | None, refused: Iterable[Collection[str]] = (), *, threshold: float = ALIKE) -> list[Proposal]:
    """Groups of two or more anchors that read alike and are not one group yet.

    `vectors` (n, d) float32, rows L2-normalised, in the order of `anchors`; a row of zeros where there is none; None compares texts only. Anchors of equal
    text, and those of a group, begin as one; then the most similar pairs (ties by ids) join what they belong to, where every two across are at least
    `threshold` and no such pair was refused. Sorted by similarity descending, then by ids; fewer than two anchors give none. Cost n²d/2.
    """
    ids = [anchor.id for anchor in anchors]
    found = _find_pairs(vectors, threshold) if vectors is not None and len(anchors) > 1 else {}
    barred = [set(group) for group in refused]
    place = {anchor_id: row for row, anchor_id in enumerate(ids)}
    apart = {frozenset(pair) for group in barred for pair in itertools.combinations(sorted(place[item] for item in group if item in place), 2)}
    clusters = _Clusters(len(anchors))
    by_group: dict[str, list[int]] = {}
    by_text: dict[str, list[int]] = {}
    for row, anchor in enumerate(anchors):
        by_group.setdefault(anchor.question, []).append(row)
        by_text.setdefault(normalise_text(anchor.text), []).append(row)
    for rows in by_group.values():
        for row in rows[1:]:
            clusters.join(rows[0], row)
    for rows in by_text.values():
        for left, right in itertools.combinations(rows, 2):
            if not _across(clusters, left, right, apart):
                clusters.join(left, right)
    alike = {frozenset(pair) for pair in found} | {frozenset(pair) for rows in by_text.values() for pair in itertools.combinations(rows, 2)}
    for left, right in sorted(found, key=lambda pair: (-found[pair], ids[pair[0]], ids[pair[1]])):
        if clusters.of(left) != clusters.of(right) and not _across(clusters, left, right, apart):
            cross = itertools.product(clusters.members(left), clusters.members(right))
            if all(frozenset(pair) in alike for pair in cross):
                clusters.join(left, right)
    proposals = []
    for rows in clusters.all():
        if len(rows) < 2 or (anchors[rows[0]].group is not None and len({anchors[row].group for row in rows}) == 1):
            continue
        lowest = None if vectors is None else _lowest(vectors[rows])
        proposals.append(Proposal(sorted((anchors[row] for row in rows), key=lambda anchor: anchor.id), lowest))
    return sorted(proposals, key=lambda item: (-(item.similarity if item.similarity is not None else 2.0), item.ids))


class _Clusters:
    """Disjoint sets of rows, the members of each at hand."""

    def __init__(self, n: int) -> None:
        self._of = list(range(n))
        self._members = {row: [row] for row in range(n)}

    def of(self, row: int) -> int:
        return self._of[row]

    def members(self, row: int) -> list[int]:
        return self._members[self._of[row]]

    def join(self, left: int, right: int) -> None:
        kept, gone = self._of[left], self._of[right]
        if kept == gone:
            return
        moved = self._members.pop(gone)
        self._members[kept].extend(moved)
        for row in moved:
            self._of[row] = kept

    def all(self) -> list[list[int]]:
        return [sorted(rows) for rows in self._members.values()]


def _across(clusters: _Clusters, left: int, right: int, apart: Collection[frozenset[int]]) -> bool:
    """Whether joining the two would join a pair that was refused."""
    if not apart or clusters.of(left) == clusters.of(right):
        return False
    return any(frozenset(pair) in apart for pair in itertools.product(clusters.members(left), clusters.members(right)))


def _find_pairs(vectors: Floats, threshold: float) -> dict[tuple[int, int], float]:
    """Rows i < j whose cosine is at least `threshold`, with it; none where there are more than `CROWDED` a row."""
    n = len(vectors)
    found: dict[tuple[int, int], float] = {}
    for start in range(0, n, _BLOCK):
        block = vectors[start : start + _BLOCK]
        for other in range(start, n, _BLOCK):
            product = block @ vectors[other : other + _BLOCK].T
            rows, columns = np.nonzero(product >= threshold)
            keep = rows + start < columns + other
            if len(found) + int(keep.sum()) > CROWDED * n:
                return {}
            for row, column in zip(rows[keep].tolist(), columns[keep].tolist(), strict=True):
                found[row + start, column + other] = float(product[row, column])
    return found


def _lowest(vectors: Floats) -> float:
    product: NDArray[np.float32] = vectors @ vectors.T
    return float(np.clip(product.min(), -1.0, 1.0))


def propose_groups(workspace: Workspace, project_id: str, record: ModelRecord | None) -> Proposals:
    """What the project's anchors suggest, under the vectors that `record` (the base model) has in the cache; equal texts alone where it is None."""
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id)
        refused = read_refused(projects.get_project(conn, project_id).options)
    vectors, missing = (None, len(anchors)) if record is None else read_anchor_vectors(workspace, record, [anchor.text for anchor in anchors])
    return Proposals(group_alike(anchors, vectors, refused), missing)


def read_anchor_vectors(workspace: Workspace, record: ModelRecord, texts: Sequence[str]) -> tuple[Floats, int]:
    """Vectors (n, d) float32 of anchors from the cache, zeros where there is none, and how many have none."""
    cache = open_cache(workspace, record)
    keys = [key_text(text, record.query_prompt) for text in texts]
    held = np.array(cache.has(keys), bool)
    vectors = np.zeros((len(texts), record.dimension), np.float32)
    if held.any():
        vectors[held] = cache.get([key for key, is_held in zip(keys, held, strict=True) if is_held])
    return vectors, int((~held).sum())


def read_refused(options: Mapping[str, Any]) -> list[list[str]]:
    """The groups of anchor ids that were refused, out of a project's options."""
    return [[str(item) for item in group] for group in options.get(REFUSED, []) if isinstance(group, list)]


def refuse_proposal(workspace: Workspace, project_id: str, ids: Sequence[str]) -> None:
    """Remember that these anchors do not ask the same thing: no two of them are proposed as one again. Raises `PairsmithError` for fewer than two."""
    wanted = sorted(set(ids))
    if len(wanted) < 2:
        raise PairsmithError("A group has two or more anchors. Name them by their ids.")
    with workspace.store.write() as conn:
        for anchor_id in wanted:
            corpus.get_anchor(conn, project_id, anchor_id)
        remember_refused(conn, project_id, wanted)


def remember_refused(conn: Connection, project_id: str, ids: Sequence[str]) -> None:
    """Add a refusal to the project's options, in the transaction of `conn`; one that is there already changes nothing."""

    def add(options: Mapping[str, Any]) -> Mapping[str, Any]:
        refused = read_refused(options)
        return options if sorted(ids) in refused else {**options, REFUSED: [*refused, sorted(ids)]}

    projects.update_options(conn, project_id, add)


def forget_refused(conn: Connection, project_id: str, ids: Collection[str]) -> None:
    """Take out the refusals that keep two of these anchors apart: a person has joined them."""

    def take_out(options: Mapping[str, Any]) -> Mapping[str, Any]:
        refused = read_refused(options)
        kept = [group for group in refused if len(set(group) & set(ids)) < 2]
        return options if kept == refused else {**options, REFUSED: kept}

    projects.update_options(conn, project_id, take_out)
