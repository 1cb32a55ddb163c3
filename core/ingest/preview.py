"""What an import would change, told before anything is stored. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.ingest.bundle import Bundle, choose_judgements
from core.model import Document
from core.store import corpus, judgements


@dataclass(frozen=True)
class Change:
    """How much of one kind comes in: `found` in the file, of which `new`, and `changed` where the project holds something else."""

    found: int
    new: int
    changed: int

    @property
    def same(self) -> int:
        """How much the project holds already, letter for letter."""
        return self.found - self.new - self.changed


@dataclass(frozen=True)
class Preview:
    """What `core.ingest.bundle.store_bundle` would do."""

    documents: Change
    anchors: Change
    judgements: Change
    """`changed`: pairs that were judged otherwise here; the import's word would stand, the earlier one stays in the history."""

    @property
    def is_empty(self) -> bool:
        """True when nothing would change."""
        return not any(change.new or change.changed for change in (self.documents, self.anchors, self.judgements))


def preview_bundle(conn: Connection, project_id: str, bundle: Bundle) -> Preview:
    """Compare a bundle with the project. Its problems are not looked at."""
    held = corpus.get_documents(conn, project_id, [doc.id for doc in bundle.documents])
    texts = {anchor.id: anchor.text for anchor in corpus.read_anchors(conn, project_id)} if bundle.anchors else {}
    coming = choose_judgements(conn, project_id, bundle)
    judged = {(item.anchor_id, item.document_id) for item in judgements.read_state(conn, project_id)} if coming else set()
    changed = sum((item.anchor_id, item.document_id) in judged for item in coming)
    return Preview(
        Change(
            len(bundle.documents),
            sum(doc.id not in held for doc in bundle.documents),
            sum(doc.id in held and _differs(held[doc.id], doc) for doc in bundle.documents),
        ),
        Change(
            len(bundle.anchors),
            sum(anchor.id not in texts for anchor in bundle.anchors),
            sum(texts.get(anchor.id, anchor.text) != anchor.text for anchor in bundle.anchors),
        ),
        Change(len(bundle.judgements), len(coming) - changed, changed),
    )


def _differs(held: Document, coming: Document) -> bool:
    return held.content != coming.content or dict(held.fields) != dict(coming.fields)
