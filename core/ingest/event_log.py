"""The log of judgements as JSON Lines, brought from another home: events as they were, in their order, with who, when, and what was shown.

Refuses an event whose anchor or document the project does not have, and anything that is no event of ours. `seq` is each home's own numbering and is
not taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from core.ingest.beir import MAX_GRADE
from core.ingest.bundle import Bundle, Problem
from core.ingest.known import Known
from core.ingest.lines import check_id, check_text, read_objects
from core.model import Judgement, Label, Source

KEYS = frozenset(field.name for field in fields(Judgement))
_Word = TypeVar("_Word", bound=StrEnum)


def is_log_row(row: Mapping[str, Any]) -> bool:
    """Whether an object of a JSON Lines file is an event of a log."""
    return {"client_id", "anchor_id", "document_id", "label"} <= set(row)


def read_event_log(path: Path, known: Known) -> Bundle:
    """The events of a log file, against the documents and anchors the project has. Every fault is a `Problem` with its line."""
    problems: list[Problem] = []
    events: dict[str, Judgement] = {}
    for number, row in read_objects(path, problems):
        event = _EventReader(path, number, row, problems).read()
        if event is None:
            continue
        if event.anchor_id not in known.anchors:
            problems.append(Problem(path.name, number, f"anchor {event.anchor_id!r} is not in the project; import its anchors first."))
        elif event.document_id not in known.documents:
            problems.append(Problem(path.name, number, f"document {event.document_id!r} is not in the project; import its documents first."))
        elif event.client_id in events:
            problems.append(Problem(path.name, number, f"the event {event.client_id!r} stands above already."))
        else:
            events[event.client_id] = event
    return Bundle(events=list(events.values()), problems=problems)


class _EventReader:
    """Reads one event, noting every fault of it."""

    def __init__(self, path: Path, number: int, row: Mapping[str, Any], problems: list[Problem]) -> None:
        self.path, self.number, self.row, self.problems = path, number, row, problems

    def read(self) -> Judgement | None:
        """The event, or None with its faults noted."""
        before = len(self.problems)
        if unknown := sorted(set(self.row) - KEYS):
            self._note(f"{unknown[0]!r:.60} is no column of the log.")
        label, source = self._read_word("label", Label), self._read_word("source", Source)
        grade = self.row.get("grade", 0)
        if not isinstance(grade, int) or isinstance(grade, bool) or not 0 <= grade <= MAX_GRADE:
            self._note(f"grade must be a whole number from 0 to {MAX_GRADE}, found {grade!r:.40}.")
        elif label not in (None, Label.POSITIVE) and grade:
            self._note(f"the label {label} and the grade {grade} do not go together: only an answer has a grade above 0.")
        shown = self.row.get("shown")
        if shown is not None and not isinstance(shown, dict):
            self._note("shown must be an object.")
        ids = {name: check_id(self.row.get(name), name, self.path, self.number, self.problems) for name in ("client_id", "anchor_id", "document_id")}
        links = {name: self._read_text(name) if self.row.get(name) is not None else None for name in ("undoes", "caused_by")}
        words = {name: self._read_text(name) for name in ("author", "reason", "note")}
        times = {name: self._read_number(name) for name in ("shown_at", "decided_at", "recorded_at", "active_ms")}
        if len(self.problems) > before or label is None or source is None:
            return None
        active_ms = times.pop("active_ms")
        made: dict[str, Any] = {**ids, **links, **words, **times, "active_ms": None if active_ms is None else int(active_ms)}
        return Judgement(label=label, source=source, grade=grade, shown=shown, **made)

    def _read_word(self, name: str, words: type[_Word]) -> _Word | None:
        value = self.row.get(name)
        if isinstance(value, str) and value in {word.value for word in words}:
            return words(value)
        self._note(f"the {name} {value!r:.40} is none of {', '.join(word.value for word in words)}.")
        return None

    def _read_text(self, name: str) -> str | None:
        return check_text(self.row.get(name, ""), name, self.path, self.number, self.problems, empty=True)

    def _read_number(self, name: str) -> float | None:
        value = self.row.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e12:
            self._note(f"{name} must be a number of seconds or milliseconds, found {value!r:.40}.")
            return None
        return value

    def _note(self, message: str) -> None:
        self.problems.append(Problem(self.path.name, self.number, message))
