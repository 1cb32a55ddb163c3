"""Vectors on disk, by model fingerprint and content: only what is new is ever encoded.

A folder a model holds two files that only grow: `vectors.f32` (rows, float32, little-endian) and `keys.bin` (32 bytes a row, SHA-256 of prompt and
text). Rows are written before their keys, so a crash leaves at most rows without a key, which the next writer cuts off; a key without its row does not
count. A key stands for the row at its place in the file, the first where it stands twice, so zeroed or doubled keys cost their own rows alone. Reading
maps the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from core.model import ModelRecord, PairsmithError, hash_text
from core.workspace import Workspace

Floats = NDArray[np.float32]
Encode = Callable[[list[str]], Floats]
_KEY_BYTES = 32
CHUNK = 1024
"""New texts encoded between two writes to disk: what an interruption can cost."""


def key_content(content_hash: str, prompt: str = "") -> bytes:
    """The 32-byte key of a text as it enters the model: of its prompt and its content's hash (`core.model.hash_text`)."""
    return hashlib.sha256(f"{prompt}\0{content_hash}".encode()).digest()


def key_text(text: str, prompt: str = "") -> bytes:
    """The 32-byte key of a text as it enters the model."""
    return key_content(hash_text(text), prompt)


class VectorCache:
    """The vectors of one model.

    Parameters: `folder`, where the files lie; `dimension`, the length of a row. One writer at a time (a file lock), any number of readers.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        self.folder = folder
        self.dimension = dimension
        folder.mkdir(parents=True, exist_ok=True)
        self._rows: dict[bytes, int] = {}
        self._count = 0
        """Rows read so far; more than the distinct keys where the file of keys is damaged."""
        self._load_keys()

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, keys: Iterable[bytes]) -> list[bool]:
        """For each key, whether its vector is there."""
        self._load_keys()
        return [key in self._rows for key in keys]

    def get(self, keys: Sequence[bytes]) -> Floats:
        """Vectors (n, d) float32 in the order of the keys. Raises `KeyError` when one is missing."""
        if any(key not in self._rows for key in keys):
            self._load_keys()
        rows = np.fromiter((self._rows[key] for key in keys), dtype=np.int64, count=len(keys))
        if len(rows) == 0:
            return np.zeros((0, self.dimension), np.float32)
        mapped = np.memmap(self._vectors, dtype="<f4", mode="r", shape=(self._count, self.dimension))
        if len(rows) > 1 and np.all(np.diff(rows) == 1):
            return mapped[rows[0] : rows[-1] + 1]
        return np.asarray(mapped[rows])

    def fill(self, texts: Sequence[str], prompt: str, encode: Encode, on_progress: Callable[[int, int], None] | None = None) -> int:
        """Encode and store the texts that are missing, the longest first, in chunks. Returns how many were encoded.

        `encode` takes a list of texts and returns (n, d) float32. `on_progress(done, total)` is called after each chunk and may raise to stop:
        what was stored stays.
        """
        self._load_keys()
        missing: dict[bytes, str] = {}
        for text in texts:
            key = key_text(text, prompt)
            if key not in self._rows:
                missing[key] = text
        order = sorted(missing, key=lambda key: (-len(missing[key]), key))
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            self._append(chunk, encode([missing[key] for key in chunk]))
            if on_progress:
                on_progress(min(start + CHUNK, len(order)), len(order))
        return len(order)

    @property
    def _vectors(self) -> Path:
        return self.folder / "vectors.f32"

    @property
    def _keys(self) -> Path:
        return self.folder / "keys.bin"

    def _load_keys(self) -> None:
        known = self._count
        if not self._keys.exists() or self._keys.stat().st_size < (known + 1) * _KEY_BYTES:
            return
        with self._keys.open("rb") as stream:
            stream.seek(known * _KEY_BYTES)
            raw = stream.read()
        written = self._vectors.stat().st_size // (4 * self.dimension) if self._vectors.exists() else 0
        for i in range(min(len(raw) // _KEY_BYTES, written - known)):
            self._rows.setdefault(raw[i * _KEY_BYTES : (i + 1) * _KEY_BYTES], known + i)
            self._count += 1

    def _append(self, keys: Sequence[bytes], vectors: Floats) -> None:
        if vectors.shape != (len(keys), self.dimension):
            raise PairsmithError(f"The model gave vectors of shape {vectors.shape}, expected ({len(keys)}, {self.dimension}). Its record is out of date.")
        if not np.isfinite(vectors).all():
            raise PairsmithError("The model gave vectors that are not finite (NaN or infinity). It is damaged: tune it again with a lower learning rate.")
        with FileLock(self.folder / "lock"):
            self._load_keys()
            fresh = [i for i, key in enumerate(keys) if key not in self._rows]
            row_bytes = self.dimension * 4
            kept = self._count
            _append_at(self._vectors, kept * row_bytes, np.ascontiguousarray(vectors[fresh], dtype="<f4").tobytes())
            _append_at(self._keys, kept * _KEY_BYTES, b"".join(keys[i] for i in fresh))
            self._load_keys()


def open_cache(workspace: Workspace, record: ModelRecord) -> VectorCache:
    """The vectors of queries under a model, in this home; but for an adapter's they lie beside those of documents."""
    return VectorCache(workspace.folder("vectors", record.id[:32]), record.dimension)


def open_document_cache(workspace: Workspace, record: ModelRecord) -> VectorCache:
    """The vectors of documents under a model, in this home: an adapter has its base's."""
    return VectorCache(workspace.folder("vectors", record.document_side[:32]), record.dimension)


def _append_at(path: Path, offset: int, data: bytes) -> None:
    """Write `data` at `offset`, cutting off what an interrupted writer left behind it."""
    with path.open("r+b" if path.exists() else "w+b") as stream:
        stream.truncate(offset)
        stream.seek(offset)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
