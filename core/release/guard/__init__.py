"""The guard that applications take with them: it opens an index and refuses a query of another model. Needs numpy and the client of the store, no Pairsmith.

    model = SentenceTransformer("contract-model")
    index = GuardedIndex(FilesReader("index", "contracts"), encode_by(model, "contract-model"), fingerprint_of("contract-model"))
    hits = index.search(["Who insures the goods?"], k=5)

An encoder of your own takes texts and a role (`"query"` or `"document"`) and gives vectors (n, d), L2-normalised. Invariant: every search asks the version
that it has checked, by its physical name; when the alias moves, the new version is checked first, and one of another model is refused rather than asked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core.retrieval.fingerprint import CARD, fingerprint_folder

from .files import FilesReader
from .manifest import COMPLETE, QUERY, Encode, Floats, Manifest, ManifestFault, find_mismatch, find_probe_fault, parse_manifest

__all__ = ["CARD", "FilesReader", "GuardedIndex", "IndexRefused", "Manifest", "Reader", "encode_by", "fingerprint_of", "read_use"]


class IndexRefused(Exception):
    """The index must not be asked by this model: the text says why and what to do."""


class Reader(Protocol):
    """What the guard needs of a store: one of the readers beside this file, or one of your own."""

    def read_alias(self) -> str | None:
        """The live version's name."""

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version."""

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query the k nearest documents of a version."""


def read_use(folder: Path | str) -> dict[str, str | int]:
    """How an exported model is used: `query_prompt`, `document_prompt`, `max_length`, `precision`. Raises `IndexRefused`."""
    try:
        card = json.loads((Path(folder) / CARD).read_text(encoding="utf-8"))
        return {name: card[name] for name in ("query_prompt", "document_prompt", "max_length", "precision")}
    except (OSError, ValueError, KeyError) as error:
        raise IndexRefused(f"{folder} is no model exported by Pairsmith: {CARD} cannot be read ({error!r}). Export it again.") from error


def fingerprint_of(folder: Path | str) -> str:
    """The fingerprint of an exported model, from its files as they are now. Raises `IndexRefused`."""
    use = read_use(folder)
    try:
        return fingerprint_folder(
            Path(folder),
            query_prompt=str(use["query_prompt"]),
            document_prompt=str(use["document_prompt"]),
            max_length=int(use["max_length"]),
            precision=str(use["precision"]),
        )
    except OSError as error:
        raise IndexRefused(f"{error} Export the model again.") from error


def encode_by(model: Any, folder: Path | str) -> Encode:
    """The encoder that a loaded `SentenceTransformer` of an exported folder is: cut, prompts and sides as its card says. Raises `IndexRefused`."""
    use = read_use(folder)
    model.max_seq_length = int(use["max_length"])

    def encode(texts: list[str], role: str) -> Floats:
        side, prompt = (model.encode_query, use["query_prompt"]) if role == QUERY else (model.encode_document, use["document_prompt"])
        return np.asarray(side(texts, prompt=prompt or None, normalize_embeddings=True), dtype=np.float32)

    return encode


class GuardedIndex:
    """An index that only its own model may ask.

    Parameters: `reader`, the store's; `encode`, the application's encoder; `fingerprint`, of its model. Raises `IndexRefused` where they do not belong
    together: at opening, and at any later search once the alias leads to another version.
    """

    def __init__(self, reader: Reader, encode: Encode, fingerprint: str) -> None:
        self.reader = reader
        self.encode = encode
        self.fingerprint = fingerprint
        self.manifest = self._open()

    def search(self, texts: Sequence[str], k: int = 10) -> list[list[tuple[str, float]]]:
        """For each text the k nearest documents as (id, cosine), best first, from the version that is live now."""
        live = self.reader.read_alias()
        if live != self.manifest.name:
            self.manifest = self._open()
        vectors = np.asarray(self.encode(list(texts), QUERY), dtype=np.float32)
        if vectors.shape != (len(texts), self.manifest.dimension):
            raise IndexRefused(f"The encoder gave vectors of shape {vectors.shape}; the index needs ({len(texts)}, {self.manifest.dimension}).")
        return self.reader.search(self.manifest.name, vectors, k)

    def _open(self) -> Manifest:
        live = self.reader.read_alias()
        if live is None:
            raise IndexRefused("No version of the index is live: its alias is not there. Have it pointed at a version: `pairsmith release rollback --to`.")
        text = self.reader.read_manifest_text(live)
        if text is None:
            raise IndexRefused(f"The live index {live} has no manifest, so nobody knows which model made it. Have it built again.")
        try:
            manifest = parse_manifest(text)
        except ManifestFault as error:
            raise IndexRefused(str(error)) from error
        if manifest.name != live or manifest.state != COMPLETE:
            raise IndexRefused(f"The live index {live} was never finished, or carries another's manifest. Have the alias pointed back: a rollback does it.")
        dimension = len(np.asarray(self.encode([manifest.probes[0].text], manifest.probes[0].role))[0]) if manifest.probes else manifest.dimension
        fault = find_mismatch(manifest, self.fingerprint, dimension) or find_probe_fault(manifest, self.encode)
        if fault:
            raise IndexRefused(fault)
        return manifest
