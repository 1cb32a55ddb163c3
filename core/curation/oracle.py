"""Answering the review queue from known judgements, marked as such in the log: the whole job without a person, for measuring."""

from __future__ import annotations

from collections.abc import Mapping

from core.curation.shown import add_shown
from core.model import Judgement, Label, Source, hash_text
from core.store import candidates, judgements
from core.workspace import Workspace

AUTHOR = "oracle"


def answer_queue(workspace: Workspace, project_id: str, grades: Mapping[str, Mapping[str, int]], *, limit: int | None = None) -> dict[str, int]:
    """Judge open candidates in the queue's order: a grade above 0 is an answer, everything else a hard negative.

    Returns how many became `positives` and `hard_negatives`. Judging in pages of 500 keeps each transaction short.
    """
    counts = {"positives": 0, "hard_negatives": 0}
    while limit is None or sum(counts.values()) < limit:
        n = 500 if limit is None else min(500, limit - sum(counts.values()))
        with workspace.store.write() as conn:
            leased = candidates.lease_candidates(conn, project_id, AUTHOR, n=n, lease_s=60.0)
            seq = judgements.last_seq(conn, project_id)
            answers = [_answer(item.anchor_id, item.document_id, grades.get(item.anchor_id, {}).get(item.document_id, 0), seq) for item in leased]
            events = [add_shown(conn, project_id, event, view="oracle") for event in answers]
            judgements.append_judgements(conn, project_id, events)
        if not leased:
            break
        counts["positives"] += sum(event.label == Label.POSITIVE for event in events)
        counts["hard_negatives"] += sum(event.label == Label.HARD_NEGATIVE for event in events)
    return counts


def _answer(anchor_id: str, document_id: str, grade: int, seq: int) -> Judgement:
    label = Label.POSITIVE if grade > 0 else Label.HARD_NEGATIVE
    client_id = "oracle-" + hash_text(f"{seq}\0{anchor_id}\0{document_id}")[:32]
    return Judgement(client_id, anchor_id, document_id, label, max(grade, 0), Source.ORACLE, AUTHOR)
