"""The clumping report on bare arrays, read from .npy files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.geometry.clumps import Search, find_clumps
from core.geometry.gap import Questions
from core.model import PairsmithError
from core.retrieval.vectors import Floats


@dataclass(frozen=True)
class ArrayFiles:
    """Where the arrays lie. References and queries are given under both models or under neither; queries with the file of their answers."""

    base: Path
    tuned: Path
    reference_base: Path | None = None
    reference_tuned: Path | None = None
    queries_base: Path | None = None
    queries_tuned: Path | None = None
    positives: Path | None = None
    """JSON: a list that has, for each query, the rows of its answers, or an object from query row to such a list; also `{row: grade}` for grades."""


def clumps_of_arrays(files: ArrayFiles) -> dict[str, Any]:
    """The report of `core.geometry.clumps` as plain values, hotspots by row number.

    Files hold (n, d) numbers; rows are normalised here. Raises `PairsmithError` when a file cannot be read, holds what is no matrix of finite numbers,
    row counts differ, or answers name what is not there.
    """
    base, tuned = _load_pair(files.base, files.tuned)
    references: tuple[Floats | None, Floats | None] = (None, None)
    if _are_given(files.reference_base, files.reference_tuned, what="the reference texts", options="--reference-base and --reference-tuned"):
        references = _load_pair(files.reference_base, files.reference_tuned)
    search = None
    if _are_given(files.queries_base, files.queries_tuned, files.positives, what="queries", options="--queries-base, --queries-tuned and --positives"):
        before, after = _load_pair(files.queries_base, files.queries_tuned)
        for name, queries, documents in ((files.queries_base, before, base), (files.queries_tuned, after, tuned)):
            if queries.shape[1] != documents.shape[1]:
                raise PairsmithError(f"{name} has {queries.shape[1]} dimensions and its documents {documents.shape[1]}: they must be of one model.")
        grades = read_positives(files.positives, queries=len(before), documents=len(base))
        search = Search(Questions(before, grades), Questions(after, grades), base, tuned)
    return find_clumps(base, tuned, reference_base=references[0], reference_tuned=references[1], search=search).to_json()


def read_positives(path: Path | None, *, queries: int, documents: int) -> list[dict[int, int]]:
    """For each query the grade of its answers' rows. Raises `PairsmithError` with the query that is wrong."""
    try:
        value = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PairsmithError(f"{path} cannot be read as JSON: {error}") from error
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if entries is None:
        raise PairsmithError(f"{path} must be a list with the answers' rows for each query, or an object from query row to answers' rows.")
    grades: list[dict[int, int]] = [{} for _ in range(queries)]
    for key, answers in entries:
        query = _read_row(key, queries, f"{path}: query")
        known = answers if isinstance(answers, dict) else dict.fromkeys(answers, 1) if isinstance(answers, list) else None
        if known is None or not all(isinstance(grade, int) for grade in known.values()):
            raise PairsmithError(f"{path}: the answers of query {query} must be a list of rows, or an object from row to a whole grade.")
        grades[query] = {_read_row(row, documents, f"{path}: query {query} names document"): int(grade) for row, grade in known.items()}
    return grades


def _read_row(value: Any, count: int, what: str) -> int:
    row = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else -1
    if not 0 <= row < count:
        raise PairsmithError(f"{what} {value!r}, which is no row: rows count from 0 to {count - 1}.")
    return row


def _are_given(*paths: Path | None, what: str, options: str) -> bool:
    given = [path for path in paths if path is not None]
    if given and len(given) < len(paths):
        raise PairsmithError(f"Give {what} whole ({options}), or not at all.")
    return bool(given)


def _load_pair(first: Path | None, second: Path | None) -> tuple[Floats, Floats]:
    """Both arrays, of as many rows."""
    one, other = _load(first), _load(second)
    if len(one) != len(other):
        raise PairsmithError(f"{first} has {len(one)} rows and {second} has {len(other)}: they must be the same texts in the same order.")
    return one, other


def _load(path: Path | None) -> Floats:
    try:
        array = np.load(str(path), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise PairsmithError(f"{path} cannot be read as a .npy array of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise PairsmithError(f"{path} must hold one matrix (rows, dimensions) of finite numbers.")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise PairsmithError(f"{path}: row {int(np.flatnonzero(lengths == 0)[0])} is all zeros, which has no direction.")
    return np.asarray(array / lengths, dtype=np.float32)
