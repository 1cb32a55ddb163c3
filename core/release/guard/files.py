"""Reading an index of files: a folder an alias, a folder a version, the name of the live one in `CURRENT`. Numpy only.

A version holds `index.faiss` (a FAISS `IndexFlatIP`, which `faiss.read_index` opens as it is), `ids.jsonl` (a document's id a line, in the order of the rows)
and `manifest.json`. Search is exact: dot products of normalised rows, ties by id ascending.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from .manifest import DIGITS, Floats, rank

CURRENT = "CURRENT"
INDEX, IDS, MANIFEST = "index.faiss", "ids.jsonl", "manifest.json"
HEADER = struct.Struct("<4siqqq?iQ")
"""FAISS's own: kind, dimension, rows, two unused numbers, trained, metric (0 is inner product), number of floats that follow (faiss/impl/index_write.cpp)."""
_UNUSED = 1 << 20


def pack_header(rows: int, dimension: int) -> bytes:
    """The first bytes of a FAISS `IndexFlatIP` of so many rows."""
    return HEADER.pack(b"IxFI", dimension, rows, _UNUSED, _UNUSED, True, 0, rows * dimension)


class FilesReader:
    """The versions below `folder/alias`. Any number of processes may read while another builds and switches."""

    def __init__(self, folder: Path | str, alias: str) -> None:
        self.root = Path(folder) / alias
        self.alias = alias
        self._held: tuple[str, tuple[int, int], list[str], Floats] | None = None

    def read_alias(self) -> str | None:
        """The live version's name, or None."""
        try:
            return (self.root / CURRENT).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def read_manifest_text(self, name: str) -> str | None:
        """The manifest of a version, or None where there is no such version."""
        try:
            return (self.root / name / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def search(self, name: str, queries: Floats, k: int) -> list[list[tuple[str, float]]]:
        """For each query (q, d) the k documents of highest cosine, best first, ties by id ascending."""
        ids, matrix = self._load(name)
        found = []
        for query in queries:
            scores = matrix @ query
            count = min(k, len(ids))
            kth = np.partition(scores, len(ids) - count)[len(ids) - count] if count else 0.0
            rows = np.flatnonzero(scores >= kth - 10.0**-DIGITS) if count else np.zeros(0, np.int64)
            found.append(rank([ids[row] for row in rows], scores[rows].tolist(), k))
        return found

    def _load(self, name: str) -> tuple[list[str], Floats]:
        path = self.root / name / INDEX
        stat = path.stat()
        stamp = (stat.st_size, stat.st_mtime_ns)
        if self._held is None or self._held[:2] != (name, stamp):
            with path.open("rb") as stream:
                _, dimension, rows, *_ = HEADER.unpack(stream.read(HEADER.size))
                matrix = np.fromfile(stream, dtype="<f4", count=rows * dimension).reshape(rows, dimension)
            with (self.root / name / IDS).open(encoding="utf-8") as stream_of_ids:
                ids = [json.loads(line) for line in stream_of_ids]
            if len(ids) < rows:
                raise OSError(f"{path} has {rows} rows, but {len(ids)} ids stand beside it.")
            self._held = (name, stamp, ids[:rows], matrix)
        return self._held[2], self._held[3]
