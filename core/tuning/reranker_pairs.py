"""The judged pairs that a cross-encoder is trained on. No torch here: a preflight counts them.

Invariants: each pair stands there once, and no two texts are both an answer and none to the same question: where judgements say both, the answer stands, as
in every training here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.model import PairsmithError
from core.tuning.dataset import Lesson, normalize_text


@dataclass(frozen=True)
class Pair:
    """An anchor with a document that somebody judged: whether it answers."""

    anchor: str
    document: str
    answers: bool


@dataclass(frozen=True)
class PairPlan:
    """The pairs of a training, an anchor's answers before its reviewed negatives, and what was left out."""

    pairs: Sequence[Pair]
    contradicted: int = 0
    """Reviewed negatives left out, as the same two texts, under other ids, are judged an answer."""

    @property
    def answers(self) -> int:
        """Pairs that are an answer."""
        return sum(pair.answers for pair in self.pairs)

    @property
    def negatives(self) -> int:
        """Pairs that are none."""
        return len(self.pairs) - self.answers


def plan_pairs(lessons: Sequence[Lesson], contents: Mapping[str, str]) -> PairPlan:
    """Each judged pair of the lessons once: an anchor's answers, then all its reviewed negatives. `contents`: text by document id."""
    said = {_name_texts(lesson.anchor.text, contents[item]) for lesson in lessons for item in lesson.anchor.positives}
    found: dict[Pair, None] = {}
    contradicted = 0
    for lesson in lessons:
        asked = lesson.anchor.text
        found.update(dict.fromkeys(Pair(asked, contents[item], True) for item in lesson.chosen))
        clear = [item for item in lesson.reviewed if _name_texts(asked, contents[item]) not in said]
        contradicted += len(lesson.reviewed) - len(clear)
        found.update(dict.fromkeys(Pair(asked, contents[item], False) for item in clear))
    return PairPlan(list(found), contradicted)


def list_pairs(lessons: Sequence[Lesson], contents: Mapping[str, str]) -> list[Pair]:
    """The pairs of `plan_pairs`. Raises `PairsmithError` where answers or reviewed negatives are missing."""
    plan = plan_pairs(lessons, contents)
    if not plan.pairs:
        raise PairsmithError("There is nothing to train on: no anchor of the training part has an answer. Label answers on the label page first.")
    if not plan.negatives:
        raise PairsmithError(f"{explain_no_negative(plan)} Review negatives first.")
    return list(plan.pairs)


def explain_no_negative(plan: PairPlan) -> str:
    """Why answers alone are not enough."""
    return f"There are {plan.answers} answers of training anchors, but no reviewed hard negative: from answers alone a cross-encoder learns to say yes to all."


def _name_texts(anchor: str, document: str) -> tuple[str, str]:
    return normalize_text(anchor), normalize_text(document)
