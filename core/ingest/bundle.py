"""What a reader found, and storing it: all or nothing, in one transaction, and a second time changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from core.ingest.choice import choose_judgements
from core.model import Anchor, Document, Judgement, PairsmithError, Part
from core.store import corpus, judgements

MAX_LINE_BYTES = 4_000_000
"""A longer line is refused before it is parsed: no passage is that long, and parsing it could exhaust memory."""


@dataclass(frozen=True)
class Problem:
    """Something in a file that must be mended before it can come in."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(frozen=True)
class Bundle:
    """Documents, anchors and judgements as read, with what is wrong with them."""

    documents: Sequence[Document] = ()
    anchors: Sequence[Anchor] = ()
    judgements: Sequence[Judgement] = ()
    problems: Sequence[Problem] = field(default=())
    graded: bool = True
    """False where the file only says that something is an answer: the grade a pair has already is left alone."""
    events: Sequence[Judgement] = ()
    """Events of another home's log, in its order: appended as they are, where `judgements` are a file's word on what a pair is now."""
    notes: Sequence[str] = ()
    """What a person should know before it comes in, such as files that were passed over."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a table, what each of its columns was taken for."""

    @property
    def counts(self) -> dict[str, int]:
        """How much there is of each."""
        return {"documents": len(self.documents), "anchors": len(self.anchors), "judgements": len(self.judgements) + len(self.events)}

    def refuse_problems(self) -> None:
        """Raise `ImportRefused` where there are problems."""
        if self.problems:
            raise ImportRefused(self.problems)


class ImportRefused(PairsmithError):
    """A file has problems; nothing of it was stored. `problems` has them all, the text the first twenty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        shown = "\n".join(f"  {problem}" for problem in self.problems[:20])
        more = f"\n  … and {len(self.problems) - 20} more" if len(self.problems) > 20 else ""
        super().__init__(f"Nothing was imported: {len(self.problems)} problem(s) to mend first.\n{shown}{more}")


def store_bundle(conn: Connection, project_id: str, bundle: Bundle) -> dict[str, int]:
    """Store all of it in the transaction of `conn`. Returns how many of each were new or changed.

    A part of the split is taken only by anchors that have none: what was held out stays so. A group is taken only by anchors that have none, too: people
    made the one here. Events of another home's log are appended in their order, with their times, after what was said here: their last word on a pair stands.
    Raises `ImportRefused` when the bundle has problems, `PairsmithError` when a judgement names what neither bundle nor project has, or an event's id
    stands for another event here.
    """
    bundle.refuse_problems()
    parts = find_new_parts(conn, project_id, bundle)
    stored = {
        "documents": corpus.put_documents(conn, project_id, bundle.documents),
        "anchors": corpus.put_anchors(conn, project_id, settle_anchors(conn, project_id, bundle.anchors)),
        "judgements": judgements.append_judgements(conn, project_id, choose_judgements(conn, project_id, bundle.judgements, graded=bundle.graded)),
    }
    corpus.set_parts(conn, project_id, parts)
    refuse_other_events(conn, project_id, bundle.events)
    stored["judgements"] += judgements.append_judgements(conn, project_id, bundle.events, keep_times=True) if bundle.events else 0
    return stored


def settle_anchors(conn: Connection, project_id: str, anchors: Sequence[Anchor]) -> list[Anchor]:
    """The anchors as they would stand: one that has a group here keeps it, whatever the file names, and with it the words that its group carried."""
    groups = {anchor.id: anchor.group for anchor in corpus.read_anchors(conn, project_id) if anchor.group is not None} if anchors else {}
    return [replace(anchor, group=groups.get(anchor.id, anchor.group)) for anchor in anchors]


def find_new_parts(conn: Connection, project_id: str, bundle: Bundle) -> dict[str, Part]:
    """The parts of the split that the bundle gives to anchors which have none, or are not there yet."""
    wanted = {anchor.id: anchor.part for anchor in bundle.anchors if anchor.part is not None}
    held = {anchor.id for anchor in corpus.read_anchors(conn, project_id) if anchor.part is not None} if wanted else set()
    return {anchor_id: part for anchor_id, part in wanted.items() if anchor_id not in held}


def refuse_other_events(conn: Connection, project_id: str, events: Sequence[Judgement]) -> None:
    """Raise `PairsmithError` where the log here has an event of the same id that says something else."""
    if not events:
        return
    here = {event.client_id: event for event in judgements.read_log(conn, project_id)}
    for event in events:
        other = here.get(event.client_id, event)
        if (other.anchor_id, other.document_id, other.label, other.grade) != (event.anchor_id, event.document_id, event.label, event.grade):
            raise PairsmithError(
                f"The event {event.client_id!r} stands for another judgement in this project: the log is not a copy of its history. Nothing was imported."
            )
