"""The verdict in words, and its rule.

Fewer than `FEW_ANCHORS` unrelated held-out anchors give no verdict, whatever the figures say. Better: gain of at least `MIN_GAIN` in NDCG@5, interval
above 0, more than `SPREADS` times the spread of seeds where several were run, and at most `MAX_FORGETTING` lost on the guard set. Worse: interval below 0.
Everything else cannot be told apart with the anchors there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from core.evaluation.significance import Difference

MIN_GAIN = 0.02
MAX_FORGETTING = 0.01
SPREADS = 2.0
FEW_ANCHORS = 10
"""Held-out anchors that share no answer with each other (groups), below which there is no verdict."""


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
class Verdict:
    """The outcome with one sentence of reason and one of what would change it."""

    outcome: Outcome
    title: str
    reason: str
    advice: str


def give_verdict(difference: Difference, *, guard_loss: float | None = None, warning: str = "", seed_spread: float | None = None) -> Verdict:
    """The verdict on a difference in NDCG@5 over held-out anchors.

    `guard_loss`: base minus tuned NDCG@5 on the guard set; None where it was not measured, which is said. `warning`: what is wrong with the
    split, said with the reason. `seed_spread`: standard deviation of NDCG@5 over seeds; None where one was run.
    """
    figures = f"{difference.gain:+.3f} NDCG@5 on {difference.n} held-out anchors (95 % interval {difference.low:+.3f} to {difference.high:+.3f})"
    guard = "General knowledge was not measured." if guard_loss is None else f"On general questions it changed by {-guard_loss:+.3f}."
    luck = "" if seed_spread is None else f"Other seeds spread by {seed_spread:.3f}."
    if difference.groups < FEW_ANCHORS:
        outcome, advice = Outcome.UNCLEAR, _what_would_tell(difference)
    elif difference.high < 0:
        outcome, advice = Outcome.WORSE, "Keep the base model. Look at the worst anchors first: a label may be wrong there."
    elif difference.low <= 0 or difference.gain < MIN_GAIN:
        outcome, advice = Outcome.UNCLEAR, _what_would_tell(difference)
    elif seed_spread is not None and difference.gain <= SPREADS * seed_spread:
        outcome, advice = (
            Outcome.UNCLEAR,
            f"The gain is not above {SPREADS:.0f} times the spread of seeds: another seed may lose it. Label more, or train longer.",
        )
    elif guard_loss is not None and guard_loss > MAX_FORGETTING + 1e-9:
        outcome, advice = Outcome.FORGOT, "Tune again with a larger share of generic pairs, or a lower learning rate."
    else:
        outcome, advice = Outcome.BETTER, "Look at the losses before you release: they are listed with the anchors."
    return Verdict(outcome, TITLES[outcome], " ".join(filter(None, [f"{figures}.", guard, luck, warning])), advice)


def _what_would_tell(difference: Difference) -> str:
    if difference.groups < FEW_ANCHORS:
        unrelated = "" if difference.groups == difference.n else f" in {difference.groups} unrelated groups"
        return f"{difference.n} held-out anchors{unrelated} are too few for a verdict: label at least {FEW_ANCHORS * 4} more anchors."
    if difference.gain <= 0:
        return "There is no gain to prove. Review more hard negatives, then tune again."
    if difference.gain < MIN_GAIN and difference.low > 0:
        return f"The gain is real but smaller than {MIN_GAIN}, too small to notice in use."
    needed = math.ceil(difference.n * (difference.detectable / difference.gain) ** 2)
    return f"About {max(needed - difference.n, 10)} more held-out anchors with answers would tell a difference of this size."
