"""A file that came through the browser: read like one on disk, from a folder that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from core.ingest.bundle import Bundle
from core.ingest.columns import ColumnMap
from core.ingest.kinds import Kind, open_path
from core.ingest.known import Known
from core.ingest.read import read_source

KINDS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet", "zip", "qrels", "trec", "txt", "md")
"""Endings of what can be brought in."""


@contextmanager
def open_upload(name: str, content: bytes) -> Iterator[Path]:
    """The file or unpacked folder of an upload named `name`, while the block lasts. Raises `PairsmithError` when an archive is refused."""
    with tempfile.TemporaryDirectory(prefix="pairsmith-") as made:
        path = Path(made) / (PurePosixPath(name.replace("\\", "/")).name or "upload")
        path.write_bytes(content)
        with open_path(path) as opened:
            yield opened


def read_upload(name: str, content: bytes, known: Known | None = None, *, kind: Kind | None = None, columns: ColumnMap | None = None) -> Bundle:
    """Read an uploaded file named `name`, a zipped folder included. Stores nothing.

    Raises `PairsmithError` when its kind cannot be told or the archive is refused; faults inside are the bundle's problems.
    """
    with open_upload(name, content) as path:
        return read_source(path, known, kind=kind, columns=columns)
