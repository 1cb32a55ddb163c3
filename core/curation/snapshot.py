"""Snapshots: the labelled anchors of a moment as canonical JSON Lines, named by the SHA-256 of its bytes.

A run trains on the file, never on the live tables, so every model can be rebuilt from its snapshot.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.model import Anchor, Document, Label, NotFound, Part, Snapshot
from core.store import artefacts, corpus, judgements
from core.workspace import Workspace, replace_file


@dataclass(frozen=True)
class LabelledAnchor:
    """An anchor with its part, its graded answers and its reviewed hard negatives (document ids)."""

    id: str
    text: str
    part: Part
    positives: Mapping[str, int]
    hard_negatives: Sequence[str]
    group: str | None = None
    """The anchor that stands for this one and its paraphrases; None where the snapshot names none."""


@dataclass(frozen=True)
class SnapshotData:
    """A snapshot as read back: labelled anchors, and the content of every document they name."""

    id: str
    anchors: Sequence[LabelledAnchor]
    contents: Mapping[str, str]

    def part(self, part: Part) -> list[LabelledAnchor]:
        """The anchors of one part."""
        return [anchor for anchor in self.anchors if anchor.part == part]


def take_snapshot(workspace: Workspace, project_id: str, *, now: float | None = None) -> Snapshot:
    """Write the project's labelled anchors to the home folder and register the snapshot. The same judgements give the same id."""
    with workspace.store.read() as conn:
        anchors = {anchor.id: anchor for anchor in corpus.read_anchors(conn, project_id)}
        state = judgements.read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE])
        documents = corpus.get_documents(conn, project_id, sorted({item.document_id for item in state}))
        last_seq = judgements.last_seq(conn, project_id)
    labelled = _gather(anchors, [(item.anchor_id, item.document_id, item.grade if item.label == Label.POSITIVE else 0) for item in state])
    content = _render(labelled, documents)
    snapshot = Snapshot(
        id=hashlib.sha256(content).hexdigest(),
        created_at=time.time() if now is None else now,
        last_seq=last_seq,
        counts={
            "anchors": len(labelled),
            "positives": sum(len(anchor.positives) for anchor in labelled),
            "hard_negatives": sum(len(anchor.hard_negatives) for anchor in labelled),
        },
    )
    with replace_file(snapshot_path(workspace, snapshot.id)) as path:
        path.write_bytes(content)
    with workspace.store.write() as conn:
        artefacts.put_snapshot(conn, project_id, snapshot)
    return snapshot


def snapshot_path(workspace: Workspace, snapshot_id: str) -> Path:
    """The file of a snapshot."""
    return workspace.folder("snapshots") / f"{snapshot_id}.jsonl"


def read_snapshot(workspace: Workspace, snapshot_id: str) -> SnapshotData:
    """Read a snapshot back. Raises `NotFound` when its file is gone or was changed."""
    path = snapshot_path(workspace, snapshot_id)
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != snapshot_id:
        raise NotFound(f"The snapshot {snapshot_id[:12]} is missing or was changed on disk ({path}). Restore it from a backup, or start a new run.")
    anchors: list[LabelledAnchor] = []
    contents: dict[str, str] = {}
    for line in content.decode("utf-8").split("\n"):
        row = json.loads(line) if line else {}
        if "document" in row:
            contents[row["document"]] = row["content"]
        elif "anchor" in row:
            anchors.append(LabelledAnchor(row["anchor"], row["text"], Part(row["part"]), row["positives"], row["hard_negatives"], row.get("group")))
    return SnapshotData(snapshot_id, anchors, contents)


def _gather(anchors: Mapping[str, Anchor], rows: Sequence[tuple[str, str, int]]) -> list[LabelledAnchor]:
    grades: dict[str, dict[str, int]] = {}
    for anchor_id, document_id, grade in rows:
        grades.setdefault(anchor_id, {})[document_id] = grade
    return [
        LabelledAnchor(
            anchor_id,
            anchors[anchor_id].text,
            anchors[anchor_id].part or Part.TRAIN,
            {document_id: grade for document_id, grade in sorted(found.items()) if grade > 0},
            sorted(document_id for document_id, grade in found.items() if grade == 0),
        )
        for anchor_id, found in sorted(grades.items())
        if any(grade > 0 for grade in found.values())
    ]


def _render(labelled: Sequence[LabelledAnchor], documents: Mapping[str, Document]) -> bytes:
    named = sorted({document_id for anchor in labelled for document_id in [*anchor.positives, *anchor.hard_negatives]})
    rows: list[dict[str, object]] = [{"document": document_id, "content": documents[document_id].content} for document_id in named]
    for anchor in labelled:
        rows.append(
            {"anchor": anchor.id, "text": anchor.text, "part": anchor.part.value, "positives": anchor.positives, "hard_negatives": anchor.hard_negatives}
        )
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n" for row in rows).encode("utf-8")
