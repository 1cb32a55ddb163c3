"""Holes: documents among the first of a compared system that nobody judged. They are put into the review queue, blind and interleaved. No torch.

The experts' answers come from the base model's lists, which favours it: what another system finds first often was never looked at. Invariants: the pool is
the first `POOL` of every system of the comparison, whoever found them; the order is that of a hash of the ids, so that no system's come first; neither
the record nor what is told after the decision says which system it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.evaluation.lists import read_lists
from core.model import Candidate, CandidateStatus
from core.store import candidates, judgements
from core.workspace import Workspace

POOL = 5
_CHUNK = 400


@dataclass(frozen=True)
class Holes:
    """Pairs of anchor and document that nobody judged, in the order they are asked, and how many pairs were pooled."""

    pairs: tuple[tuple[str, str], ...]
    pooled: int


def find_holes(workspace: Workspace, project_id: str, test: Mapping[str, Any]) -> Holes:
    """The holes of a stored comparison as the judgements are now; none where it kept no lists."""
    pool = {
        (anchor_id, document_id)
        for figures in test["systems"]
        for anchor_id, listed in read_lists(workspace, figures["evaluation_id"]).items()
        for document_id in listed[:POOL]
    }
    with workspace.store.read() as conn:
        judged = {(item.anchor_id, item.document_id) for item in judgements.read_state(conn, project_id)}
    return Holes(tuple(sorted(pool - judged, key=lambda pair: _shuffle(project_id, pair))), len(pool))


def queue_holes(workspace: Workspace, project_id: str, test: Mapping[str, Any], author: str, *, now: float | None = None) -> int:
    """Put the holes of a comparison before everything else in the review queue, for whoever reviews next. Returns how many came that were not there."""
    pairs = find_holes(workspace, project_id, test).pairs
    items = [
        Candidate(anchor_id, document_id, CandidateStatus.PROPOSED, candidates.HOLES_REASON, 0.0, 0.0, None, None, None, "") for anchor_id, document_id in pairs
    ]
    placed = 0
    with workspace.store.write() as conn:
        for start in reversed(range(0, len(items), _CHUNK)):  # each chunk goes before those that were put there already
            placed += candidates.put_first(conn, project_id, items[start : start + _CHUNK], author=author, lease_s=0.0, now=now)
    return placed


def count_waiting(workspace: Workspace, project_id: str) -> int:
    """How many holes wait in the queue to be judged."""
    with workspace.store.read() as conn:
        return candidates.count_open_by_reason(conn, project_id, candidates.HOLES_REASON)


def _shuffle(project_id: str, pair: tuple[str, str]) -> bytes:
    return hashlib.sha256("\0".join((project_id, *pair)).encode("utf-8", "backslashreplace")).digest()
