"""Near-duplicates count as the same document wherever a training row is built."""

from __future__ import annotations

from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.model import Part
from core.tuning.batches import plan_batches
from core.tuning.config import TuneConfig
from core.tuning.dataset import build_rows

TEXTS = {document_id: f"text of {document_id}" for document_id in ("d1", "d2", "d3", "n1")}


def test_two_anchors_answered_by_the_same_text_under_two_ids_never_share_a_batch() -> None:
    anchors = [LabelledAnchor("a1", "one", Part.TRAIN, {"d1": 3}, []), LabelledAnchor("a2", "two", Part.TRAIN, {"d2": 3}, [])]
    snapshot = SnapshotData("s", anchors, TEXTS)
    assert len(plan_batches(build_rows(snapshot, TuneConfig()), [0, 1], 8)) == 1
    assert len(plan_batches(build_rows(snapshot, TuneConfig(), {"d1": "d1", "d2": "d1"}), [0, 1], 8)) == 2


def test_a_near_duplicate_of_a_held_out_answer_is_never_a_negative() -> None:
    anchors = [LabelledAnchor("a1", "one", Part.TRAIN, {"d1": 3}, ["d3", "n1"]), LabelledAnchor("a2", "two", Part.TEST, {"d2": 3}, [])]
    rows = build_rows(SnapshotData("s", anchors, TEXTS), TuneConfig(negatives=2), {"d2": "d2", "d3": "d2"})
    assert [row.negatives for row in rows] == [["text of n1"]]
