"""How many answers are left among what nobody reviewed: an estimate from the audit items, which mining draws at random.

The audit items are a simple random sample, in random order, of everything that did not look like an answer when it was mined, so those that were judged
tell the share of answers in it. The nearest of it are reviewed first, so of what is still unreviewed the estimate is, if anything, too high. Skipped,
ambiguous and cannot-judge items count as not judged: were answers harder to judge than others, it would be too low.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.model import Label
from core.store import candidate_table, judgements
from core.workspace import Workspace

FEW = 5
"""Below this many judged audit items nothing is said: even none of four leaves anything up to 60 % possible."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class AuditEstimate:
    """The share of answers among unreviewed candidates that do not look like answers."""

    share: float
    """Answers over judged audit items, in [0, 1]."""
    low: float
    high: float
    """95 % interval of the share, exact (Clopper and Pearson, Biometrika 1934)."""
    judged: int
    """Audit items judged as an answer or as none."""
    answers: int
    left: int
    """Unreviewed candidates that do not look like answers: what the share speaks of."""


def estimate_left(workspace: Workspace, project_id: str) -> AuditEstimate | None:
    """The estimate as the judgements stand; None while fewer than `FEW` audit items are judged."""
    with workspace.store.read() as conn:
        state = judgements.read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE])
        mined = {(item.anchor_id, item.document_id) for item in candidate_table.read_judged(conn, project_id) if item.audit}
        left = candidate_table.count_unlikely(conn, project_id)
    drawn = [event for event in state if not event.caused_by and _is_audit(event.shown, (event.anchor_id, event.document_id) in mined)]
    if len(drawn) < FEW:
        return None
    answers = sum(event.label == Label.POSITIVE and event.grade > 0 for event in drawn)
    low, high = bound_share(answers, len(drawn))
    return AuditEstimate(answers / len(drawn), low, high, len(drawn), answers, left)


def _is_audit(shown: object, mined: bool) -> bool:
    """What was shown says so; where nothing was noted, the candidate does."""
    return bool(shown["audit"]) if isinstance(shown, dict) and "audit" in shown else mined


def bound_share(answers: int, judged: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of a share of `answers` in `judged`; (0, 1) for none judged."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, answers, judged - answers + 1)) if answers > 0 else 0.0
    high = float(beta.ppf(1 - tail, answers + 1, judged - answers)) if answers < judged else 1.0
    return low, high
