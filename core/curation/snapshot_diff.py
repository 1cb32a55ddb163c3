"""What differs between two snapshots: anchors, judged pairs and texts, each as before → after.

Invariant: `apply_diff(first, diff_snapshots(first, second)) == second`; two snapshots of the same content have an empty diff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.model import Part

K = TypeVar("K", str, tuple[str, str])
V = TypeVar("V")


@dataclass(frozen=True)
class AnchorState:
    """What a snapshot says of an anchor itself."""

    text: str
    part: Part
    group: str | None = None


@dataclass(frozen=True)
class AnchorChange:
    """An anchor that came, went, or changed its text, part or group. `before` is None for one that came, `after` for one that went."""

    anchor_id: str
    before: AnchorState | None
    after: AnchorState | None


@dataclass(frozen=True)
class PairChange:
    """A judged pair that came, went, or changed its grade: 1 or more for an answer, 0 for a hard negative, None for not judged."""

    anchor_id: str
    document_id: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class DocumentChange:
    """The content of a document that came into the snapshot (`before` None), left it (`after` None), or is worded otherwise."""

    document_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class SnapshotDiff:
    """All changes from one snapshot to another, each kind in order of ids."""

    before: str
    after: str
    anchors: Sequence[AnchorChange]
    pairs: Sequence[PairChange]
    documents: Sequence[DocumentChange]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.anchors or self.pairs or self.documents)

    @property
    def reworded(self) -> list[DocumentChange]:
        """Documents in both whose text changed."""
        return [item for item in self.documents if item.before is not None and item.after is not None]

    def count_changes(self) -> dict[str, int]:
        """How many of each kind: anchors added, removed, reworded, moved to another part or group; pairs added, removed, changed; documents reworded."""
        both = [(item.before, item.after) for item in self.anchors if item.before is not None and item.after is not None]
        return {
            "anchors_added": sum(item.before is None for item in self.anchors),
            "anchors_removed": sum(item.after is None for item in self.anchors),
            "anchors_reworded": sum(before.text != after.text for before, after in both),
            "anchors_moved": sum(before.part != after.part for before, after in both),
            "anchors_regrouped": sum(before.group != after.group for before, after in both),
            "pairs_added": sum(item.before is None for item in self.pairs),
            "pairs_removed": sum(item.after is None for item in self.pairs),
            "pairs_changed": sum(item.before is not None and item.after is not None for item in self.pairs),
            "documents_reworded": len(self.reworded),
        }


def diff_snapshots(first: SnapshotData, second: SnapshotData) -> SnapshotDiff:
    """What has to change in `first` to make it `second`."""
    anchors = [AnchorChange(*change) for change in _compare(_anchors(first), _anchors(second))]
    pairs = [PairChange(*key, before, after) for key, before, after in _compare(_grades(first), _grades(second))]
    documents = [DocumentChange(*change) for change in _compare(first.contents, second.contents)]
    return SnapshotDiff(first.id, second.id, anchors, pairs, documents)


def apply_diff(data: SnapshotData, diff: SnapshotDiff) -> SnapshotData:
    """The snapshot that the diff leads to from the one it was made from."""
    anchors = _apply(_anchors(data), {item.anchor_id: item.after for item in diff.anchors})
    grades = _apply(_grades(data), {(item.anchor_id, item.document_id): item.after for item in diff.pairs})
    contents = _apply(data.contents, {item.document_id: item.after for item in diff.documents})
    found: dict[str, dict[str, int]] = {anchor_id: {} for anchor_id in anchors}
    for (anchor_id, document_id), grade in sorted(grades.items()):
        found[anchor_id][document_id] = grade
    labelled = [
        LabelledAnchor(
            anchor_id,
            anchor.text,
            anchor.part,
            {document_id: grade for document_id, grade in found[anchor_id].items() if grade > 0},
            [document_id for document_id, grade in found[anchor_id].items() if grade == 0],
            anchor.group,
        )
        for anchor_id, anchor in sorted(anchors.items())
    ]
    return SnapshotData(diff.after, labelled, contents)


def _anchors(data: SnapshotData) -> dict[str, AnchorState]:
    return {anchor.id: AnchorState(anchor.text, anchor.part, anchor.group) for anchor in data.anchors}


def _grades(data: SnapshotData) -> dict[tuple[str, str], int]:
    grades = {(anchor.id, document_id): grade for anchor in data.anchors for document_id, grade in anchor.positives.items()}
    return grades | {(anchor.id, document_id): 0 for anchor in data.anchors for document_id in anchor.hard_negatives}


def _compare(first: Mapping[K, V], second: Mapping[K, V]) -> list[tuple[K, V | None, V | None]]:
    keys = sorted(first.keys() | second.keys())
    return [(key, first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)]


def _apply(standing: Mapping[K, V], changes: Mapping[K, V | None]) -> dict[K, V]:
    return {key: value for key, value in {**standing, **changes}.items() if value is not None}
