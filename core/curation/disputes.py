"""Pairs on which experts differ, and settling them: the word given holds for near-duplicates and paraphrases as any decision does.

Invariant: what was judged or settled since a dispute was read is refused, not passed over.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from core.curation.agreement import DISPUTED, OUTCOMES, Opinions, is_disputed, read_opinions
from core.curation.fan_out import Followed, Twins, apply_decision
from core.curation.twins import read_twins
from core.model import Judgement, Label, PairsmithError, Source
from core.store import judgements
from core.store.projects import take_turn
from core.workspace import Workspace


@dataclass(frozen=True)
class Dispute:
    """A pair that waits to be settled, with every opinion on it, and the version it stands at."""

    opinions: Opinions
    version: str
    """Client id of the event that says disputed: settling names it, so that it cannot pass over a later word."""


@dataclass(frozen=True)
class Settlement:
    """The word that was given, and what followed from it."""

    event: Judgement
    followed: Followed


def list_disputes(workspace: Workspace, project_id: str, opinions: Sequence[Opinions] | None = None) -> list[Dispute]:
    """The pairs that wait to be settled, by anchor and document id. `opinions`: those of the project, where they are read already."""
    held = {(item.anchor_id, item.document_id): item for item in (read_opinions(workspace, project_id) if opinions is None else opinions)}
    with workspace.store.read() as conn:
        words = [word for word in judgements.read_state(conn, project_id, labels=[Label.AMBIGUOUS]) if (word.anchor_id, word.document_id) in held]
        waiting = [word for word in words if _waits(conn, project_id, word)]
    return [Dispute(held[word.anchor_id, word.document_id], word.client_id) for word in waiting]


def _waits(conn: Connection, project_id: str, word: Judgement) -> bool:
    """Whether the present word is a dispute; one that an undo brought back carries the name of whoever did so."""
    if word.undoes is None or word.reason != DISPUTED:
        return is_disputed(word)
    standing = judgements.find_standing(conn, project_id, word.anchor_id, word.document_id)
    return standing is not None and is_disputed(standing)


def settle_dispute(workspace: Workspace, project_id: str, author: str, dispute: Dispute, label: Label, *, grade: int = 0, note: str = "") -> Settlement:
    """Give a disputed pair its word. Raises `PairsmithError` when the pair was judged or settled since `dispute` was read, or the label is no outcome."""
    if label not in OUTCOMES or (label == Label.POSITIVE) != (grade in (1, 2, 3)):
        raise PairsmithError(f"{label.value!r} with grade {grade} settles nothing. Choose hard negative, ambiguous, or an answer of grade 1 to 3.")
    pair = (dispute.opinions.anchor_id, dispute.opinions.document_id)
    shown = {"view": "settle", "opinions": sorted(dispute.opinions.words)}
    event = Judgement(uuid.uuid4().hex, *pair, label, grade, Source.SETTLED, author, note=note, decided_at=time.time(), shown=shown)
    twins = Twins(read_twins(workspace, project_id))
    with workspace.store.write() as conn:
        take_turn(conn, project_id)
        word = next((item for item in judgements.read_state(conn, project_id, anchor_ids=[pair[0]]) if item.document_id == pair[1]), None)
        if word is None or word.client_id != dispute.version:
            raise PairsmithError("This pair was judged or settled since you opened it. Look at it again before you decide.")
        return Settlement(event, apply_decision(conn, project_id, event, twins))
