"""Writing an index of files, the default store: no server and no library but numpy; what it writes is a FAISS `IndexFlatIP` (see `guard.files`).

Rows are written before their ids, and the header's count last, so a crash leaves at most rows that nobody counts. The alias is the file `CURRENT`, replaced
whole under a lock.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from core.release.guard.files import CURRENT, HEADER, IDS, INDEX, MANIFEST, FilesReader, pack_header
from core.release.guard.manifest import is_version
from core.release.store import ReleaseRefused, check_expected
from core.retrieval.vectors import Floats
from core.workspace import replace_file

_DROPPED = ".dropped-"


class FaissFiles(FilesReader):
    """The versions of one alias below a folder. One writer a version at a time; readers see a switch at once."""

    def __init__(self, folder: Path | str, alias: str) -> None:
        super().__init__(folder, alias)
        self._rows: tuple[str, dict[str, int]] | None = None
        self._written = ""
        self._lock: FileLock | None = None

    def list_names(self) -> list[str]:
        """The versions there are, finished or not."""
        found = self.root.iterdir() if self.root.exists() else ()
        return sorted(path.name for path in found if is_version(self.alias, path.name) and (path / INDEX).exists())

    def create(self, name: str, dimension: int, manifest_text: str) -> None:
        """Make an empty version, in the place of one that was given up before it had a manifest."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        self._take(name)
        (folder / INDEX).write_bytes(pack_header(0, dimension))
        (folder / IDS).write_bytes(b"")
        self.put_manifest_text(name, manifest_text)

    def put_manifest_text(self, name: str, text: str) -> None:
        """Replace a version's manifest."""
        with replace_file(self.root / name / MANIFEST) as path:
            path.write_text(text, encoding="utf-8")

    def upsert(self, name: str, ids: Sequence[str], vectors: Floats) -> None:
        """Write a batch; an id that is there already gets the new vector."""
        rows = self._open_to_write(name)
        fresh = [place for place, document_id in enumerate(ids) if document_id not in rows]
        row_bytes = vectors.shape[1] * 4
        with (self.root / name / INDEX).open("r+b") as stream:
            stream.seek(HEADER.size + len(rows) * row_bytes)
            stream.truncate()
            whole = vectors if len(fresh) == len(ids) else vectors[fresh]
            np.ascontiguousarray(whole, dtype="<f4").tofile(stream)
            for place in set(range(len(ids))) - set(fresh):
                stream.seek(HEADER.size + rows[ids[place]] * row_bytes)
                stream.write(np.ascontiguousarray(vectors[place], dtype="<f4").tobytes())
        with (self.root / name / IDS).open("a", encoding="utf-8") as lines:
            lines.writelines(json.dumps(ids[place]) + "\n" for place in fresh)
        rows.update({ids[place]: len(rows) + n for n, place in enumerate(fresh)})

    def list_ids(self, name: str) -> set[str]:
        """The documents a version holds whole."""
        return set(self._open_rows(name))

    def count(self, name: str) -> int:
        """How many documents a version holds whole."""
        return len(self._open_rows(name))

    def seal(self, name: str) -> None:
        """Say in the header how many rows there are, and have all of it on disk."""
        rows = self._open_to_write(name)
        with (self.root / name / INDEX).open("r+b") as stream:
            _, dimension, *_ = HEADER.unpack(stream.read(HEADER.size))
            stream.seek(0)
            stream.write(pack_header(len(rows), dimension))
            stream.flush()
            os.fsync(stream.fileno())
        with (self.root / name / IDS).open("rb") as lines:
            os.fsync(lines.fileno())
        self._let_go()

    def switch_alias(self, name: str, expected: str | None) -> None:
        """Point `CURRENT` at a version."""
        with FileLock(self.root / ".lock"):
            check_expected(self.read_alias(), expected, self.alias)
            with replace_file(self.root / CURRENT) as path, path.open("w", encoding="utf-8") as stream:
                stream.write(name)
                stream.flush()
                os.fsync(stream.fileno())

    def drop(self, name: str) -> None:
        """Delete a version: its name at once, so that a crash leaves nothing that looks like one; what an earlier one left, maybe of that name, goes first."""
        self._clear_dropped()
        (self.root / name).rename(self.root / f"{_DROPPED}{name}")
        self._clear_dropped()
        self.close()

    def measure_bytes(self, name: str) -> int | None:
        """The size of the version's files."""
        return sum(path.stat().st_size for path in (self.root / name).iterdir())

    def explain(self, error: Exception) -> str | None:
        """What an error of the file system means."""
        if not isinstance(error, OSError) or str(self.root) not in str(error.filename):
            return None  # not of the index; a full disk is told by the run itself
        if isinstance(error, PermissionError):
            return f"The index folder {self.root} does not let this user in ({error.strerror}). Give the user the right to write there."
        return f"A file of the index cannot be used: {error}. Was the folder {self.root} moved or unmounted? Bring it back, then start again."

    def close(self) -> None:
        """Let go of what was read."""
        self._rows = self._held = None
        self._let_go()

    def _clear_dropped(self) -> None:
        for doomed in self.root.glob(f"{_DROPPED}*"):
            shutil.rmtree(doomed)

    def _take(self, name: str) -> None:
        """Be the only one to write to a version until it is sealed: two would cut off each other's rows. The lock goes with its process."""
        self._let_go()
        self._lock = FileLock(self.root / f".{name}.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            self._lock = None
            raise ReleaseRefused(f"Another process writes to {name}. Wait until its re-index is over, then start again.") from error

    def _let_go(self) -> None:
        self._written = ""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _open_rows(self, name: str) -> dict[str, int]:
        """The row of each document that is there whole: an id without its row, or a line without its end, does not count."""
        if self._rows is None or self._rows[0] != name:
            self._rows = (name, {json.loads(line): row for row, line in enumerate(self._read_lines(name)[0])})
        return self._rows[1]

    def _open_to_write(self, name: str) -> dict[str, int]:
        """The same, once what a crash left half written is cut off."""
        if self._written != name:
            self._take(name)
            kept, found = self._read_lines(name)
            if kept != found:
                os.truncate(self.root / name / IDS, sum(map(len, kept)))
            self._rows, self._written = None, name
        return self._open_rows(name)

    def _read_lines(self, name: str) -> tuple[list[bytes], list[bytes]]:
        folder = self.root / name
        with (folder / INDEX).open("rb") as stream:
            _, dimension, *_ = HEADER.unpack(stream.read(HEADER.size))
        whole_rows = ((folder / INDEX).stat().st_size - HEADER.size) // (4 * dimension)
        lines = (folder / IDS).read_bytes().splitlines(keepends=True)
        return [line for line in lines[:whole_rows] if line.endswith(b"\n")], lines
