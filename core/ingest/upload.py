"""A file that came through the browser: read like one on disk, from a folder that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from core.ingest.bundle import Bundle
from core.ingest.columns import ColumnMap
from core.ingest.kinds import Kind
from core.ingest.known import Known
from core.ingest.look import Look, look_at
from core.ingest.read import read_source

KINDS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet", "zip", "qrels", "trec", "txt", "md")
"""Endings of what can be brought in."""


def look_at_upload(name: str, content: bytes, *, kind: Kind | None = None) -> Look:
    """A first look at an uploaded file named `name`, as `kind` where it is given.

    Raises `PairsmithError` when its kind cannot be told or an archive is refused.
    """
    with _write_upload(name, content) as path:
        return look_at(path, kind=kind)


def read_upload(name: str, content: bytes, known: Known | None = None, *, kind: Kind | None = None, columns: ColumnMap | None = None) -> Bundle:
    """Read an uploaded file named `name`, a zipped folder included. Stores nothing.

    Raises `PairsmithError` when its kind cannot be told or the archive is refused; faults inside are the bundle's problems.
    """
    with _write_upload(name, content) as path:
        return read_source(path, known, kind=kind, columns=columns)


@contextmanager
def _write_upload(name: str, content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pairsmith-") as made:
        path = Path(made) / (PurePosixPath(name.replace("\\", "/")).name or "upload")
        path.write_bytes(content)
        yield path
