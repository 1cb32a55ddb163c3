"""What a project holds: documents, and the anchors that are asked of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Part(StrEnum):
    """The part of the split that an anchor stands in."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"


@dataclass(frozen=True)
class Project:
    """One corpus with its anchors, judgements, models and runs."""

    id: str
    name: str
    created_at: float
    base_model: str
    """A hub id, a folder, or `core.retrieval.models.EMBEDDED_DEFAULT`."""
    corpus_revision: int = 0
    """Grows with every change of the corpus: the key of every cache over it."""
    anchor_revision: int = 0
    """Grows with every change of an anchor's text, part or group: with `corpus_revision` it names what a snapshot was taken of."""
    guideline: str = ""
    """What the project's lead tells its reviewers, in Markdown: the only text that is ever rendered as such."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the project's curation, by name; see `core.curation.options`."""


@dataclass(frozen=True)
class Document:
    """One retrievable text of the corpus."""

    id: str
    text: str
    title: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """What is embedded and indexed: title and text joined, as in BEIR."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True)
class Anchor:
    """A query: what somebody asks of the corpus."""

    id: str
    text: str
    part: Part | None = None
    group: str | None = None
    """The id of the anchor that stands for this one and its paraphrases; None for an anchor without any, and often for the one that stands for them."""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What it asks, by name: its group, or its own id. Anchors of one question are paraphrases of each other."""
        return self.group or self.id


def hash_text(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, as 64 hexadecimal digits: the identity of content in every cache.

    Lone surrogates, which UTF-8 cannot carry, are hashed by their escaped form.
    """
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
