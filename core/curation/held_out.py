"""What nobody may be shown as a candidate: the rule of mining, and of "more like this".

Invariant: an anchor is held out with all its paraphrases, whichever of them stands in development or test; so is what answers any of them, with its
near-duplicates. No torch here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from core.model import Anchor, Part


def part_anchors(anchors: Sequence[Anchor], labelled: Collection[str]) -> tuple[list[Anchor], set[str]]:
    """The anchors in training to look for candidates for, those of the ids `labelled`, and the ids of all that are held out."""
    questions = {anchor.question for anchor in anchors if anchor.part in (Part.DEV, Part.TEST)}
    held_out = {anchor.id for anchor in anchors if anchor.question in questions}
    return [anchor for anchor in anchors if anchor.part == Part.TRAIN and anchor.id in labelled and anchor.id not in held_out], held_out


def forbid_documents(held_out: Collection[str], answers: Mapping[str, Sequence[str]], twins: Mapping[str, str]) -> frozenset[str]:
    """The documents that answer a held-out anchor, and their near-duplicates. `answers`: document ids by anchor id; `twins`: group by document id."""
    kept_back = {document_id for anchor_id in held_out for document_id in answers.get(anchor_id, ())}
    groups = {twins[document_id] for document_id in kept_back if document_id in twins}
    return frozenset(kept_back | {document_id for document_id, group in twins.items() if group in groups})
