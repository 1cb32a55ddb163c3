"""A file that came through the browser: read like one on disk, from a folder that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from core.ingest.archive import unpack_beir
from core.ingest.bundle import Bundle
from core.ingest.read import read_source

KINDS = ("jsonl", "ndjson", "csv", "tsv", "zip")
"""Endings of what can be brought in."""


def read_upload(name: str, content: bytes, known_documents: Mapping[str, str] | None = None, known_anchors: Mapping[str, str] | None = None) -> Bundle:
    """Read an uploaded file named `name`, a zipped BEIR folder included. Stores nothing.

    Raises `PairsmithError` when its kind cannot be told or the archive is refused; faults inside are the bundle's problems.
    """
    with tempfile.TemporaryDirectory(prefix="pairsmith-") as made:
        path = Path(made) / (PurePosixPath(name.replace("\\", "/")).name or "upload")
        path.write_bytes(content)
        source = unpack_beir(path, Path(made) / "unpacked") if path.suffix.lower() == ".zip" else path
        return read_source(source, known_documents, known_anchors)
