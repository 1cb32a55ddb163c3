"""What a reader found, and storing it: all or nothing, in one transaction, and a second time changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from core.model import Anchor, Document, Judgement, PairsmithError
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
        "judgements": judgements.append_judgements(conn, project_id, bundle.judgements),
    }
