"""The clumping report on bare arrays, read from .npy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.geometry.clumps import find_clumps
from core.model import PairsmithError
from core.retrieval.vectors import Floats


def clumps_of_arrays(base: Path, tuned: Path, reference_base: Path | None = None, reference_tuned: Path | None = None) -> dict[str, Any]:
    """The report of `core.geometry.clumps` as plain values, hotspots by row number.

    Files hold (n, d) numbers; rows are normalised here. Raises `PairsmithError` when a file cannot be read, holds what is no matrix of finite numbers,
    or row counts differ.
    """
    if (reference_base is None) != (reference_tuned is None):
        raise PairsmithError("Give the reference texts under both models (--reference-base and --reference-tuned), or under neither.")
    arrays = [_load(base), _load(tuned)]
    _refuse_uneven(base, tuned, arrays[0], arrays[1])
    references: list[Floats | None] = [None, None]
    if reference_base is not None and reference_tuned is not None:
        loaded = [_load(reference_base), _load(reference_tuned)]
        _refuse_uneven(reference_base, reference_tuned, loaded[0], loaded[1])
        references = [loaded[0], loaded[1]]
    return find_clumps(arrays[0], arrays[1], reference_base=references[0], reference_tuned=references[1]).to_json()


def _load(path: Path) -> Floats:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise PairsmithError(f"{path} cannot be read as a .npy array of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise PairsmithError(f"{path} must hold one matrix (rows, dimensions) of finite numbers.")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise PairsmithError(f"{path}: row {int(np.flatnonzero(lengths == 0)[0])} is all zeros, which has no direction.")
    return np.asarray(array / lengths, dtype=np.float32)


def _refuse_uneven(first: Path, second: Path, one: Floats, other: Floats) -> None:
    if len(one) != len(other):
        raise PairsmithError(f"{first} has {len(one)} rows and {second} has {len(other)}: they must be the same texts in the same order.")
