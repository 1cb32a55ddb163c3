"""Snapshots: the labelled anchors of a moment as canonical JSON Lines, named by the SHA-256 of its bytes.

A run trains on the file, never on the live tables, so every model can be rebuilt from its snapshot. The file itself can be made again, byte for byte,
from the log of judgements and the texts as they were; one that is missing or was damaged is. Invariant: what is read has the hash it is named by.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from core.model import Anchor, Document, Judgement, Label, NotFound, PairsmithError, Part, Snapshot
from core.store import artefacts, corpus, former, judgements, projects
from core.workspace import Workspace, replace_file

_USED = (Label.POSITIVE, Label.HARD_NEGATIVE)


@dataclass(frozen=True)
class LabelledAnchor:
    """An anchor with its part, its graded answers and its reviewed hard negatives (document ids)."""

    id: str
    text: str
    part: Part
    positives: Mapping[str, int]
    hard_negatives: Sequence[str]
    group: str | None = None
    """The id of the anchor that stands for it and its paraphrases."""


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
        project = projects.get_project(conn, project_id)
        state = judgements.read_state(conn, project_id, labels=_USED)
        documents = corpus.get_documents(conn, project_id, sorted({item.document_id for item in state}))
        labelled = _gather(corpus.read_anchors(conn, project_id), state)
        last_seq = judgements.last_seq(conn, project_id)
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
        corpus_revision=project.corpus_revision,
        anchor_revision=project.anchor_revision,
    )
    with replace_file(snapshot_path(workspace, snapshot.id)) as path:
        path.write_bytes(content)
    with workspace.store.write() as conn:
        artefacts.put_snapshot(conn, project_id, snapshot)
    return snapshot


def snapshot_path(workspace: Workspace, snapshot_id: str) -> Path:
    """The file of a snapshot."""
    return workspace.folder("snapshots") / f"{snapshot_id}.jsonl"


def is_whole(workspace: Workspace, snapshot_id: str) -> bool:
    """Whether the file of a snapshot is there with the bytes it is named by."""
    return _read_whole(workspace, snapshot_id) is not None


def rebuild_snapshot(workspace: Workspace, project_id: str, snapshot_id: str) -> Path:
    """Make the file of a snapshot again from the log and the texts as they were, byte for byte. Returns where it is.

    Raises `NotFound` for a snapshot the project does not have, `PairsmithError` for one from before former texts were kept whose texts, parts or
    groups changed before that.
    """
    with workspace.store.read() as conn:
        snapshot = artefacts.get_snapshot(conn, project_id, snapshot_id)
        content = _render_at(conn, project_id, snapshot)
    if content is None or hashlib.sha256(content).hexdigest() != snapshot.id:
        raise PairsmithError(
            f"The snapshot {snapshot.id[:12]} was taken before Pairsmith kept former texts, and a text or a part of its anchors changed since, so it "
            "cannot be made again. Restore its file from a backup, or take a new one."
            if snapshot.corpus_revision is None or snapshot.anchor_revision is None
            else f"The snapshot {snapshot.id[:12]} made again from the log differs from its name: the database was changed by hand. Restore a backup."
        )
    with replace_file(snapshot_path(workspace, snapshot.id)) as path:
        path.write_bytes(content)
    return snapshot_path(workspace, snapshot.id)


def read_snapshot(workspace: Workspace, snapshot_id: str) -> SnapshotData:
    """Read a snapshot back, its file made again where it is gone or was changed. Raises `NotFound` where that cannot be done."""
    content = _read_whole(workspace, snapshot_id)
    if content is None:
        content = _heal(workspace, snapshot_id)
    anchors: list[LabelledAnchor] = []
    contents: dict[str, str] = {}
    for line in content.decode("utf-8").split("\n"):
        row = json.loads(line) if line else {}
        if "document" in row:
            contents[row["document"]] = row["content"]
        elif "anchor" in row:
            anchors.append(LabelledAnchor(row["anchor"], row["text"], Part(row["part"]), row["positives"], row["hard_negatives"], row.get("group")))
    return SnapshotData(snapshot_id, anchors, contents)


def _read_whole(workspace: Workspace, snapshot_id: str) -> bytes | None:
    path = snapshot_path(workspace, snapshot_id)
    content = path.read_bytes() if path.exists() else b""
    return content if hashlib.sha256(content).hexdigest() == snapshot_id else None


def _heal(workspace: Workspace, snapshot_id: str) -> bytes:
    why = "No project of this home has it."
    with workspace.store.read() as conn:
        owners = artefacts.find_snapshot_projects(conn, snapshot_id)
    for project_id in owners:
        try:
            return rebuild_snapshot(workspace, project_id, snapshot_id).read_bytes()
        except PairsmithError as error:
            why = str(error)
    raise NotFound(f"The snapshot {snapshot_id[:12]} is missing or was changed on disk ({snapshot_path(workspace, snapshot_id)}). {why}")


def _render_at(conn: Connection, project_id: str, snapshot: Snapshot) -> bytes | None:
    """The bytes of a snapshot as the database tells them now; None where a text that it names is not known."""
    corpus_revision = former.OLDEST if snapshot.corpus_revision is None else snapshot.corpus_revision
    anchor_revision = former.OLDEST if snapshot.anchor_revision is None else snapshot.anchor_revision
    state = judgements.read_state_at(conn, project_id, snapshot.last_seq, labels=_USED)
    anchors = former.read_anchors_at(conn, project_id, anchor_revision)
    named = {item.document_id for item in state}
    documents = former.read_documents_at(conn, project_id, sorted(named), corpus_revision)
    is_known = named <= documents.keys() and {item.anchor_id for item in state} <= {anchor.id for anchor in anchors}
    return _render(_gather(anchors, state), documents) if is_known else None


def _gather(anchors: Sequence[Anchor], state: Sequence[Judgement]) -> list[LabelledAnchor]:
    """The anchors with an answer, by id, with what was judged of them."""
    by_id = {anchor.id: anchor for anchor in anchors}
    grades: dict[str, dict[str, int]] = {}
    for item in state:
        grades.setdefault(item.anchor_id, {})[item.document_id] = item.grade if item.label == Label.POSITIVE else 0
    return [
        LabelledAnchor(
            anchor_id,
            by_id[anchor_id].text,
            by_id[anchor_id].part or Part.TRAIN,
            {document_id: grade for document_id, grade in sorted(found.items()) if grade > 0},
            sorted(document_id for document_id, grade in found.items() if grade == 0),
            by_id[anchor_id].group,
        )
        for anchor_id, found in sorted(grades.items())
        if any(grade > 0 for grade in found.values())
    ]


def _render(labelled: Sequence[LabelledAnchor], documents: Mapping[str, Document]) -> bytes:
    named = sorted({document_id for anchor in labelled for document_id in [*anchor.positives, *anchor.hard_negatives]})
    rows: list[dict[str, object]] = [{"document": document_id, "content": documents[document_id].content} for document_id in named]
    for anchor in labelled:
        row: dict[str, object] = {
            "anchor": anchor.id,
            "text": anchor.text,
            "part": anchor.part.value,
            "positives": anchor.positives,
            "hard_negatives": anchor.hard_negatives,
        }
        rows.append(row | ({"group": anchor.group} if anchor.group is not None else {}))
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n" for row in rows).encode("utf-8")
