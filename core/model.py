"""The values that Pairsmith speaks of, in the field's words.

Frozen dataclasses and enums only: no storage, no arrays, no I/O. Everything that crosses the border of a package is one of these.
Times are seconds since the epoch (UTC, float); durations carry their unit in the name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class PairsmithError(Exception):
    """An error a person can act on: its text says what happened, with the value, and what to do next."""


class NotFound(PairsmithError):
    """Something was asked for by a name that does not exist."""


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


class Part(StrEnum):
    """The part of the split that an anchor stands in."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"


class CandidateStatus(StrEnum):
    """Why a mined document is in the queue, or not."""

    SUSPICIOUS = "suspicious"
    """As near to the anchor as its answers are: may well be an answer. Reviewed first."""
    PROPOSED = "proposed"
    """Near the anchor, yet clearly below its answers: the usual hard negative."""
    SET_ASIDE = "set_aside"
    """Kept with its reason, not shown: for instance the same text as a positive."""


class RunKind(StrEnum):
    """The long work that a run does."""

    MINE = "mine"
    TUNE = "tune"
    EVALUATE = "evaluate"
    MAP = "map"
    EMBED = "embed"
    RERANKER = "reranker"
    """Training a cross-encoder on the reviewed pairs."""
    TAKE = "take"
    """Fetching a cross-encoder from the hub into the project."""
    METER = "meter"
    """How good the judgements so far make a quick adapter: whether more of them are worth it."""
    QUANTISE = "quantise"
    """A model's 8-bit form made and measured."""
    REINDEX = "reindex"
    """The vector database brought to a model and the corpus of now."""


class RunStatus(StrEnum):
    """The state of a run; see `core.store.runs` for the transitions."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        """True when nothing more will happen to the run."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


class ModelKind(StrEnum):
    """How a model came to be."""

    BASE = "base"
    TUNED = "tuned"
    ADAPTER = "adapter"
    """The base model with a matrix on its query vectors: documents stay where they are."""
    INT8 = "int8"
    """An embedding model computed in 8-bit whole numbers by OpenVINO: its vectors are others than those of the model it was made from."""
    RERANKER = "reranker"
    """A cross-encoder: it reads an anchor and a document together and gives one score. It has no vectors, so its dimension is 0."""

    @property
    def is_trained(self) -> bool:
        """Whether it is an embedding model made here from judgements."""
        return self in (ModelKind.TUNED, ModelKind.ADAPTER)


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


@dataclass(frozen=True)
class ModelRecord:
    """An embedding model, or a cross-encoder, as it is used: weights, prompts and limits, named by its fingerprint."""

    id: str
    name: str
    kind: ModelKind
    location: str
    """Folder it loads from, absolute."""
    dimension: int
    max_length: int
    """Tokens; longer texts are cut."""
    query_prompt: str = ""
    document_prompt: str = ""
    base_id: str | None = None
    snapshot_id: str | None = None
    run_id: str | None = None
    created_at: float = 0.0

    @property
    def precision(self) -> str:
        """What its vectors are computed in."""
        return "int8" if self.kind is ModelKind.INT8 else "float32"

    @property
    def document_side(self) -> str:
        """Fingerprint of the model that makes its documents' vectors: an adapter leaves documents as its base has them."""
        return self.base_id if self.kind is ModelKind.ADAPTER and self.base_id else self.id


@dataclass(frozen=True)
class Progress:
    """What a running job last said of itself."""

    step: int = 0
    total: int = 0
    message: str = ""
    left_s: float | None = None
    """Estimated seconds left; None while it cannot be told."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Named series or numbers of the run, e.g. `loss: [[step, value], ...]`."""

    @property
    def fraction(self) -> float:
        """Share done in [0, 1]; 0 while the total is unknown."""
        return min(1.0, self.step / self.total) if self.total else 0.0


@dataclass(frozen=True)
class Run:
    """One piece of long work and its state."""

    id: str
    project_id: str
    kind: RunKind
    status: RunStatus
    config: Mapping[str, Any]
    progress: Progress
    result: Mapping[str, Any] | None
    error: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempt: int
    cancel_requested: bool
    worker_id: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """One system's figures on one part of the anchors."""

    id: str
    system: str
    model_id: str
    part: str
    measures: Mapping[str, float]
    n: int
    last_seq: int
    """The last judgement it knew: later ones make it stale."""
    run_id: str | None
    created_at: float


@dataclass(frozen=True)
class Projection:
    """A pair of maps on disk and the clumping figures that belong to them."""

    id: str
    base_id: str
    tuned_id: str | None
    path: str
    figures: Mapping[str, Any]
    created_at: float


def hash_text(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, as 64 hexadecimal digits: the identity of content in every cache.

    Lone surrogates, which UTF-8 cannot carry, are hashed by their escaped form.
    """
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
