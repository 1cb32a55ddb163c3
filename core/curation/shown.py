"""What an expert had before them when they decided, as ids and content hashes, with the figures of the candidate: the `shown` of a judgement.

It is written by the server when the decision is applied, from the candidate's row and the texts as they are then. Names: `anchor` (hash of its
text), `document` (content hash), `positives` ([[id, hash], …]), `status`, `reason`, `ratio`, `similarity`, `dense_rank`, `lexical_rank`, `audit`,
`model` (of the candidate, where it is one), `query` (what was searched) and `view` (panel, buttons, search, cli, alike, inside, settle or
oracle), `saw` (client id of the word on the pair that was on the screen). What is not known is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from core.model import Candidate, CandidateStatus, Judgement, hash_text
from core.store import candidates, corpus

ALIKE = "like a document you marked as an answer"
"""The reason of a candidate that came by "more like this": a decision on it has the view `alike`."""
INSIDE = "from the part of the map that you chose"
"""The reason of a candidate that came by "review what is in here": a decision on it has the view `inside`."""
ASKED_VIEWS = {ALIKE: "alike", INSIDE: "inside"}
"""The view of a decision on what somebody asked for, by the candidate's reason: no sample of what mining finds."""
REVIEW_VIEWS = ("panel", "buttons", "cli", *ASKED_VIEWS.values())
"""Where candidates are reviewed; a mark made by searching, or a word carried over to a paraphrase, has another view."""


def was_reviewed(event: Judgement) -> bool:
    """Whether a decision was made in review, as far as what was shown says where; decisions older than that note were."""
    return (event.shown or {}).get("view", "panel") in REVIEW_VIEWS


def add_shown(conn: Connection, project_id: str, event: Judgement, *, view: str, positives: Sequence[str] = (), query: str = "") -> Judgement:
    """The event with its `shown`. `positives`: ids of the answers that stood beside the document, unknown ones are left out.

    Raises `NotFound` where the project has no such anchor.
    """
    anchor = corpus.get_anchor(conn, project_id, event.anchor_id)
    documents = corpus.get_documents(conn, project_id, [event.document_id, *positives])
    candidate = candidates.find_candidate(conn, project_id, event.anchor_id, event.document_id)
    shown: dict[str, Any] = {"anchor": hash_text(anchor.text)}
    if event.document_id in documents:
        shown["document"] = hash_text(documents[event.document_id].content)
    if positives:
        shown["positives"] = [[item, hash_text(documents[item].content)] for item in positives if item in documents]
    if query:
        shown["query"] = query
    if candidate is not None:
        shown |= _name_figures(candidate)
        view = ASKED_VIEWS.get(candidate.reason, view) if view == "panel" else view
    return replace(event, shown=shown | {"view": view})


def recall_candidate(event: Judgement) -> Candidate:
    """The candidate as it was when it was judged, for a pair that mining has left out since; without figures where none were noted."""
    shown = event.shown or {}
    return Candidate(
        anchor_id=event.anchor_id,
        document_id=event.document_id,
        status=CandidateStatus(shown.get("status", CandidateStatus.PROPOSED)),
        reason=str(shown.get("reason", "")),
        priority=0.0,
        similarity=float(shown.get("similarity", 0.0)),
        ratio=shown.get("ratio"),
        dense_rank=shown.get("dense_rank"),
        lexical_rank=shown.get("lexical_rank"),
        model_id=str(shown.get("model", "")),
        audit=bool(shown.get("audit", False)),
    )


def describe_figures(candidate: Candidate) -> str:
    """The candidate's figures in words, for a line that is drawn once the decision is made."""
    parts = [candidate.reason] if candidate.reason else []
    if candidate.ratio is not None:
        parts.append(f"ratio {candidate.ratio:.2f}")
    ranks = [f"{_ordinal(rank)} by {what}" for rank, what in ((candidate.dense_rank, "meaning"), (candidate.lexical_rank, "words")) if rank is not None]
    return " · ".join([*parts, *([", ".join(ranks)] if ranks else [])])


def _name_figures(candidate: Candidate) -> dict[str, Any]:
    figures = {
        "status": candidate.status.value,
        "reason": candidate.reason,
        "ratio": candidate.ratio,
        "similarity": candidate.similarity,
        "dense_rank": candidate.dense_rank,
        "lexical_rank": candidate.lexical_rank,
        "audit": candidate.audit,
        "model": candidate.model_id,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _ordinal(rank: int) -> str:
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{ending}"
