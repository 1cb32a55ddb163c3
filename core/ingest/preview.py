"""What an import would change, told before anything is stored. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from core.ingest.bundle import Bundle, find_new_parts, settle_anchors
from core.ingest.choice import choose_judgements, find_overruled
from core.model import Anchor, Document
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
    notes: Sequence[str] = ()
    """What a person should know before it comes in."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a table, what each of its columns was taken for."""

    @property
    def is_empty(self) -> bool:
        """True when nothing would change."""
        return not any(change.new or change.changed for change in (self.documents, self.anchors, self.judgements))


def preview_bundle(conn: Connection, project_id: str, bundle: Bundle) -> Preview:
    """Compare a bundle with the project. Its problems are not looked at."""
    documents = corpus.get_documents(conn, project_id, [doc.id for doc in bundle.documents])
    anchors = {anchor.id: anchor for anchor in corpus.read_anchors(conn, project_id)} if bundle.anchors else {}
    settled = settle_anchors(conn, project_id, bundle.anchors)
    parts = find_new_parts(conn, project_id, bundle)
    coming = choose_judgements(conn, project_id, bundle.judgements, graded=bundle.graded)
    judged = {(item.anchor_id, item.document_id) for item in judgements.read_state(conn, project_id)} if coming else set()
    changed = sum((item.anchor_id, item.document_id) in judged for item in coming)
    known = judgements.known_events(conn, project_id, [event.client_id for event in bundle.events])
    overruled = find_overruled(conn, project_id, bundle.events)
    regrouped = sum(anchor.group not in (None, held.group) for anchor, held in zip(bundle.anchors, settled, strict=True))
    notes = list(bundle.notes)
    if regrouped:
        notes.append(f"{_count(regrouped, 'anchor stands', 'anchors stand')} in another group here than in the file; the group here is kept.")
    if overruled:
        later = sum(newer for newer in overruled.values())
        notes.append(
            f"{_count(len(overruled), 'pair was', 'pairs were')} judged otherwise here than in this history ends, {later:,} of them later than there. "
            "The history's last word would stand; the words here stay in the log before it."
        )
    return Preview(
        Change(
            len(bundle.documents),
            sum(doc.id not in documents for doc in bundle.documents),
            sum(doc.id in documents and _differs(documents[doc.id], doc) for doc in bundle.documents),
        ),
        Change(
            len(bundle.anchors),
            sum(anchor.id not in anchors for anchor in bundle.anchors),
            sum(anchor.id in anchors and (anchor.id in parts or _anchor_differs(anchors[anchor.id], anchor)) for anchor in settled),
        ),
        Change(
            bundle.counts["judgements"],
            len(coming) - changed + len(bundle.events) - len(known) - len(overruled),
            changed + len(overruled),
        ),
        tuple(notes),
        bundle.columns,
    )


def _count(n: int, one: str, more: str) -> str:
    return f"{n:,} {one if n == 1 else more}"


def _differs(held: Document, coming: Document) -> bool:
    return held.content != coming.content or dict(held.fields) != dict(coming.fields)


def _anchor_differs(held: Anchor, coming: Anchor) -> bool:
    return (held.text, held.group, dict(held.fields)) != (coming.text, coming.group, dict(coming.fields))
