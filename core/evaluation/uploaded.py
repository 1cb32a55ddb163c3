"""Vectors from outside as a system: made by a model that Pairsmith need not have, brought as files.

Two files, for documents and for anchors: `.npy` without objects, (n, d) numbers, rows in the project's order (as `pairsmith export --what csv` lists them);
or Parquet with the columns `id` and `vector`, in any order. Refuses what does not fit: rows missing, unknown or twice, two dimensions, values that are not
finite, a vector without length. Kept beside the content hashes of what they stand for: a text that changed since makes them stale, and they are refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from core.model import Anchor, Document, NotFound, PairsmithError, hash_text
from core.retrieval.vectors import Floats
from core.store import corpus
from core.workspace import Workspace, replace_file

PREFIX = "vectors"
FOLDER = "outside"
ENDINGS = ("npy", "parquet")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def bring_vectors(workspace: Workspace, project_id: str, name: str, documents: Path, anchors: Path) -> str:
    """Check both files and keep them as the system `vectors:NAME`, whose name is returned. The same name again takes the old one's place.

    Raises `PairsmithError` for files that do not fit the project or each other.
    """
    if not _NAME.fullmatch(name):
        raise PairsmithError(f"{name!r} cannot name vectors. Use at most 64 letters, digits, dots, dashes and underscores.")
    with workspace.store.read() as conn:
        ids, hashes = corpus.read_document_ids(conn, project_id)
        asked = corpus.read_anchors(conn, project_id)
    texts = [hash_text(anchor.text) for anchor in asked]
    parts = {"documents": (documents, ids, hashes), "anchors": (anchors, [anchor.id for anchor in asked], texts)}
    read = {kind: read_vectors(path, wanted, kind) for kind, (path, wanted, _) in parts.items()}
    if read["documents"].shape[1] != read["anchors"].shape[1]:
        raise PairsmithError(
            f"Documents have {read['documents'].shape[1]} dimensions and anchors {read['anchors'].shape[1]}. Both must come from the same model."
        )
    digest = hashlib.sha256(read["documents"].tobytes() + read["anchors"].tobytes()).hexdigest()
    folder = _find_folder(workspace, project_id, name)
    for kind, (_, _, keys) in parts.items():
        with replace_file(folder / f"{kind}.npy") as path, path.open("wb") as stream:
            np.save(stream, read[kind], allow_pickle=False)
        with replace_file(folder / f"{kind}.json") as path:
            path.write_text(json.dumps(keys), encoding="utf-8")
    with replace_file(folder / "record.json") as path:
        path.write_text(json.dumps({"name": name, "id": digest, "dimension": int(read["documents"].shape[1])}), encoding="utf-8")
    return f"{PREFIX}:{name}"


def list_vectors(workspace: Workspace, project_id: str) -> list[str]:
    """The names of what was brought, by name."""
    folder = workspace.home / FOLDER / project_id
    return sorted(path.parent.name for path in folder.glob("*/record.json"))


def read_vectors(path: Path, ids: Sequence[str], kind: str) -> Floats:
    """Vectors (n, d) float32, rows L2-normalised, in the order of `ids`. Raises `PairsmithError`; `kind` says of what they are."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in ENDINGS:
        raise PairsmithError(f"{path.name} is neither .npy nor .parquet. Bring the vectors of the {kind} as one of these.")
    try:
        vectors = _read_npy(path, len(ids), kind) if ending == "npy" else _read_parquet(path, ids, kind)
    except (OSError, ValueError, TypeError, EOFError, pyarrow.ArrowException) as error:
        raise PairsmithError(f"{path.name} cannot be read as {ending}: {error}. An .npy may hold numbers only, no Python objects.") from error
    if not np.isfinite(vectors).all():
        raise PairsmithError(f"{path.name} holds values that are not finite (NaN or infinity), first in row {int(np.argwhere(~np.isfinite(vectors))[0][0])}.")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if len(vectors) and float(length.min()) == 0.0:
        raise PairsmithError(f"{path.name} holds a vector without length in row {int(length.argmin())}: it points nowhere, so no cosine can be had of it.")
    return np.asarray(vectors / length, np.float32)


def _read_npy(path: Path, count: int, kind: str) -> Floats:
    vectors = np.load(path, allow_pickle=False)
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or vectors.shape[1] == 0:
        raise PairsmithError(f"{path.name} holds an array of shape {vectors.shape} and type {vectors.dtype}; numbers of shape ({count}, dimension) are needed.")
    if len(vectors) != count:
        raise PairsmithError(f"{path.name} has {len(vectors):,} rows, and the project has {count:,} {kind}. Rows must stand in the project's order.")
    return np.asarray(vectors, np.float32)


def _read_parquet(path: Path, ids: Sequence[str], kind: str) -> Floats:
    table = pyarrow.parquet.read_table(path)
    missing = {"id", "vector"} - set(table.column_names)
    if missing:
        raise PairsmithError(f"{path.name} has the columns {', '.join(table.column_names)}. It needs `id` and `vector` (a list of numbers).")
    found = [str(item) for item in table.column("id").to_pylist()]
    row_of = {item: row for row, item in enumerate(found)}
    absent = [item for item in ids if item not in row_of]
    if len(row_of) != len(found):
        raise PairsmithError(f"{path.name} holds an id twice: {next(item for row, item in enumerate(found) if row_of[item] != row)!r}.")
    if absent:
        raise PairsmithError(f"{path.name} has no vector for {len(absent):,} of {len(ids):,} {kind}, first {absent[0]!r}.")
    column = table.column("vector").combine_chunks()
    lengths = set(pyarrow.compute.list_value_length(column).to_pylist())
    if len(lengths) != 1 or None in lengths:
        raise PairsmithError(f"{path.name} holds vectors of different lengths, or none at all: {', '.join(map(str, list(lengths)[:4]))}.")
    vectors = np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(len(found), -1)
    return vectors[[row_of[item] for item in ids]]


@dataclass(frozen=True)
class Brought:
    """Vectors that were brought: their name, a hash of their values, and where they lie."""

    name: str
    id: str
    dimension: int
    folder: Path

    def read_documents(self, documents: Sequence[Document]) -> Floats:
        """Vectors (n, d) float32 of these documents. Raises `PairsmithError` where one changed, or came, since they were brought."""
        return _read_kept(self.folder, "documents", [hash_text(document.content) for document in documents])

    def read_anchors(self, anchors: Sequence[Anchor]) -> Floats:
        """Vectors (n, d) float32 of these anchors. Raises `PairsmithError` where one changed, or came, since they were brought."""
        return _read_kept(self.folder, "anchors", [hash_text(anchor.text) for anchor in anchors])


def find_brought(workspace: Workspace, project_id: str, name: str) -> Brought:
    """The vectors of this name. Raises `NotFound`."""
    folder = _find_folder(workspace, project_id, name) if _NAME.fullmatch(name) else None
    if folder is None or not (folder / "record.json").exists():
        known = ", ".join(list_vectors(workspace, project_id)) or "none"
        raise NotFound(f"No vectors named {name!r} were brought to {project_id!r}; there are: {known}. `pairsmith vectors` brings some.")
    return Brought(**json.loads((folder / "record.json").read_text(encoding="utf-8")), folder=folder)


def _read_kept(folder: Path, kind: str, keys: Sequence[str]) -> Floats:
    """The vectors of these contents, by their hashes. Raises `PairsmithError` where a text has changed, or came, since they were brought."""
    kept = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
    row_of = {key: row for row, key in enumerate(kept)}
    absent = sum(key not in row_of for key in keys)
    if absent:
        raise PairsmithError(f"{absent:,} of {len(keys):,} {kind} changed or came since the vectors {folder.name!r} were brought. Bring them anew.")
    vectors = np.load(folder / f"{kind}.npy", mmap_mode="r", allow_pickle=False)
    return np.asarray(vectors[[row_of[key] for key in keys]], np.float32)


def _find_folder(workspace: Workspace, project_id: str, name: str) -> Path:
    return workspace.home / FOLDER / project_id / name
