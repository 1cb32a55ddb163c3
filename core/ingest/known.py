"""What a project has already, as the readers need it: ids, and whose text is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.model import Anchor, hash_text
from core.store import corpus
from core.workspace import Workspace


@dataclass(frozen=True)
class Known:
    """Content hashes of a project's documents and its anchors, both by id and in order of arrival. The default knows nothing."""

    documents: Mapping[str, str] = field(default_factory=dict)
    anchors: Mapping[str, Anchor] = field(default_factory=dict)


def read_known(workspace: Workspace, project_id: str) -> Known:
    """What the project has; an id that no project has gives an empty one."""
    with workspace.store.read() as conn:
        ids, hashes = corpus.read_document_ids(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id)
    return Known(dict(zip(ids, hashes, strict=True)), {anchor.id: anchor for anchor in anchors})


class Names:
    """Gives the records of a file their ids: the file's own where the project knows it, else the id of the same text there, else a new one.

    A new id is the file's own, or made from the text, so that the same text met again is the same record. `known`: content hashes by id.
    """

    def __init__(self, known: Mapping[str, str], prefix: str) -> None:
        self._known = known
        self._first = {digest: record_id for record_id, digest in reversed(list(known.items()))}
        self._prefix = prefix

    def name(self, text: str, own_id: str | None = None) -> str:
        """The id for a record of this text."""
        digest = hash_text(text)
        if own_id is not None and own_id in self._known:
            return own_id
        return self._first.get(digest) or own_id or self._prefix + digest[:16]

    def holds(self, record_id: str, text: str) -> bool:
        """Whether the project has the record with this very text."""
        return self._known.get(record_id) == hash_text(text)
