"""Pairs, triplets and tuples as JSON Lines: what `core.ingest.pairs` reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.ingest.content import Content, group_texts


def write_pairs(content: Content) -> Iterator[dict[str, Any]]:
    """The rows of the canonical pair file, one an anchor with an answer: answers by falling grade, then id, hard negatives by id, with their ids."""
    for anchor, answers, others in content.answered():
        row: dict[str, Any] = {
            "anchor": anchor.text,
            "positive": [content.documents[item.document_id].content for item in answers],
            "hard_negatives": [content.documents[item.document_id].content for item in others],
            "grades": [item.grade for item in answers],
            "anchor_id": anchor.id,
            "positive_ids": [item.document_id for item in answers],
            "hard_negative_ids": [item.document_id for item in others],
        }
        yield row | ({"group": anchor.group} if anchor.group else {}) | ({"part": anchor.part.value} if anchor.part else {})


def write_triplets(content: Content) -> Iterator[dict[str, Any]]:
    """A row for each answer and each hard negative of an anchor that has both: anchor, positive, negative. Nothing else, as trainers want it."""
    for group in group_texts(content):
        for positive in group.positives:
            for negative in group.negatives:
                yield {"anchor": group.anchor, "positive": positive, "negative": negative}


def write_tuples(content: Content) -> Iterator[dict[str, Any]]:
    """A row for each answer: anchor, positive, negative_1, negative_2 and so on, as many as the anchor has."""
    for group in group_texts(content):
        for positive in group.positives:
            yield {"anchor": group.anchor, "positive": positive} | {f"negative_{place}": text for place, text in enumerate(group.negatives, start=1)}
