"""Pair files: the canonical JSON Lines `{"anchor": …, "positive": …, "hard_negatives": […]}`, one pair or group a line, and what others call the same.

Read too are triplets (`anchor`, `positive`, `negative`), tuples (`negative_1`, `negative_2`, …) and FlagEmbedding's `query`, `pos`, `neg`. Texts are the
identity where no ids are given: an anchor's or document's id is made from its text (a document's without the white space around it), so the same text
met again is the same record. Optional keys keep what texts cannot say: `anchor_id`, `positive_ids`, `hard_negative_ids`, `grades`, `group`, `part`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.ingest.beir import MAX_GRADE, check_part, import_judgement
from core.ingest.bundle import Bundle, Problem
from core.ingest.known import Known, Names
from core.ingest.lines import check_id, check_text, read_objects
from core.model import Anchor, Document, Judgement, hash_text

IMPORT_GRADE = 3
"""A positive of a pair file is taken as a full answer where the pair has no grade yet."""
KEYS = {
    "anchor": ("anchor", "query", "question"),
    "positive": ("positive", "pos", "positives", "answer"),
    "hard_negatives": ("hard_negatives", "negatives", "negative", "neg", "hard_negative"),
    "anchor_id": ("anchor_id", "query_id", "qid"),
    "positive_ids": ("positive_ids", "positive_id", "pos_id"),
    "hard_negative_ids": ("hard_negative_ids", "negative_ids", "negative_id", "neg_id"),
    "grades": ("grades", "grade"),
    "group": ("group",),
    "part": ("part",),
}
"""What each thing is called, by the name it has here; the first found counts."""
_NUMBERED = re.compile(r"negative_(\d{1,6})")


def is_pair_row(row: Mapping[str, Any]) -> bool:
    """Whether an object of a JSON Lines file is a row of a pair file."""
    return any(key in row for key in KEYS["anchor"]) and "text" not in row


def read_pairs(path: Path, known: Known | None = None) -> Bundle:
    """Read a pair file. `positive` and `hard_negatives` may be a string or a list, the latter may be missing.

    `known`: what the project has, whose ids are used in place of new ones. Every fault is a `Problem` with its line, a text that is both answer and
    hard negative of one anchor included.
    """
    problems: list[Problem] = []
    return collect_pairs(path, read_objects(path, problems), problems, known)


def collect_pairs(path: Path, rows: Iterable[tuple[int, Mapping[str, Any]]], problems: list[Problem], known: Known | None = None) -> Bundle:
    """The bundle of (number, row) pairs that `path` holds, whatever it is written in; `problems` are added to and become the bundle's."""
    reader = PairReader(path, known or Known(), problems)
    for number, row in rows:
        reader.take(number, row)
    return reader.finish()


class PairReader:
    """Gathers the rows of one pair file and holds them against each other."""

    def __init__(self, path: Path, known: Known, problems: list[Problem]) -> None:
        self.path, self.known, self.problems = path, known, problems
        self.documents: dict[str, Document] = {}
        self.anchors: dict[str, Anchor] = {}
        self.judgements: dict[tuple[str, str], Judgement] = {}
        self.graded = False
        self.passed_over: set[str] = set()
        self._contents: dict[str, str] = {}
        self._document_names = Names(known.documents, "d-")
        self._anchor_names = Names({anchor.id: hash_text(anchor.text) for anchor in known.anchors.values()}, "a-")

    def finish(self) -> Bundle:
        """What was gathered."""
        passed_over = sorted(self.passed_over)
        notes = [f"These are of no use here and are passed over: {', '.join(passed_over[:10])}."] if passed_over else []
        return Bundle(
            list(self.documents.values()), list(self.anchors.values()), list(self.judgements.values()), self.problems, graded=self.graded, notes=notes
        )

    def take(self, number: int, row: Mapping[str, Any], *, needs_positive: bool = True) -> None:
        """Add one row, or note what is wrong with it."""
        found = self._rename(row)
        before = len(self.problems)
        text = check_text(found.get("anchor"), "anchor", self.path, number, self.problems)
        positives = self._read_texts(found.get("positive"), "positive", number, needed=needs_positive)
        negatives = self._read_texts(found.get("hard_negatives"), "hard_negatives", number, needed=False)
        positive_ids = self._read_ids(found.get("positive_ids"), "positive_ids", len(positives), number)
        negative_ids = self._read_ids(found.get("hard_negative_ids"), "hard_negative_ids", len(negatives), number)
        grades = self._read_grades(found.get("grades"), len(positives), number)
        if len(self.problems) > before or text is None:
            return
        anchor = self._take_anchor(text, found, number)
        if anchor is None:
            return
        answers = zip(positives, positive_ids, grades, strict=True)
        others = zip(negatives, negative_ids, [0] * len(negatives), strict=True)
        for passage, own_id, grade in (*answers, *others):
            self._take_judgement(anchor.id, passage, own_id, grade, number)

    def _rename(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row under our names; numbered negatives are joined in the order of their numbers."""
        found = {name: next((row[key] for key in keys if row.get(key) is not None), None) for name, keys in KEYS.items()}
        numbered = sorted((int(match[1]), key) for key in row if (match := _NUMBERED.fullmatch(key)))
        if numbered:
            first = found["hard_negatives"]
            head = first if isinstance(first, list) else [] if first is None else [first]
            found["hard_negatives"] = [*head, *(row[key] for _, key in numbered if row[key] is not None)]
        self.passed_over.update(set(row) - {key for keys in KEYS.values() for key in keys} - {key for _, key in numbered})
        return found

    def _take_anchor(self, text: str, found: Mapping[str, Any], number: int) -> Anchor | None:
        own_id = check_id(found["anchor_id"], "anchor_id", self.path, number, self.problems) if found.get("anchor_id") is not None else None
        group = check_id(found["group"], "group", self.path, number, self.problems) if found.get("group") is not None else None
        anchor_id = self._anchor_names.name(text, own_id)
        part = check_part(found.get("part"), self.path, number, self.problems)
        held = self.known.anchors.get(anchor_id, Anchor(anchor_id, text))
        above = self.anchors.get(
            anchor_id, replace(held, text=text, group=None)
        )  # the group here is looked up when it is stored: it may be taken apart until then
        if above.text != text:
            self.problems.append(Problem(self.path.name, number, f"the anchor_id {anchor_id!r} stands for another text above."))
            return None
        self.anchors[anchor_id] = replace(above, group=above.group or group, part=above.part or part)
        return self.anchors[anchor_id]

    def take_known(self, number: int, anchor_id: str, document_id: str, grade: int | None) -> None:
        """Add a row that names both its records by ids which the project has."""
        self.anchors.setdefault(anchor_id, replace(self.known.anchors[anchor_id], group=None))
        self.graded = self.graded or grade is not None
        self._take_grade(anchor_id, document_id, IMPORT_GRADE if grade is None else grade, number)

    def _take_judgement(self, anchor_id: str, passage: str, own_id: str | None, grade: int, number: int) -> None:
        document_id = self._document_names.name(passage, own_id)
        if self._contents.setdefault(document_id, passage) != passage:
            self.problems.append(Problem(self.path.name, number, f"the id {document_id!r} stands for another text above."))
            return
        if not self._document_names.holds(document_id, passage):
            self.documents[document_id] = Document(document_id, passage)
        self._take_grade(anchor_id, document_id, grade, number)

    def _take_grade(self, anchor_id: str, document_id: str, grade: int, number: int) -> None:
        before = self.judgements.setdefault((anchor_id, document_id), import_judgement(anchor_id, document_id, grade))
        if before.grade != grade:
            said = (
                f"the same text is graded {before.grade} above and {grade} here for this anchor."
                if before.grade and grade
                else "the same text is given as positive and as hard negative of this anchor."
            )
            self.problems.append(Problem(self.path.name, number, said + " Keep one of them."))

    def _read_texts(self, value: Any, what: str, number: int, *, needed: bool) -> list[str]:
        if value is None and not needed:
            return []
        items = value if isinstance(value, list) else [value]
        if needed and not items:
            self.problems.append(Problem(self.path.name, number, f"{what} is an empty list."))
        checked = [check_text(item, what, self.path, number, self.problems) for item in items]
        return [item.strip() for item in checked if item is not None]

    def _read_ids(self, value: Any, what: str, count: int, number: int) -> list[str | None]:
        if value is None:
            return [None] * count
        items = value if isinstance(value, list) else [value]
        if len(items) != count:
            self.problems.append(Problem(self.path.name, number, f"{what} names {len(items)} where there are {count} texts; give one for each."))
            return [None] * count
        return [None if item is None else check_id(item, what, self.path, number, self.problems) for item in items]

    def _read_grades(self, value: Any, count: int, number: int) -> list[int]:
        if value is None:
            return [IMPORT_GRADE] * count
        self.graded = True
        items = value if isinstance(value, list) else [value]
        if len(items) != count:
            self.problems.append(Problem(self.path.name, number, f"grades has {len(items)} where there are {count} positives; give one for each."))
        elif not all(isinstance(item, int) and not isinstance(item, bool) and 0 < item <= MAX_GRADE for item in items):
            said = f"grades must be whole numbers from 1 to {MAX_GRADE} (3 answers fully, 2 partly, 1 touches), found {items[:5]!r:.60}."
            self.problems.append(Problem(self.path.name, number, said))
        else:
            return items
        return [IMPORT_GRADE] * count
