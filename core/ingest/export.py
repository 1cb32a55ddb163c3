"""The judgements of a project as the pair file that `read_pairs` reads: what was curated can be taken elsewhere and brought back."""

from __future__ import annotations

import json

from core.ingest.pairs import write_pairs
from core.model import Label
from core.store import corpus, judgements
from core.workspace import Workspace


def render_pairs(workspace: Workspace, project_id: str) -> bytes:
    """JSON Lines, one anchor with an answer a line, in UTF-8. A project without answers gives nothing."""
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id)
        state = judgements.read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE])
        documents = corpus.get_documents(conn, project_id, sorted({item.document_id for item in state}))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in write_pairs(anchors, documents, state)).encode("utf-8")
