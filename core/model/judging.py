"""What people say of anchors and documents, what is laid before them, and what it is worth so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MACHINES = ("import", "oracle")
"""Authors of judgements that are no person."""


class Label(StrEnum):
    """What an expert (or an import) said about an anchor and a document."""

    POSITIVE = "positive"
    HARD_NEGATIVE = "hard_negative"
    AMBIGUOUS = "ambiguous"
    SKIPPED = "skipped"
    CANNOT_JUDGE = "cannot_judge"
    UNJUDGED = "unjudged"
    """Written by an undo where nothing was said before: the pair is open again."""


class Source(StrEnum):
    """Where a judgement came from."""

    SEARCH = "search"
    MINED = "mined"
    IMPORT = "import"
    HOLES = "holes"
    ORACLE = "oracle"
    SETTLED = "settled"
    """Said by somebody who saw that experts differ."""


@dataclass(frozen=True)
class Judgement:
    """One event of the append-only log: who said what about which pair, when, and what was shown.

    `client_id` is made where the event happens; the same id applied twice counts once.
    """

    client_id: str
    anchor_id: str
    document_id: str
    label: Label
    grade: int = 0
    """For a positive: 1 touches the question, 2 answers partly, 3 answers fully (imports may use higher grades). Else 0."""
    source: Source = Source.MINED
    author: str = "local"
    reason: str = ""
    note: str = ""
    shown_at: float | None = None
    decided_at: float | None = None
    active_ms: int | None = None
    undoes: str | None = None
    """The client id of the event this one takes back."""
    caused_by: str | None = None
    """The client id of the decision that this one follows from: a near-duplicate or a paraphrase was judged with it, and is taken back with it."""
    shown: Mapping[str, Any] | None = None
    """What the expert had before them, as ids and content hashes, and the figures of the candidate, which they did not see before they decided."""
    seq: int | None = None
    """Position in the log, given by the store."""
    recorded_at: float | None = None
    """When the store took it in, given by the store."""


class CandidateStatus(StrEnum):
    """Why a mined document is in the queue, or not."""

    SUSPICIOUS = "suspicious"
    """As near to the anchor as its answers are: may well be an answer. Reviewed first."""
    PROPOSED = "proposed"
    """Near the anchor, yet clearly below its answers: the usual hard negative."""
    SET_ASIDE = "set_aside"
    """Kept with its reason, not shown: for instance the same text as a positive."""


@dataclass(frozen=True)
class Candidate:
    """A mined document for an anchor, with the figures it was chosen by."""

    anchor_id: str
    document_id: str
    status: CandidateStatus
    reason: str
    priority: float
    """Order of the queue, highest first."""
    similarity: float
    """Cosine of anchor and document under the mining model, in [-1, 1]."""
    ratio: float | None
    """Similarity over that of the anchor's lowest positive (of grade 2 or more, where it has such); None where that one points away from it."""
    dense_rank: int | None
    lexical_rank: int | None
    model_id: str
    reranker: float | None = None
    """Score of a cross-encoder, where one was used."""
    twin_of: str | None = None
    """The answer that this document is a near-duplicate of."""
    same_parent: bool = False
    """Whether it comes from the same parent document as an answer."""
    audit: bool = False
    """Drawn at random from what looks safe, to estimate how many answers are left among the unreviewed."""


@dataclass(frozen=True)
class Snapshot:
    """The judgements a run was trained on, named by the hash of their content."""

    id: str
    created_at: float
    last_seq: int
    counts: Mapping[str, int]
    corpus_revision: int | None = None
    anchor_revision: int | None = None


@dataclass(frozen=True)
class Added:
    """What the judgements between two points of the value meter added to NDCG@5 on the development anchors, pair by pair."""

    judgements: int
    """How many there are between the two points."""
    gain: float
    low: float
    """Lower bound of the 95 % interval, paired bootstrap over groups."""
    high: float


@dataclass(frozen=True)
class ValuePoint:
    """One point of the value meter: what a quick adapter reaches on the development anchors with the judgements up to `last_seq`."""

    last_seq: int
    judged: int
    """Judgements spent so far: decisions of people, undone and caused ones not counted."""
    base: float
    """NDCG@5 of the base model on the same anchors."""
    value: float
    """NDCG@5 with the adapter."""
    low: float
    high: float
    """95 % interval of `value - base`, paired bootstrap over groups."""
    anchors: int
    """Development anchors it was measured on."""
    seconds: float
    created_at: float
    truth: str = ""
    """Hash of what it was measured against: points of another truth cannot stand on one curve with it."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """NDCG@5 with the adapter by development anchor."""
    added: Added | None = None
    """Against the nearest point that is at least `core.curation.stopping.RECENT` judgements older; None where there is none."""
