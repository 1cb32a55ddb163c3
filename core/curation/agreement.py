"""Several experts on one pair: how far they agree, and what follows where they differ.

Invariant: nobody's word wins by being last. Where an expert judges a pair that another has judged otherwise, without having seen that word, the pair is
*disputed*: it counts as ambiguous, and so never reaches a loss, until somebody settles it, having seen every opinion (`core.curation.disputes`), or
all come round to one word. Skipped and cannot judge are no opinions: they leave what others said as it is. How far experts agree is measured on
words that were said without sight of another's.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.model import MACHINES, Judgement, Label, Source
from core.store import judgements
from core.workspace import Workspace

REFEREE = "pairsmith"
"""The author of the events that follow from two words that differ."""
DISPUTED = "disputed"
"""The reason those events carry."""
OUTCOMES = (Label.HARD_NEGATIVE, Label.POSITIVE, Label.AMBIGUOUS)
"""What counts as an opinion."""
_NO_PERSON = (REFEREE, *MACHINES)
_RESAMPLES = 2_000


@dataclass(frozen=True)
class Opinions:
    """One pair that more than one expert has an opinion on: the last standing word of each, by author."""

    anchor_id: str
    document_id: str
    words: Mapping[str, Judgement]
    independent: Mapping[str, Judgement]
    """The last word of each that was said without sight of another's and settles nothing: what agreement is measured on."""

    @property
    def differ(self) -> bool:
        """Whether the independent labels are not all the same. Grades of an answer may differ."""
        return len({word.label for word in self.independent.values()}) > 1


@dataclass(frozen=True)
class Agreement:
    """How far experts agree, over pairs that at least two of them judged independently. Coefficients are nan where they are not defined."""

    pairs: int
    raters: int
    observed: float
    """Share of agreeing pairs of raters, averaged over pairs judged."""
    kappa: float
    """Fleiss' kappa: agreement beyond chance, chance by how often each outcome occurs."""
    ac1: float
    """Gwet's AC1: the same with a chance term that does not collapse when one outcome is rare."""
    ac1_low: float
    ac1_high: float
    """95 % bootstrap interval of AC1, pairs resampled."""
    base_rate: float
    """Share of opinions that say answer."""


def find_follow_up(event: Judgement, log: Sequence[Judgement], *, saw: str | None = None) -> Judgement | None:
    """What must follow `event` in the log of its pair, which held `log` before it; None where the event itself is the pair's word.

    `saw`: the client id of the word the expert had before them when deciding: whoever saw it and says otherwise corrects it, except where it says
    that experts differ, which is for settling. Words that followed from another pair's, and those of imports, give way to a person's.
    """
    standing = judgements.list_standing(log)[-1] if log and log[-1].label != Label.UNJUDGED else None
    others = {author: word for author, word in _last_words(log).items() if author != event.author}
    if standing is None or not others or event.source == Source.SETTLED or (saw in (standing.client_id, log[-1].client_id) and not is_disputed(standing)):
        return None
    if standing.source == Source.SETTLED or event.label not in OUTCOMES:
        return _follow(event, standing)
    if any(word.label != event.label for word in others.values()):
        return _follow(event, replace(standing, label=Label.AMBIGUOUS, grade=0, reason=DISPUTED, author=REFEREE, source=event.source))
    return None


def is_disputed(word: Judgement) -> bool:
    """Whether the event says that experts differ on the pair, or on the one that it follows from."""
    return (word.author, word.reason, word.label) == (REFEREE, DISPUTED, Label.AMBIGUOUS)


def _follow(event: Judgement, word: Judgement) -> Judgement:
    """The word as an event that follows from another."""
    return Judgement(
        uuid.uuid4().hex,
        word.anchor_id,
        word.document_id,
        word.label,
        word.grade,
        word.source,
        word.author,
        word.reason,
        decided_at=event.decided_at,
        caused_by=event.client_id,
    )


def read_opinions(workspace: Workspace, project_id: str) -> list[Opinions]:
    """The pairs that at least two experts have an opinion on, by anchor and document id."""
    with workspace.store.read() as conn:
        logs = judgements.read_shared_pairs(conn, project_id, but=_NO_PERSON)
    found = [Opinions(*pair, _last_words(log), _last_words(log, independent=True)) for pair, log in sorted(logs.items())]
    return [item for item in found if len(item.words) > 1]


def _last_words(log: Sequence[Judgement], *, independent: bool = False) -> dict[str, Judgement]:
    own = {event.client_id: event.author for event in log if event.caused_by is None and event.undoes is None}
    words: dict[str, Judgement] = {}
    for event in judgements.list_standing(log):
        seen = (event.shown or {}).get("saw")
        is_independent = event.source != Source.SETTLED and (not seen or own.get(seen) == event.author)
        if event.caused_by is None and event.author not in _NO_PERSON and (is_independent or not independent):
            words[event.author] = event
    return {author: word for author, word in words.items() if word.label in OUTCOMES}


def measure_agreement(opinions: Sequence[Opinions], *, seed: int = 0) -> Agreement:
    """Agreement over pairs with two independent opinions or more; no pairs give nan coefficients."""
    blind = [item.independent for item in opinions if len(item.independent) > 1]
    counts = np.array([[sum(word.label == outcome for word in words.values()) for outcome in OUTCOMES] for words in blind], dtype=np.float64)
    raters = len({author for words in blind for author in words})
    if not len(counts):
        return Agreement(0, raters, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    observed, kappa, ac1 = compute_coefficients(counts)
    rng = np.random.default_rng(seed)
    draws = [compute_coefficients(counts[rng.integers(0, len(counts), len(counts))])[2] for _ in range(_RESAMPLES)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Agreement(len(counts), raters, observed, kappa, ac1, float(low), float(high), float(counts[:, 1].sum() / counts.sum()))


def compute_coefficients(counts: NDArray[np.float64]) -> tuple[float, float, float]:
    """Observed agreement, Fleiss' kappa and Gwet's AC1 of `counts` (n, q): how many raters gave item i outcome k, at least two an item.

    p_o = mean_i Σ_k n_ik (n_ik − 1) / (n_i (n_i − 1)); p_k = mean_i n_ik / n_i; chance is Σ p_k² for kappa (Fleiss 1971) and Σ p_k (1 − p_k) / (q − 1)
    for AC1 (Gwet 2008, "Computing inter-rater reliability and its variance in the presence of high agreement"). Kappa is nan where one outcome is all
    there is.
    """
    n = counts.sum(axis=1, keepdims=True)
    observed = float(np.mean((counts * (counts - 1)).sum(axis=1) / (n * (n - 1))[:, 0]))
    shares = (counts / n).mean(axis=0)
    by_share = float((shares**2).sum())
    by_rarity = float((shares * (1 - shares)).sum() / (counts.shape[1] - 1))
    kappa = (observed - by_share) / (1 - by_share) if by_share < 1 - 1e-12 else math.nan
    return observed, kappa, (observed - by_rarity) / (1 - by_rarity)
