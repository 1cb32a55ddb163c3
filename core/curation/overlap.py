"""Which records of the queue two experts judge: a share of them, drawn by the hash of the pair, so that mining again draws the same."""

from __future__ import annotations

from sqlalchemy import Connection

from core.curation.options import change_options
from core.model import PairsmithError, hash_text
from core.store import candidates
from core.store.projects import take_turn
from core.workspace import Workspace

MOST = 0.5


def change_overlap(workspace: Workspace, project_id: str, share: float, author: str) -> int:
    """Have two experts judge this share (0 to `MOST`) of the queue, now and after every mining. Returns how many records that are now.

    Leads only. Raises `PairsmithError`, for another share too.
    """
    if not 0 <= share <= MOST:
        raise PairsmithError(f"A share of {share} of the queue cannot be judged twice. Give one from 0 to {MOST}.")
    change_options(workspace, project_id, author=author, overlap=share)
    with workspace.store.write() as conn:
        return draw_overlap(conn, project_id, share)


def draw_overlap(conn: Connection, project_id: str, share: float) -> int:
    """Mark the records of the queue that two experts judge. Returns how many they are."""
    take_turn(conn, project_id)
    drawn = [pair for pair in candidates.list_queued_pairs(conn, project_id) if _place(*pair) < share]
    candidates.set_wanted(conn, project_id, drawn, 2)
    return len(drawn)


def _place(anchor_id: str, document_id: str) -> float:
    """A number in [0, 1) that the pair always has."""
    return int(hash_text(f"overlap\0{anchor_id}\0{document_id}")[:8], 16) / 2**32
