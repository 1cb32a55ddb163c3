"""The order of the review queue: what may be an answer first, one anchor's records together, and random audit items between them.

Invariants: of a near-duplicate group an anchor has one record in the queue at most; every `AUDIT_EVERY`th place of the queue is an audit item as long
as there are any; which pairs are audit items follows from a hash of their ids alone, so mining again draws the same ones. They are a simple random
sample, in random order, of everything that does not look like an answer, whether the queue would have reached it or not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.retrieval.vectors import Floats

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
AUDIT_EVERY = 10


@dataclass(frozen=True)
class Ordered:
    """Where each of p pairs stands; all arrays (p,), in the order of the pairs given."""

    order: Ints
    """The pairs, highest priority first."""
    priority: NDArray[np.float64]
    """p for the first pair down to 1."""
    queued: Flags
    """Whether the pair is shown to reviewers."""
    audit: Flags
    stands_for: Ints
    """For a pair set aside as a near-duplicate, the pair that is kept of its group; -1 otherwise."""


def order_queue(
    *,
    anchors: Ints,
    anchor_ids: Sequence[str],
    document_ids: Sequence[str],
    similarity: Floats,
    weight: Floats,
    likely: Flags,
    aside: Flags,
    twins: Ints,
    per_anchor: int,
    salt: str,
) -> Ordered:
    """Choose `per_anchor` pairs of each anchor, draw audit items, and put everything in its place.

    All arrays are (p,): `anchors` the place of the pair's anchor in `anchor_ids`, `weight` what ranks anchors among each other, and what may be an answer
    within one,
    `likely` whether the pair may be an answer, `aside` whether it may not be shown, `twins` its near-duplicate group or -1. Ties: by anchor id, then
    document id, ascending. No pairs give empty arrays.
    """
    p = len(anchors)
    document_rank, anchor_rank = _rank(document_ids), _rank(anchor_ids)[anchors] if p else np.zeros(0, np.int64)
    near = -np.where(likely, weight, similarity).astype(np.float64)
    within = np.lexsort((document_rank, near, ~likely, aside, anchors))
    stands_for = _find_doubles(within, anchors, twins, aside)
    free = ~aside & (stands_for < 0)
    place = np.zeros(p, np.int64)
    kept = within[free[within]]
    starts = np.searchsorted(anchors[kept], np.arange(len(anchor_ids)))
    place[kept] = np.arange(len(kept)) - starts[anchors[kept]]
    queued = free & (place < per_anchor)
    audit = _draw_audit(np.flatnonzero(free & ~likely), queued, _hash_pairs(anchors, anchor_ids, document_ids, salt))
    drawn = np.flatnonzero(audit)
    queued[drawn] = True
    group = np.where(~queued, 2, np.where(likely, 0, 1))
    best = np.full((3, len(anchor_ids)), -np.inf)
    np.maximum.at(best, (group, anchors), weight)
    ranked = np.lexsort((document_rank, near, anchor_rank, -best[group, anchors], group))
    plain = ranked[~audit[ranked]]
    hashes = _hash_pairs(anchors[drawn], anchor_ids, [document_ids[at] for at in drawn.tolist()], salt)
    order = _mix(plain, drawn[np.argsort(hashes, kind="stable")])
    priority = np.zeros(p, np.float64)
    priority[order] = np.arange(p, 0, -1)
    return Ordered(order, priority, queued, audit, stands_for)


def _rank(ids: Sequence[str]) -> Ints:
    """The place of each id among the different ids in ascending order."""
    rank = {item: place for place, item in enumerate(sorted(set(ids)))}
    return np.fromiter((rank[item] for item in ids), np.int64, len(ids))


def _find_doubles(within: Ints, anchors: Ints, twins: Ints, aside: Flags) -> Ints:
    """For each pair whose group its anchor has seen before (in the order `within`), the pair seen first; -1 for all others."""
    stands_for = np.full(len(anchors), -1, np.int64)
    first: dict[tuple[int, int], int] = {}
    for at in within[(twins[within] >= 0) & ~aside[within]].tolist():
        kept = first.setdefault((int(anchors[at]), int(twins[at])), at)
        if kept != at:
            stands_for[at] = kept
    return stands_for


def _hash_pairs(anchors: Ints, anchor_ids: Sequence[str], document_ids: Sequence[str], salt: str) -> NDArray[np.uint64]:
    """A number for each pair that depends on salt and ids alone, spread evenly over 64 bits (the mixing step of splitmix64)."""
    left = np.array([_hash_id(f"{salt}\0{item}") for item in anchor_ids], np.uint64)
    numbers = {item: _hash_id(item) for item in set(document_ids)}
    right = np.fromiter((numbers[item] for item in document_ids), np.uint64, len(document_ids))
    mixed = left[anchors] * np.uint64(0x9E3779B97F4A7C15) + right if len(anchors) else right
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)


def _hash_id(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest(), "little")


def _draw_audit(frame: Ints, queued: Flags, hashes: NDArray[np.uint64]) -> Flags:
    """As many of `frame` as make every `AUDIT_EVERY`th place of the queue an audit item, those of the smallest hashes."""
    audit = np.zeros(len(queued), np.bool_)
    order = frame[np.argsort(hashes[frame], kind="stable")]
    others = int(queued.sum()) - np.cumsum(queued[order])  # what is left of the queue besides the first 1, 2, … drawn
    audit[order[others >= (AUDIT_EVERY - 1) * np.arange(1, len(order) + 1)]] = True
    return audit


def _mix(plain: Ints, audit: Ints) -> Ints:
    """The pairs of `audit` at every `AUDIT_EVERY`th place between those of `plain`."""
    order = np.empty(len(plain) + len(audit), np.int64)
    taken = np.zeros(len(order), np.bool_)
    taken[AUDIT_EVERY - 1 : AUDIT_EVERY * len(audit) : AUDIT_EVERY] = True
    order[taken], order[~taken] = audit, plain
    return order
