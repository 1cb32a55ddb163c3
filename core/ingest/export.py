"""The judgements of a project as the pair file that `read_pairs` reads: what was curated can be taken elsewhere and brought back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from core.ingest.pairs import write_pairs
from core.model import Label
from core.store import corpus, judgements
from core.workspace import Workspace


def export_rows(workspace: Workspace, project_id: str) -> Iterator[dict[str, Any]]:
    """The rows of the pair file, one an anchor with an answer. A project without answers gives none."""
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id)
        state = judgements.read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE])
        documents = corpus.get_documents(conn, project_id, sorted({item.document_id for item in state}))
    return write_pairs(anchors, documents, state)


def render_pairs(workspace: Workspace, project_id: str) -> bytes:
    """The pair file as JSON Lines in UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in export_rows(workspace, project_id)).encode("utf-8")
