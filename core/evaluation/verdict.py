"""The verdict in words, and its rule.

Fewer than `FEW_ANCHORS` unrelated held-out anchors give no verdict, whatever the figures say. Better: gain of at least `MIN_GAIN` in NDCG@5, interval
above 0, p below `LEVEL` (adjusted by Holm where several systems are compared), more than `SPREADS` times the spread of seeds where several were run, and
at most `MAX_FORGETTING` lost on the guard set. Worse: interval below 0 and p below `LEVEL`. Everything else cannot be told apart with the anchors there
are. Where nothing differs, at most one verdict in twenty says otherwise (docs/adr/0012-a-verdict-that-can-be-defended.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.evaluation.significance import Difference

MIN_GAIN = 0.02
MAX_FORGETTING = 0.01
SPREADS = 2.0
LEVEL = 0.025
"""p below which a difference is taken for real. Not 0.05: where few anchors carry a long tail, intervals and tests are a little too sure."""
_STRICTER = (2.241403 + 0.841621) / (1.959964 + 0.841621)
"""How much larger a difference must be to pass at `LEVEL` four times out of five than at 0.05, which `Difference.detectable` is for."""
FEW_ANCHORS = 10
"""Held-out anchors that share no answer with each other (groups), below which there is no verdict."""
FEW_JUDGED = 0.5
"""Judged@5 below which figures rest on documents that nobody looked at."""


class Outcome(StrEnum):
    """What can be said of the tuned model."""

    BETTER = "better"
    FORGOT = "better_here_but_forgot"
    UNCLEAR = "not_distinguishable"
    WORSE = "worse"


TITLES = {
    Outcome.BETTER: "Better",
    Outcome.FORGOT: "Better here, but it forgot general knowledge",
    Outcome.UNCLEAR: "Not distinguishable",
    Outcome.WORSE: "Worse",
}


@dataclass(frozen=True)
class Check:
    """One condition of "Better": what is asked, what was found, and whether it is met."""

    asked: str
    found: str
    met: bool


@dataclass(frozen=True)
class Verdict:
    """The outcome with one sentence of reason and one of what would change it, and each condition of the rule."""

    outcome: Outcome
    title: str
    reason: str
    advice: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on besides the difference."""

    guard_loss: float | None = None
    """Reference minus challenger, NDCG@5 on the guard set; None where it was not measured, which is said."""
    warning: str = ""
    """What is wrong with the split, said with the reason."""
    seed_spread: float | None = None
    """Standard deviation of NDCG@5 over seeds; None where one was run."""
    adjusted_p: float | None = None
    """p after Holm's adjustment; None where the difference is the only one looked at."""
    comparisons: int = 1
    has_guard: bool = True
    """False for systems that no training changed (BM25, vectors from outside): the guard set says nothing of them."""


def give_verdict(
    difference: Difference,
    *,
    guard_loss: float | None = None,
    warning: str = "",
    seed_spread: float | None = None,
    evidence: Evidence | None = None,
) -> Verdict:
    """The verdict on a difference in NDCG@5 over held-out anchors. `evidence` takes the place of the single values, which are named as its fields are."""
    known = evidence or Evidence(guard_loss, warning, seed_spread)
    checks = check_rule(difference, known)
    enough, above, sure, gain, luck, guard = checks
    p = _get_p(difference, known)
    if not enough.met:
        outcome, advice = Outcome.UNCLEAR, _what_would_tell(difference)
    elif difference.high < 0 and p < LEVEL:
        outcome, advice = Outcome.WORSE, "Keep the base model. Look at the worst anchors first: a label may be wrong there."
    elif not (above.met and gain.met):
        outcome, advice = Outcome.UNCLEAR, _what_would_tell(difference)
    elif not sure.met:
        outcome, advice = Outcome.UNCLEAR, _what_would_make_sure(difference, known)
    elif not luck.met:
        outcome, advice = (
            Outcome.UNCLEAR,
            f"The gain is not above {SPREADS:.0f} times the spread of seeds: another seed may lose it. Label more, or train longer.",
        )
    elif not guard.met:
        outcome, advice = Outcome.FORGOT, "Tune again with a larger share of generic pairs, or a lower learning rate."
    else:
        outcome, advice = Outcome.BETTER, f"Look at the losses before you release: they are listed with the anchors. {_what_would_undo(difference)}"
    return Verdict(outcome, TITLES[outcome], _give_reason(difference, known), advice, checks)


def check_rule(difference: Difference, evidence: Evidence) -> tuple[Check, Check, Check, Check, Check, Check]:
    """Each condition of "Better", in the order they are asked."""
    p, loss, spread = _get_p(difference, evidence), evidence.guard_loss, evidence.seed_spread
    family = f", adjusted for {evidence.comparisons} comparisons (Holm)" if evidence.comparisons > 1 else ""
    lost = "not asked: nothing was trained" if not evidence.has_guard else "not measured" if loss is None else f"{loss:+.3f}"
    return (
        Check(f"At least {FEW_ANCHORS} unrelated held-out anchors", str(difference.groups), difference.groups >= FEW_ANCHORS),
        Check("The 95 % interval lies above 0", f"{difference.low:+.3f} to {difference.high:+.3f}", difference.low > 0),
        Check(f"The p-value{family} is below {LEVEL}", f"{p:.4f}", p < LEVEL),
        Check(f"The gain is at least {MIN_GAIN}", f"{difference.gain:+.3f}", difference.gain >= MIN_GAIN),
        Check(
            f"The gain is above {SPREADS:.0f} times the spread of seeds",
            "one seed was run" if spread is None else f"spread {spread:.3f}",
            spread is None or difference.gain > SPREADS * spread,
        ),
        Check(f"At most {MAX_FORGETTING} is lost on general questions", lost, loss is None or loss <= MAX_FORGETTING + 1e-9),
    )


def _get_p(difference: Difference, evidence: Evidence) -> float:
    return difference.p if evidence.adjusted_p is None else evidence.adjusted_p


def _give_reason(difference: Difference, evidence: Evidence) -> str:
    figures = f"{difference.gain:+.3f} NDCG@5 on {difference.n} held-out anchors (95 % interval {difference.low:+.3f} to {difference.high:+.3f})."
    loss = evidence.guard_loss
    guard = "" if not evidence.has_guard else "General knowledge was not measured." if loss is None else f"On general questions it changed by {-loss:+.3f}."
    luck = "" if evidence.seed_spread is None else f"Other seeds spread by {evidence.seed_spread:.3f}."
    return " ".join(filter(None, [figures, guard, luck, evidence.warning]))


def _what_would_tell(difference: Difference) -> str:
    if difference.groups < FEW_ANCHORS:
        unrelated = "" if difference.groups == difference.n else f" in {difference.groups} unrelated groups"
        return f"{difference.n} held-out anchors{unrelated} are too few for a verdict: label at least {FEW_ANCHORS * 4} more anchors."
    if difference.gain <= 0:
        return "There is no gain to prove. Review more hard negatives, then tune again."
    if difference.gain < MIN_GAIN and difference.low > 0:
        return f"The gain is real but smaller than {MIN_GAIN}, too small to notice in use."
    return f"About {count_missing(difference)} more held-out anchors with answers would tell a difference of this size."


def _what_would_make_sure(difference: Difference, evidence: Evidence) -> str:
    p = _get_p(difference, evidence)
    if evidence.comparisons > 1 and difference.p < LEVEL:
        return (
            f"Alone it would pass (p {difference.p:.3f}), but the best of {evidence.comparisons} comparisons is partly luck (adjusted p {p:.3f}). "
            "Compare fewer systems on newly labelled anchors, or label more."
        )
    more = count_missing(difference)
    return f"The interval lies above 0, but few anchors carry the gain (p {p:.3f}, not below {LEVEL}). About {more} more held-out anchors would tell."


def _what_would_undo(difference: Difference) -> str:
    """How far the anchors there are would have to move before the verdict changed."""
    drop = min(difference.low, difference.gain - MIN_GAIN + 1e-9)
    fallen = math.ceil(drop * difference.n)
    anchors = "one anchor" if fallen <= 1 else f"{fallen} of the {difference.n} anchors"
    return f"It would take about {anchors} falling from a perfect list to none to undo this verdict."


def count_missing(difference: Difference) -> int:
    """How many more held-out anchors would give a verdict on a difference of this size four times out of five, spread as it was measured. At least 10."""
    if difference.gain <= 0 or not math.isfinite(difference.detectable):
        return FEW_ANCHORS * 4
    return max(math.ceil(difference.n * (_STRICTER * difference.detectable / difference.gain) ** 2) - difference.n, 10)


def find_doubts(difference: Difference, judged: Sequence[float], openings: int) -> list[str]:
    """What weakens a verdict whatever its outcome, in sentences. `judged`: Judged@5 of both systems; `openings`: looks at the test part, this one included."""
    found = []
    if judged and min(judged) < FEW_JUDGED:
        found.append(f"Only {min(judged):.0%} of the first five were judged by anybody; judging the holes may change the figures.")
    if len(judged) == 2 and abs(judged[0] - judged[1]) > 0.1:
        found.append(f"The systems are not judged alike (Judged@5 {judged[0]:.2f} against {judged[1]:.2f}): the one judged less is set back.")
    if openings > 1:
        found.append(f"This is look number {openings} at the held-out part: every further look makes a good figure by luck more likely.")
    if math.isfinite(difference.detectable) and 0 < abs(difference.gain) < difference.detectable:
        found.append(f"The difference is smaller than what so many anchors reliably show ({difference.detectable:.3f}).")
    return found
