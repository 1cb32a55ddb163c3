"""What runs leave behind: models, their figures, maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
