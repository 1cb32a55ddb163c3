"""What an endpoint would be sent, told before anything is; and sending it, each vector once.

Invariants: texts leave this machine only through `embed_outside`, which callers reach after the plan was confirmed; a vector that was received is in the
cache before the next request, so that nothing is paid for twice. No torch.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from core.model import Anchor, Document, ModelKind, ModelRecord, PairsmithError, Part
from core.retrieval.endpoint import BATCH, LOCAL, Endpoint, open_endpoint
from core.retrieval.vectors import Floats, VectorCache, key_text, open_cache
from core.settings import Settings
from core.store import corpus
from core.workspace import Workspace, replace_file

ENDPOINT = "endpoint"
PRICES = {"text-embedding-3-small": 0.02, "text-embedding-3-large": 0.13, "text-embedding-ada-002": 0.10}
"""Dollars a million tokens, as OpenAI's price list had them when this was written; PAIRSMITH_EMBEDDINGS_PRICE overrides."""
CHARACTERS_A_TOKEN = 4.0
"""OpenAI's rule of thumb for English; other languages take more tokens."""
TIMED = 5
"""Texts that are asked for singly, to time a query."""


@dataclass(frozen=True)
class Sending:
    """What would leave the machine: how many texts, how long, and what it may cost."""

    host: str
    model: str
    documents: int
    anchors: int
    known: int
    """Texts whose vectors are here already: they are not sent again."""
    tokens: int
    """Estimated from characters."""
    dollars: float | None
    """None where the price is not known."""

    @property
    def words(self) -> str:
        """The plan as a person reads it."""
        if self.documents + self.anchors == 0:
            return f"Nothing is sent: all {self.known:,} vectors of {self.model} are here already."
        stays = self.host in LOCAL
        place = f"{self.host}, which is this machine" if stays else f"{self.host}, outside of this machine"
        price = "The price is not known." if self.dollars is None else f"That is about ${self.dollars:.4f}."
        known = f" {self.known:,} texts are known already and not sent again." if self.known else ""
        return (
            f"{self.documents:,} documents (title and text) and {self.anchors:,} questions, about {self.tokens:,} tokens, go to {place}. {price}{known} "
            "Sent are the texts alone: no ids, no fields, no grades, no names of people."
        )

    def to_json(self) -> dict[str, Any]:
        """All of it, with the words."""
        return {**asdict(self), "words": self.words}


def plan_sending(workspace: Workspace, endpoint: Endpoint, documents: Sequence[Document], anchors: Sequence[Anchor], price: float | None = None) -> Sending:
    """What of these texts is not here yet. `price`: dollars a million tokens, else by the model's name."""
    cache = _find_cache(workspace, endpoint)
    groups = []
    for texts in ([document.content for document in documents], [anchor.text for anchor in anchors]):
        held = cache.has([key_text(text) for text in texts]) if cache else [False] * len(texts)
        groups.append(list(dict.fromkeys(text for text, is_held in zip(texts, held, strict=True) if not is_held)))
    missing = groups[0] + groups[1]
    tokens = round(sum(len(text) for text in missing) / CHARACTERS_A_TOKEN)
    cost = PRICES.get(endpoint.model) if price is None else price
    return Sending(
        host=urlsplit(endpoint.url).hostname or endpoint.url,
        model=endpoint.model,
        documents=len(groups[0]),
        anchors=len(groups[1]),
        known=len(documents) + len(anchors) - len(missing),
        tokens=tokens,
        dollars=None if cost is None else tokens / 1_000_000 * cost,
    )


@dataclass(frozen=True)
class Received:
    """Vectors of an endpoint, (n, d) float32 L2-normalised, and what it took to have them."""

    documents: Floats
    anchors: Floats
    record: ModelRecord
    tokens: int
    """As the service counted them, of what was sent now."""
    latency_ms: float | None
    """Median of single requests; None where nothing had to be sent."""


def embed_outside(
    workspace: Workspace, endpoint: Endpoint, documents: Sequence[Document], anchors: Sequence[Anchor], on_progress: Callable[[int, int], None] | None = None
) -> Received:
    """Vectors of all texts, sending those that are not here. The first few questions go singly, which times a query; the first tells the dimension.

    Raises `PairsmithError` as `Endpoint.embed`, and where the service's vectors have another length than those received before.
    """
    contents, asked = [document.content for document in documents], [anchor.text for anchor in anchors]
    cache = _find_cache(workspace, endpoint)
    wanted = list(dict.fromkeys(asked + contents))
    missing = [text for text, held in zip(wanted, cache.has([key_text(text) for text in wanted]) if cache else [False] * len(wanted), strict=True) if not held]
    taken: list[float] = []
    sent = 0
    while missing[sent:]:
        batch = missing[sent : sent + (1 if sent < TIMED else BATCH)]
        began = time.perf_counter()
        vectors = endpoint.embed(batch)
        if len(batch) == 1:
            taken.append(1000 * (time.perf_counter() - began))
        if cache is None:
            cache = _make_cache(workspace, endpoint, vectors.shape[1])
        if vectors.shape[1] != cache.dimension:
            sizes = f"{vectors.shape[1]} dimensions now, and gave {cache.dimension} before"
            raise PairsmithError(f"{endpoint.where} gives vectors of {sizes}: it is another model.")
        given = dict(zip(batch, vectors, strict=True))
        cache.fill(batch, "", partial(_pick, given))
        sent += len(batch)
        if on_progress:
            on_progress(sent, len(missing))
    if cache is None:
        raise PairsmithError("There is no text to embed. Import a corpus first.")
    record = _describe(endpoint, cache.dimension)
    found = [cache.get([key_text(text) for text in texts]) for texts in (contents, asked)]
    return Received(found[0], found[1], record, endpoint.tokens, statistics.median(taken) if taken else None)


def _pick(given: Mapping[str, Floats], texts: list[str]) -> Floats:
    return np.stack([given[text] for text in texts])


def name_endpoint(settings: Settings, name: str) -> Endpoint:
    """The endpoint that a system's name means: `endpoint:MODEL` or `endpoint:MODEL@DIMENSIONS`. Raises `PairsmithError` for a size that is no number."""
    model, _, size = name.partition(":")[2].partition("@")
    if not model or (size and not size.isdecimal()):
        raise PairsmithError(f"{name!r} names no model of an endpoint. Write {ENDPOINT}:MODEL, or {ENDPOINT}:MODEL@DIMENSIONS.")
    return open_endpoint(settings, model, int(size) if size else None)


def plan_evaluation(workspace: Workspace, project_id: str, name: str, part: str) -> Sending:
    """What evaluating this endpoint on a part of the anchors would send."""
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id, part=Part(part) if part in set(Part) else None)
    endpoint = name_endpoint(workspace.settings, name)
    return plan_sending(workspace, endpoint, documents, anchors, get_price(workspace.settings, endpoint.model))


def get_price(settings: Settings, model: str) -> float | None:
    """Dollars a million tokens: as set, else as known for the model."""
    return PRICES.get(model) if settings.embeddings_price is None else settings.embeddings_price


def _describe(endpoint: Endpoint, dimension: int) -> ModelRecord:
    """The endpoint's model as a record whose id is its address, name and asked-for size: the key of its vectors, never registered as a model."""
    digest = hashlib.sha256(f"endpoint\0{endpoint.url}\0{endpoint.model}\0{endpoint.dimensions or ''}".encode()).hexdigest()
    return ModelRecord(digest, endpoint.model, ModelKind.BASE, endpoint.url, dimension, 0)


def _find_marker(workspace: Workspace, endpoint: Endpoint) -> Path:
    return workspace.home / "vectors" / _describe(endpoint, 0).id[:32] / "endpoint.json"


def _find_cache(workspace: Workspace, endpoint: Endpoint) -> VectorCache | None:
    marker = _find_marker(workspace, endpoint)
    if not marker.exists():
        return None
    return open_cache(workspace, _describe(endpoint, int(json.loads(marker.read_text(encoding="utf-8"))["dimension"])))


def _make_cache(workspace: Workspace, endpoint: Endpoint, dimension: int) -> VectorCache:
    with replace_file(_find_marker(workspace, endpoint)) as path:
        path.write_text(json.dumps({"model": endpoint.model, "host": urlsplit(endpoint.url).hostname, "dimension": dimension}), encoding="utf-8")
    return open_cache(workspace, _describe(endpoint, dimension))
