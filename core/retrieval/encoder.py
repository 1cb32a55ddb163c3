"""A loaded embedding model. It needs torch (imported when a model is loaded): pages never reach it.

Texts go through in batches of like length in tokens, so that hardly anything is padded; many of them by OpenVINO where the extra `fast` is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.model import Document, ModelKind, ModelRecord, PairsmithError
from core.retrieval.fingerprint import ONNX_INT8
from core.retrieval.models import EMBEDDED_DEFAULT
from core.retrieval.onnx_graph import OnnxGraph, open_onnx
from core.retrieval.openvino_encoder import Graph, OpenVinoEncoder, open_quantised
from core.retrieval.tokens import count_tokens, estimate_tokens
from core.retrieval.vectors import Floats, key_text, open_cache, open_document_cache
from core.settings import load_settings
from core.workspace import Workspace

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH_TOKENS = 1_024
"""Tokens a forward pass, padding included: on a CPU larger batches leave the cache, and batches of a fixed number of texts are too small for short ones."""
MOST_TEXTS = 64
ON_ACCELERATOR = 16
"""How many times as much goes through at once where the model is not on the processor."""
MANY = 4_096
"""Texts from which it pays to compile a small model first: that takes some seconds, and spares about a millisecond a text on two cores."""


def load_transformer(record: ModelRecord) -> SentenceTransformer:
    """The model of the record in float32, with its maximum length set. Raises `PairsmithError` when it cannot be loaded."""
    import torch
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if threads := load_settings().threads:
        torch.set_num_threads(threads)
    try:
        model = SentenceTransformer(record.location, local_files_only=Path(record.location).exists(), model_kwargs={"dtype": torch.float32})
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise PairsmithError(
            f"The model {record.name!r} cannot be loaded from {record.location}: {error}. Use {EMBEDDED_DEFAULT}, or restore the folder."
        ) from error
    model.max_seq_length = record.max_length
    return model.eval()


class Encoder:
    """Encodes anchors and documents of one model, with its prompts; vectors are L2-normalised, so a dot product is the cosine.

    Parameters: `record`, the model; `model`, the loaded transformer where there already is one: its weights may still change, so it is never compiled.
    """

    def __init__(self, record: ModelRecord, model: SentenceTransformer | None = None) -> None:
        self.record = record
        self.model = model if model is not None else load_transformer(record)
        self._count = count_tokens(record) or estimate_tokens
        self._compiled: Graph | OnnxGraph | None = _open_graph(record, self.model) if record.kind == ModelKind.INT8 else None
        self._is_on_cpu = self.model.device.type == "cpu"
        self._may_compile = model is None and self._compiled is None and self._is_on_cpu and load_settings().openvino

    def encode(self, texts: Sequence[str], prompt: str = "", *, of: int = 0) -> Floats:
        """Vectors (n, d) float32 of documents, rows L2-normalised, in the order of the texts; they are those of one text alone but for rounding (1e-5 a
        number).

        `of`: how many texts there are in all, where these are a part of them.
        """
        if self._may_compile and max(of, len(texts)) >= MANY:
            self._compile()
        return self._encode_packed(texts, prompt, self._compiled.encode_batch if self._compiled else self._encode_batch)

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Vectors of anchors, with the model's query prompt, by its query side where it has one."""
        if self.record.kind is ModelKind.ADAPTER:
            return self._encode_packed(texts, self.record.query_prompt, partial(self._encode_batch, task="query"))
        return self.encode(texts, self.record.query_prompt)

    def _encode_packed(self, texts: Sequence[str], prompt: str, encode: Callable[[Sequence[str], str], Floats]) -> Floats:
        lengths = [min(length, self.record.max_length) for length in self._count([prompt + text for text in texts])]
        times = 1 if self._is_on_cpu else ON_ACCELERATOR
        batches = pack_by_length(lengths, times * BATCH_TOKENS, times * MOST_TEXTS)
        if not batches:
            return np.zeros((0, self.record.dimension), np.float32)
        found = np.concatenate([encode([texts[row] for row in rows], prompt) for rows in batches])
        return found[np.argsort(np.concatenate(batches))]

    @property
    def is_compiled(self) -> bool:
        """Whether a graph makes the vectors, not the library."""
        return self._compiled is not None

    def _encode_batch(self, texts: Sequence[str], prompt: str, **side: str) -> Floats:
        vectors: Any = self.model.encode(list(texts), prompt=prompt or None, batch_size=len(texts), show_progress_bar=False, normalize_embeddings=True, **side)
        return np.asarray(vectors, np.float32)

    def _compile(self) -> None:
        """Compile the model, once; where that is not possible the library goes on, and the log says why."""
        self._may_compile = False
        try:
            self._compiled = OpenVinoEncoder(self.model)
        except ImportError:
            pass
        except PairsmithError as error:
            print(f"{error} The vectors are made by the library itself.", file=sys.stderr)


def _open_graph(record: ModelRecord, model: SentenceTransformer) -> Graph | OnnxGraph:
    return (open_onnx if (Path(record.location) / ONNX_INT8).exists() else open_quantised)(record, model)


def pack_by_length(lengths: Sequence[int], budget: int, most: int) -> list[list[int]]:
    """Rows in batches of like length, the longest first, ties by row: each holds at most `budget` tokens once padded to its longest, and `most` texts.

    A text that is longer than the budget is a batch of its own.
    """
    batches: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if not batches or len(batches[-1]) == most or (len(batches[-1]) + 1) * longest > budget:
            batches.append([])
            longest = max(1, lengths[row])
        batches[-1].append(row)
    return batches


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
    cache = open_document_cache(workspace, record)
    keys = [key_text(text, prompt) for text in texts]
    count = len(keys) - sum(cache.has(keys))
    held = encoder

    def encode(missing: list[str]) -> Floats:
        nonlocal held
        held = held or Encoder(record)
        return held.encode(missing, prompt, of=count)

    cache.fill(texts, prompt, encode, on_progress)
    return cache.get(keys)


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
    held = encoder

    def encode(missing: list[str]) -> Floats:
        nonlocal held
        held = held or Encoder(record)
        return held.encode_queries(missing)

    cache = open_cache(workspace, record)
    cache.fill(texts, record.query_prompt, encode)
    return cache.get([key_text(text, record.query_prompt) for text in texts])
