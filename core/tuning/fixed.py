"""The snapshot of a training run: taken once, with every anchor in its part, whatever is judged while the run waits or is begun again."""

from __future__ import annotations

import json
from pathlib import Path

from core.curation.snapshot import SnapshotData, read_snapshot, take_snapshot
from core.curation.split import ensure_split
from core.model import PairsmithError, Part
from core.workspace import Workspace, replace_file

SPLIT_ATTEMPTS = 5


def fix_snapshot(workspace: Workspace, project_id: str, folder: Path) -> SnapshotData:
    """The run's snapshot: taken at its first attempt, the same ever after."""
    marker = folder / "snapshot.json"
    if not marker.exists():
        snapshot_id = _take_split_snapshot(workspace, project_id)
        with replace_file(marker) as path:
            path.write_text(json.dumps({"snapshot_id": snapshot_id}), encoding="utf-8")
    data = read_snapshot(workspace, json.loads(marker.read_text(encoding="utf-8"))["snapshot_id"])
    for part, what in ((Part.TRAIN, "train on"), (Part.DEV, "choose the checkpoint by"), (Part.TEST, "give a verdict on")):
        if not data.part(part):
            raise PairsmithError(
                f"No labelled anchor is left to {what}: {len(data.anchors)} anchors have answers, and those that share answers stay together. "
                "Label answers of at least ten unrelated anchors first."
            )
    return data


def _take_split_snapshot(workspace: Workspace, project_id: str) -> str:
    """The id of a snapshot all of whose anchors have a part: one that is answered for the first time between drawing parts and the snapshot would be trained
    on, and could be drawn into the test part later."""
    for _ in range(SPLIT_ATTEMPTS):
        split = ensure_split(workspace, project_id)
        snapshot = take_snapshot(workspace, project_id)
        if all(anchor.id in split.parts for anchor in read_snapshot(workspace, snapshot.id).anchors):
            return snapshot.id
    raise PairsmithError("New anchors were labelled faster than parts could be drawn for them. Start the run again when the import or the labelling is done.")
