"""What a project holds, read in one state of it, as every export needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.model import Anchor, Document, Judgement, Label, PairsmithError, Part
from core.store import corpus, judgements, projects
from core.workspace import Workspace


@dataclass(frozen=True)
class Content:
    """Documents and anchors in order of arrival, and what is known of their pairs: answers and hard negatives, nothing ambiguous, skipped or undecided."""

    documents: Mapping[str, Document]
    anchors: Sequence[Anchor]
    judgements: Sequence[Judgement]
    """By anchor and document id. A positive has a grade above 0."""

    def grades(self) -> dict[str, dict[str, int]]:
        """Grades by anchor and document id, 0 for a hard negative."""
        found: dict[str, dict[str, int]] = {}
        for item in self.judgements:
            found.setdefault(item.anchor_id, {})[item.document_id] = item.grade if item.label == Label.POSITIVE else 0
        return found

    def answered(self) -> list[tuple[Anchor, list[Judgement], list[Judgement]]]:
        """Anchors that have an answer, with their answers by falling grade, then id, and their hard negatives by id."""
        by_anchor: dict[str, list[Judgement]] = {}
        for item in self.judgements:
            by_anchor.setdefault(item.anchor_id, []).append(item)
        rows = []
        for anchor in self.anchors:
            items = by_anchor.get(anchor.id, [])
            answers = sorted((item for item in items if item.label == Label.POSITIVE), key=lambda item: (-item.grade, item.document_id))
            if answers:
                rows.append((anchor, answers, sorted((item for item in items if item.label != Label.POSITIVE), key=lambda item: item.document_id)))
        return rows


def read_content(workspace: Workspace, project_id: str) -> Content:
    """The project's content. Raises `NotFound` when there is no such project."""
    with workspace.store.read() as conn:
        projects.get_project(conn, project_id)
        state = judgements.read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE])
        documents = {doc.id: doc for doc in corpus.read_documents(conn, project_id)}
        anchors = corpus.read_anchors(conn, project_id)
    return Content(documents, anchors, [item for item in state if item.label != Label.POSITIVE or item.grade > 0])


@dataclass(frozen=True)
class TextGroup:
    """A question with the texts of its answers and hard negatives, each once and in the order of the texts: all that a form without ids can carry."""

    anchor: str
    part: Part | None
    positives: Sequence[str]
    negatives: Sequence[str]


def group_texts(content: Content) -> list[TextGroup]:
    """The anchors that have an answer, by text, in order of arrival. Anchors of one text are one; a text that answers it is none of its negatives."""
    positives: dict[str, set[str]] = {}
    negatives: dict[str, set[str]] = {}
    parts: dict[str, Part | None] = {}
    for anchor, answers, others in content.answered():
        positives.setdefault(anchor.text, set()).update(content.documents[item.document_id].content for item in answers)
        negatives.setdefault(anchor.text, set()).update(content.documents[item.document_id].content for item in others)
        parts.setdefault(anchor.text, anchor.part)
    return [TextGroup(text, parts[text], sorted(found), sorted(negatives[text] - found)) for text, found in positives.items()]


def refuse_ids(form: str, ids: Iterable[str], find_fault: Callable[[str], str | None]) -> None:
    """Raise `PairsmithError` for the first id that has a fault: a form that cannot carry an id must not change it."""
    for record_id in ids:
        if fault := find_fault(record_id):
            raise PairsmithError(f"{form} cannot carry the id {record_id[:80]!r}: it {fault} Nothing was written; another form may carry it.")
