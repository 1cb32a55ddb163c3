"""What a reader found, and storing it: all or nothing, in one transaction, and a second time changes nothing.

Invariant: the word of a file stands once it is imported, also where an older import said so before a newer one; only an expert's word since then stands
against a file that came in before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from core.model import Anchor, Document, Judgement, Label, PairsmithError, Source
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

    @property
    def counts(self) -> dict[str, int]:
        """How much there is of each."""
        return {"documents": len(self.documents), "anchors": len(self.anchors), "judgements": len(self.judgements)}


class ImportRefused(PairsmithError):
    """A file has problems; nothing of it was stored. `problems` has them all, the text the first twenty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        shown = "\n".join(f"  {problem}" for problem in self.problems[:20])
        more = f"\n  … and {len(self.problems) - 20} more" if len(self.problems) > 20 else ""
        super().__init__(f"Nothing was imported: {len(self.problems)} problem(s) to mend first.\n{shown}{more}")


def store_bundle(conn: Connection, project_id: str, bundle: Bundle) -> dict[str, int]:
    """Store all of it in the transaction of `conn`. Returns how many of each were new or changed.

    Raises `ImportRefused` when the bundle has problems, `PairsmithError` when a judgement names what neither bundle nor project has.
    """
    if bundle.problems:
        raise ImportRefused(bundle.problems)
    return {
        "documents": corpus.put_documents(conn, project_id, bundle.documents),
        "anchors": corpus.put_anchors(conn, project_id, bundle.anchors),
        "judgements": judgements.append_judgements(conn, project_id, choose_judgements(conn, project_id, bundle)),
    }


def choose_judgements(conn: Connection, project_id: str, bundle: Bundle) -> list[Judgement]:
    """Those judgements of the bundle that would change the project, each pair and word once.

    Left out: what the pair's present word says already, and what came in before and an expert has judged otherwise, or taken back, since. What came in
    before and another import replaced counts again, as an event of its own.
    """
    if not bundle.judgements:
        return []
    state = {(item.anchor_id, item.document_id): item for item in judgements.read_state(conn, project_id)}
    known = judgements.known_events(conn, project_id, [item.client_id for item in bundle.judgements])
    chosen: dict[str, Judgement] = {}
    for item in bundle.judgements:
        word = state.get((item.anchor_id, item.document_id))
        if word is not None and _says_same(word, item, graded=bundle.graded):
            continue
        if item.client_id not in known:
            chosen[item.client_id] = item
        elif word is not None and word.source == Source.IMPORT and word.undoes is None:
            chosen[item.client_id] = replace(item, client_id=f"{item.client_id}-{word.seq}")
    return list(chosen.values())


def _says_same(word: Judgement, coming: Judgement, *, graded: bool) -> bool:
    return word.label == coming.label and (word.grade == coming.grade or (not graded and word.label == Label.POSITIVE))
