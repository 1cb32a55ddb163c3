"""When to stop reviewing: how far the target is, how long it will take, how many negatives are probably wrong, and what the last judgements added.

No torch here: pages show it. Rules stand in constants with names; words are for people who do not know the measures.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.curation.audit import AuditEstimate, estimate_left
from core.curation.options import read_options
from core.model import Label, Part, ValuePoint
from core.store import judgements, projects, value_points
from core.workspace import Workspace

RECENT = 100
"""Judgements over which the newest gain is told: fewer move the development anchors less than chance does."""
FEWEST_DEVELOPMENT = 12
"""Development anchors with answers below which no curve is measured: what 84 labelled anchors leave for development."""
LEAST_GAIN = 0.01
"""NDCG@5 that `RECENT` judgements should add to be worth an expert's time."""
WIDEST = 0.05
"""Half the width of an interval from which it says too little either way."""
PACE_OF = 50
"""Recent decisions that the pace is taken from."""
LONGEST_MS = 120_000
"""A decision counts with at most two minutes: what is longer was a coffee break."""


class Advice(StrEnum):
    """What the curve says."""

    GO_ON = "go_on"
    LEVEL = "level"
    WORSE = "worse"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Word:
    """The advice and its sentence."""

    advice: Advice
    words: str


@dataclass(frozen=True)
class Target:
    """How far reviewing is against the hard negatives wanted for each training anchor with an answer."""

    wanted: int
    """Hard negatives an anchor."""
    anchors: int
    """Training anchors with an answer."""
    reached: int
    """Those of them that have as many as wanted."""
    reviewed: float
    """Hard negatives an anchor, on average."""
    missing: int
    """Hard negatives that are missing in all."""
    pace_s: float | None
    """Seconds a decision takes at the expert's pace; None until one was timed."""
    yield_share: float | None
    """Share of recent decisions that found a hard negative; None without any."""

    @property
    def minutes_left(self) -> float | None:
        """Minutes to the target at that pace and yield; None where it cannot be told."""
        if self.anchors and self.missing == 0:
            return 0.0
        if not self.anchors or self.pace_s is None or not self.yield_share:
            return None
        return self.missing / self.yield_share * self.pace_s / 60.0


@dataclass(frozen=True)
class Stopping:
    """Everything there is to decide by."""

    target: Target
    wrong: AuditEstimate | None
    """None until enough random checks were judged."""
    points: Sequence[ValuePoint]
    word: Word
    since: int
    """Decisions since the newest point."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, scores by anchor left out."""
        return {
            "target": {**vars(self.target), "minutes_left": self.target.minutes_left},
            "wrong_negatives": vars(self.wrong) if self.wrong else None,
            "points": [point_to_json(point) for point in self.points],
            "advice": self.word.advice.value,
            "words": self.word.words,
            "judged_since": self.since,
        }


def point_to_json(point: ValuePoint) -> dict[str, Any]:
    """A point without its scores."""
    return {
        "judged": point.judged,
        "base": point.base,
        "value": point.value,
        "gain": point.value - point.base,
        "low": point.low,
        "high": point.high,
        "anchors": point.anchors,
        "last_seq": point.last_seq,
        "seconds": point.seconds,
        "added": vars(point.added) if point.added else None,
    }


def read_stopping(
    workspace: Workspace, project_id: str, *, author: str | None = None, estimate: Callable[[Workspace, str], AuditEstimate | None] = estimate_left
) -> Stopping:
    """The figures of a project as they are now; the pace is that of `author` where given and timed, else everybody's. Raises `NotFound`.

    `estimate`: what tells the answers left, `estimate_left` or a cache over it: it is the dearest of the figures.
    """
    with workspace.store.read() as conn:
        wanted = read_options(projects.get_project(conn, project_id)).negatives_target
        reviewed = value_points.count_negatives(conn, project_id)
        timed = value_points.recent_active_ms(conn, project_id, PACE_OF, author=author)
        labels = value_points.recent_labels(conn, project_id, PACE_OF)
        points = value_points.list_points(conn, project_id)
        points = [point for point in points if point.truth == points[-1].truth]
        parts = value_points.count_answered(conn, project_id)
        stale = bool(points) and (points[-1].anchors != parts[Part.DEV] or judgements.count_changes(conn, project_id, Part.DEV, points[-1].last_seq) > 0)
        since = value_points.count_decisions(conn, project_id, after_seq=points[-1].last_seq if points else 0)
    target = Target(
        wanted=wanted,
        anchors=len(reviewed),
        reached=sum(count >= wanted for count in reviewed),
        reviewed=sum(reviewed) / len(reviewed) if reviewed else 0.0,
        missing=sum(max(0, wanted - count) for count in reviewed),
        pace_s=find_pace(timed),
        yield_share=sum(label == Label.HARD_NEGATIVE for label in labels) / len(labels) if labels else None,
    )
    return Stopping(target, estimate(workspace, project_id), points, advise(points, development=parts[Part.DEV], stale=stale), since)


def find_pace(active_ms: Sequence[int]) -> float | None:
    """Seconds a decision: the median, each counted with at most `LONGEST_MS`. None without any."""
    return statistics.median(min(value, LONGEST_MS) for value in active_ms) / 1000.0 if active_ms else None


def advise(points: Sequence[ValuePoint], *, development: int, stale: bool = False) -> Word:
    """What the curve says of the last `RECENT` or so judgements; nothing where it is `stale` or there are too few development anchors now.

    Go on where they added a gain that is surely above 0, or one of `LEAST_GAIN` or more that chance could still explain; level where the gain is smaller;
    worse where it is surely below 0; too few where there is no point that far back, or the interval is wider than `WIDEST` to each side and holds 0.
    """
    missing = ""
    if development < FEWEST_DEVELOPMENT:
        missing = explain_few(development)
    elif not points:
        missing = "Nothing was measured yet: the first point comes after the next judgements."
    elif stale:
        missing = "Measured before the development answers changed: it says nothing of now. It is measured again after the next judgements."
    elif points[-1].added is None:
        missing = f"Too few judgements to say: {points[-1].judged} so far, {RECENT} are needed to tell a gain from chance."
    if missing or not points or points[-1].added is None:
        return Word(Advice.TOO_FEW, missing)
    newest, added = points[-1], points[-1].added
    figures = f"{added.gain:+.3f} ({added.low:+.3f} to {added.high:+.3f})".replace("-", "−")
    last = f"The last {added.judgements} judgements"
    if added.high < 0:
        return Word(Advice.WORSE, f"{last} made it worse, {figures}: look at the latest labels before you go on.")
    if added.low <= 0 and (added.high - added.low) / 2 > WIDEST:
        words = f"Too few development anchors to say: {last[0].lower()}{last[1:]} added {figures}. Label answers of more anchors; there are {newest.anchors}."
        return Word(Advice.TOO_FEW, words)
    if added.low > 0 or added.gain >= LEAST_GAIN:
        return Word(Advice.GO_ON, f"{last} added {figures}{'' if added.low > 0 else ', which may still be chance'}: go on.")
    return Word(Advice.LEVEL, f"{last} no longer add a difference that can be seen, {figures}: stop or change what you label.")


def explain_few(development: int) -> str:
    """What is missing where there are too few development anchors to measure on."""
    missing = FEWEST_DEVELOPMENT - development
    return (
        f"Too few anchors to measure on: {development} with answers are set apart for development, and {FEWEST_DEVELOPMENT} are needed. "
        f"Label answers of about {round(missing / 0.15)} more anchors; about one in seven is set apart."
    )
