"""How many answers are left among what nobody reviewed: an estimate from the audit items, which mining draws at random.

The audit items are a simple random sample, in random order, of everything that did not look like an answer when it was mined, so those that were judged
tell the share of answers in it. The nearest of it are reviewed first, so of what is still unreviewed the estimate is, if anything, too high. Skipped,
ambiguous and cannot-judge items count as not judged: were answers harder to judge than others, it would be too low.

A judged audit item is one that a person decided in review. Marks made by searching (one searches for answers), imports, settlements, what followed from a
decision on another pair, and machines do not count: the oracle's answers are the truth itself, and say nothing of a queue that nobody reviewed.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.curation.agreement import REFEREE
from core.curation.shown import was_reviewed
from core.model import MACHINES, Label, Source
from core.store import candidate_table, decisions
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
        found = decisions.read_decisions(
            conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE], source=Source.MINED, but=(REFEREE, *MACHINES), audit=True
        )
        left = candidate_table.count_unlikely(conn, project_id)
    drawn = [event for event in found if was_reviewed(event)]
    if len(drawn) < FEW:
        return None
    answers = sum(event.label == Label.POSITIVE and event.grade > 0 for event in drawn)
    low, high = bound_share(answers, len(drawn))
    return AuditEstimate(answers / len(drawn), low, high, len(drawn), answers, left)


def bound_share(answers: int, judged: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of a share of `answers` in `judged`; (0, 1) for none judged."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, answers, judged - answers + 1)) if answers > 0 else 0.0
    high = float(beta.ppf(1 - tail, answers + 1, judged - answers)) if answers < judged else 1.0
    return low, high
