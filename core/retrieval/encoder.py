"""A loaded embedding model. The only module of retrieval that needs torch (imported when a model is loaded): pages never reach it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.model import Document, ModelKind, ModelRecord, PairsmithError
from core.retrieval.models import EMBEDDED_DEFAULT
from core.retrieval.vectors import Encode, Floats, VectorCache, key_text, open_cache, open_document_cache
from core.settings import load_settings
from core.workspace import Workspace

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH = 16
"""Texts a forward pass: on a CPU larger batches were no faster and padded more."""


def load_transformer(record: ModelRecord) -> SentenceTransformer:
    """The model of the record in float32, with its maximum length set. Raises `PairsmithError` when it cannot be loaded."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if threads := load_settings().threads:
        torch.set_num_threads(threads)
    try:
        model = SentenceTransformer(record.location, local_files_only=Path(record.location).exists(), model_kwargs={"dtype": torch.float32})
    except (OSError, ValueError, KeyError) as error:
        raise PairsmithError(
            f"The model {record.name!r} cannot be loaded from {record.location}: {error}. Use {EMBEDDED_DEFAULT}, or restore the folder."
        ) from error
    model.max_seq_length = record.max_length
    return model.eval()


class Encoder:
    """Encodes anchors and documents of one model, with its prompts; vectors are L2-normalised, so a dot product is the cosine.

    Parameters: `record`, the model; `model`, the loaded transformer where there already is one.
    """

    def __init__(self, record: ModelRecord, model: SentenceTransformer | None = None) -> None:
        self.record = record
        self.model = model if model is not None else load_transformer(record)

    def encode(self, texts: Sequence[str], prompt: str = "") -> Floats:
        """Vectors (n, d) float32 of documents, rows L2-normalised, in the order of the texts. Texts of like length share a batch."""
        return self._encode(texts, prompt)

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Vectors of anchors, with the model's query prompt, by its query side where it has one."""
        return self._encode(texts, self.record.query_prompt, **({"task": "query"} if self.record.kind is ModelKind.ADAPTER else {}))

    def _encode(self, texts: Sequence[str], prompt: str, **side: str) -> Floats:
        vectors: Any = self.model.encode(list(texts), prompt=prompt or None, batch_size=BATCH, show_progress_bar=False, normalize_embeddings=True, **side)
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)


def embed_texts(
    workspace: Workspace,
    record: ModelRecord,
    texts: Sequence[str],
    *,
    prompt: str = "",
    encoder: Encoder | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Vectors (n, d) float32 of the texts as documents, encoding only those the cache lacks; the model is loaded only when it must be."""
    held = encoder

    def encode(missing: list[str]) -> Floats:
        nonlocal held
        held = held or Encoder(record)
        return held.encode(missing, prompt)

    return _fill(open_document_cache(workspace, record), texts, prompt, encode, on_progress)


def _fill(cache: VectorCache, texts: Sequence[str], prompt: str, encode: Encode, on_progress: Callable[[int, int], None] | None = None) -> Floats:
    cache.fill(texts, prompt, encode, on_progress)
    return cache.get([key_text(text, prompt) for text in texts])


def embed_documents(
    workspace: Workspace,
    record: ModelRecord,
    documents: Sequence[Document],
    *,
    encoder: Encoder | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Vectors (n, d) float32 of documents: title and text joined, with the model's document prompt."""
    return embed_texts(workspace, record, [doc.content for doc in documents], prompt=record.document_prompt, encoder=encoder, on_progress=on_progress)


def embed_anchors(workspace: Workspace, record: ModelRecord, texts: Sequence[str], *, encoder: Encoder | None = None) -> Floats:
    """Vectors (n, d) float32 of anchors, with the model's query prompt."""

    def encode(missing: list[str]) -> Floats:
        return (encoder or Encoder(record)).encode_queries(missing)

    return _fill(open_cache(workspace, record), texts, record.query_prompt, encode)
