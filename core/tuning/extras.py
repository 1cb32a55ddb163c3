"""What a run takes beside its snapshot: pairs that experts found ambiguous, and, where chosen, mined negatives that nobody reviewed.

Both are fixed at the run's first attempt in `extras.json` of its folder, so that the run can be rebuilt from snapshot, configuration and this file. Refuses
candidates that look like answers (suspicious, set aside, near-duplicates of an answer) and those drawn for the audit, which must stay unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.curation.snapshot import SnapshotData
from core.model import CandidateStatus, Label, Part
from core.store import candidate_table, corpus, judgements
from core.workspace import Workspace, replace_file

MOST_UNREVIEWED = 10
"""Unreviewed negatives kept for an anchor: no row shows more."""


@dataclass(frozen=True)
class Extras:
    """Document ids by anchor id, and the content of the unreviewed ones."""

    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Pairs that were neither an answer nor a negative to the expert: never shown together, not even inside a batch."""
    unreviewed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Mined documents that were proposed as negatives and not judged, most similar first."""
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As stored beside the run."""
        named = {name: {key: list(ids) for key, ids in sorted(value.items())} for name, value in vars(self).items() if name != "contents"}
        return {**named, "contents": dict(sorted(self.contents.items()))}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Extras:
        """Read what `to_json` wrote."""
        named = {name: {key: tuple(ids) for key, ids in values[name].items()} for name in ("ambiguous", "unreviewed")}
        return cls(**named, contents=dict(values["contents"]))


def gather_extras(workspace: Workspace, project_id: str, snapshot: SnapshotData, *, unreviewed: bool) -> Extras:
    """The extras of the snapshot's training anchors as the project stands now; mined negatives only with `unreviewed`."""
    training = {anchor.id for anchor in snapshot.part(Part.TRAIN)}
    ambiguous: dict[str, list[str]] = {}
    mined: dict[str, list[str]] = {}
    with workspace.store.read() as conn:
        judged: set[tuple[str, str]] = set()
        for item in judgements.read_state(conn, project_id):
            judged.add((item.anchor_id, item.document_id))
            if item.label in (Label.AMBIGUOUS, Label.CANNOT_JUDGE) and item.anchor_id in training:
                ambiguous.setdefault(item.anchor_id, []).append(item.document_id)
        for candidate in candidate_table.read_candidates(conn, project_id, CandidateStatus.PROPOSED) if unreviewed else ():
            chosen = mined.setdefault(candidate.anchor_id, []) if candidate.anchor_id in training else []
            is_safe = not candidate.audit and candidate.twin_of is None and (candidate.anchor_id, candidate.document_id) not in judged
            if is_safe and len(chosen) < MOST_UNREVIEWED:
                chosen.append(candidate.document_id)
        named = sorted({document_id for ids in mined.values() for document_id in ids})
        contents = {document_id: document.content for document_id, document in corpus.get_documents(conn, project_id, named).items()}
    kept = {anchor_id: tuple(document_id for document_id in ids if document_id in contents) for anchor_id, ids in mined.items()}
    return Extras({anchor_id: tuple(sorted(ids)) for anchor_id, ids in ambiguous.items()}, {key: ids for key, ids in kept.items() if ids}, contents)


def fix_extras(workspace: Workspace, project_id: str, snapshot: SnapshotData, folder: Path, *, unreviewed: bool) -> Extras:
    """The run's extras: gathered at its first attempt, the same ever after."""
    path = folder / "extras.json"
    if not path.exists():
        extras = gather_extras(workspace, project_id, snapshot, unreviewed=unreviewed)
        with replace_file(path) as temporary:
            temporary.write_text(json.dumps(extras.to_json(), ensure_ascii=False), encoding="utf-8")
    return Extras.from_json(json.loads(path.read_text(encoding="utf-8")))
