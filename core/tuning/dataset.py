"""Rows to train on, from a snapshot: the training part only, and nothing that gives a held-out question or its answers away.

Invariants: every negative of a row is one that an expert reviewed for its anchor, or an unreviewed one that the run was told to take; no document that
answers an anchor, one of its paraphrases, or is a near-duplicate of an answer, is ever its negative; ambiguous pairs never meet, not even in a batch.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.model import PairsmithError, Part
from core.tuning.config import TuneConfig
from core.tuning.extras import Extras


@dataclass(frozen=True)
class Row:
    """One training row: an anchor, one of its answers, and hard negatives (texts), with what batches must know to keep rows apart."""

    anchor: str
    positive: str
    negatives: Sequence[str] = ()
    anchor_id: str = ""
    shown: frozenset[str] = frozenset()
    """The row's documents, by near-duplicate group where they are in one, else by id."""
    answers: frozenset[str] = frozenset()
    """All answers of its anchor and of the anchor's paraphrases, named likewise. Rows that have one in common are related."""
    group: str = ""
    """What stands for the anchor and its paraphrases; the anchor's id where empty."""
    ambiguous: frozenset[str] = frozenset()
    """Documents that are no clear negative of the anchor: none may be another row's document in the batch."""


@dataclass(frozen=True)
class RowPlan:
    """The rows of a run, and what was kept out of them for a reason."""

    rows: Sequence[Row]
    contradictions: Sequence[tuple[str, str]] = ()
    """Anchor and document that were reviewed as a negative, while the document, a near-duplicate, or a paraphrase's judgement says it answers."""
    kept_back: int = 0
    """Reviewed negatives not shown, as they answer a held-out anchor (or are near-duplicates of one that does)."""
    same_question: Sequence[str] = ()
    """Training anchors left out, as the same question (text or paraphrase) is held out."""
    unreviewed: int = 0
    """Negatives shown that nobody reviewed."""


def build_rows(snapshot: SnapshotData, config: TuneConfig, twins: Mapping[str, str] | None = None, extras: Extras | None = None) -> list[Row]:
    """The rows of `plan_rows`. Raises `PairsmithError` when nothing is left to train on."""
    return require_rows(plan_rows(snapshot, config, twins, extras))


def require_rows(plan: RowPlan) -> list[Row]:
    """The rows of a plan. Raises `PairsmithError` when nothing is left to train on."""
    if not plan.rows:
        raise PairsmithError("There is nothing to train on: no anchor of the training part has an answer. Label answers on the label page first.")
    return list(plan.rows)


@dataclass(frozen=True)
class Lesson:
    """What one training anchor may teach, whatever is trained on it."""

    anchor: LabelledAnchor
    chosen: Sequence[str]
    """Answers to train on."""
    reviewed: Sequence[str]
    """Reviewed hard negatives that contradict nothing and answer no held-out anchor."""
    known: frozenset[str]
    """All answers of the anchor and its paraphrases, by near-duplicate group where they are in one, else by id."""
    doubtful: frozenset[str]
    """Documents, named likewise, that are no clear negative."""
    group: str


@dataclass(frozen=True)
class Lessons:
    """The lessons of a snapshot, and what was kept out of them, as `RowPlan` has it."""

    lessons: Sequence[Lesson]
    held_documents: frozenset[str]
    contradictions: Sequence[tuple[str, str]]
    kept_back: int
    same_question: Sequence[str]


def list_lessons(snapshot: SnapshotData, min_grade: int, twins: Mapping[str, str] | None = None, extras: Extras | None = None) -> Lessons:
    """What may be taught of the training part. The rules against leaks and contradictions stand here, for every way of training."""
    groups, extra = twins or {}, extras or Extras()

    def name(document_id: str) -> str:
        return groups.get(document_id, document_id)

    held_out = [anchor for anchor in snapshot.anchors if anchor.part != Part.TRAIN]
    held_documents = frozenset(name(document_id) for anchor in held_out for document_id in anchor.positives)
    held_questions = {key for anchor in held_out for key in (normalize_text(anchor.text), _kin(anchor))}
    answers: dict[str, set[str]] = {}
    for anchor in snapshot.part(Part.TRAIN):
        answers.setdefault(_kin(anchor), set()).update(map(name, anchor.positives))
    lessons: list[Lesson] = []
    contradictions: list[tuple[str, str]] = []
    same_question: list[str] = []
    kept_back = 0
    for anchor in snapshot.part(Part.TRAIN):
        if not held_questions.isdisjoint((normalize_text(anchor.text), _kin(anchor))):
            same_question.append(anchor.id)
            continue
        known = frozenset(answers[_kin(anchor)])
        contradictions += [(anchor.id, document_id) for document_id in anchor.hard_negatives if name(document_id) in known]
        kept_back += sum(name(document_id) in held_documents and name(document_id) not in known for document_id in anchor.hard_negatives)
        doubtful = frozenset(map(name, extra.ambiguous.get(anchor.id, ())))
        reviewed = [document_id for document_id in anchor.hard_negatives if name(document_id) not in held_documents | known | doubtful]
        best = max(anchor.positives.values())
        chosen = [document_id for document_id, grade in anchor.positives.items() if grade >= min(min_grade, best)]
        lessons.append(Lesson(anchor, chosen, reviewed, known, doubtful, _kin(anchor)))
    return Lessons(lessons, held_documents, contradictions, kept_back, same_question)


def plan_rows(snapshot: SnapshotData, config: TuneConfig, twins: Mapping[str, str] | None = None, extras: Extras | None = None) -> RowPlan:
    """One row for each answer of grade `min_grade` or more (an anchor with only lower ones keeps its best).

    An anchor's reviewed negatives go round its rows, so each row shows up to `negatives` different ones; unreviewed ones (`extras`) only fill what is
    left. `twins`: near-duplicate group by document id.
    """
    groups, extra = twins or {}, extras or Extras()

    def name(document_id: str) -> str:
        return groups.get(document_id, document_id)

    found = list_lessons(snapshot, config.min_grade, twins, extras)
    rng = random.Random(config.seed)
    rows: list[Row] = []
    unreviewed = 0
    for lesson in found.lessons:
        anchor, reviewed = lesson.anchor, list(lesson.reviewed)
        rng.shuffle(reviewed)
        banned = found.held_documents | lesson.known | lesson.doubtful | set(map(name, reviewed))
        mined = [document_id for document_id in extra.unreviewed.get(anchor.id, ()) if name(document_id) not in banned]
        for turn, document_id in enumerate(lesson.chosen):
            picked = _take_turn(reviewed, turn, config.negatives)
            filled = _take_turn(mined, turn, config.negatives - len(picked))
            unreviewed += len(filled)
            texts = [snapshot.contents[negative] for negative in picked] + [extra.contents[negative] for negative in filled]
            rows.append(
                Row(
                    anchor.text,
                    snapshot.contents[document_id],
                    texts,
                    anchor.id,
                    shown=frozenset(map(name, [document_id, *picked, *filled])),
                    answers=lesson.known,
                    group=lesson.group,
                    ambiguous=lesson.doubtful,
                )
            )
    return RowPlan(rows, found.contradictions, found.kept_back, found.same_question, unreviewed)


def group_by_count(rows: Sequence[Row], *, least: int = 1, prefix: str = "pairs") -> Mapping[str, list[Row]]:
    """Rows by how many negatives they carry: the losses want the same number in every row of a data set.

    A data set of fewer than `least` rows (one batch) would train on few other rows' documents, so rows rise: from the next lower count above 0 as many as
    are missing, and what is too few at the bottom altogether. A row that rises repeats its own negatives. In the softmax a document met twice counts
    twice, which leans a little harder on a negative that was reviewed; dropping some to come down, or borrowing a document, would lose a review or claim
    one that was not made. Rows without any negative cannot rise: they stay a data set of their own, however small.
    """
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(len(row.negatives), []).append(row)
    for count in sorted((count for count in found if count), reverse=True):
        while found[count] and len(found[count]) < least and (lower := max((n for n in found if 0 < n < count and found[n]), default=0)):
            missing = least - len(found[count])
            found[count] += [_raise_row(row, count) for row in found[lower][-missing:]]
            del found[lower][-missing:]
        higher = min((n for n in found if n > count and found[n]), default=0)
        if higher and len(found[count]) < least:
            found[higher] += [_raise_row(row, higher) for row in found[count]]
            found[count] = []
    return {f"{prefix}_{count}": items for count, items in sorted(found.items()) if items}


def count_least_batches(rows: Sequence[Row], size: int) -> int:
    """Batches an epoch of these rows takes at least: full ones, or as many as there are rows with one answer or one question, which never share a batch."""
    total = 0
    for items in group_by_count(rows, least=size).values():
        shared = Counter(name for row in items for name in (*row.answers, f"\0{row.group or row.anchor_id}"))
        total += max(math.ceil(len(items) / size), *shared.values())
    return total


def normalize_text(text: str) -> str:
    """A text as it is compared for being the same: case and spaces aside."""
    return " ".join(text.casefold().split())


def _kin(anchor: LabelledAnchor) -> str:
    return anchor.group or anchor.id


def _take_turn(documents: Sequence[str], turn: int, most: int) -> list[str]:
    count = max(0, min(most, len(documents)))
    return [documents[(turn * count + place) % len(documents)] for place in range(count)]


def _raise_row(row: Row, count: int) -> Row:
    return replace(row, negatives=[row.negatives[place % len(row.negatives)] for place in range(count)])
