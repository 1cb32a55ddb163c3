"""Folders that Hugging Face `datasets` saved: each part of each data set is read as rows of a pair file.

A `DatasetDict` has a folder for each part; a folder of several is read whole. The parts named train, dev (or validation) and test become the anchors'.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.ingest.beir import read_part
from core.ingest.bundle import Bundle, Problem
from core.ingest.known import Known
from core.ingest.pairs import PairReader
from core.model import Part


def read_datasets(folder: Path, known: Known | None = None) -> Bundle:
    """The pairs of a folder of data sets. Every fault is a `Problem` with its file and row, counted from 1."""
    problems: list[Problem] = []
    reader = PairReader(folder, known or Known(), problems)
    for path, part in _find_files(folder, problems):
        reader.path = Path(" - ".join(path.relative_to(folder).parts))  # messages name the last part of a path
        for number, row in _read_arrow(path, problems, reader.path.name):
            reader.take(number, row | {"part": row.get("part", part and part.value)})
    return reader.finish()


def _find_files(folder: Path, problems: list[Problem]) -> Iterator[tuple[Path, Part | None]]:
    """The Arrow files with the part each belongs to, in the order of their names."""
    for marker in sorted(folder.rglob("dataset_dict.json")):
        try:
            splits = json.loads(marker.read_text(encoding="utf-8"))["splits"]
        except (ValueError, KeyError, TypeError, OSError):
            problems.append(Problem(str(marker.relative_to(folder)), 0, "it does not name the parts of the data set; save it again."))
            continue
        for name in splits:
            for path in sorted((marker.parent / str(name)).glob("*.arrow")):
                yield path, read_part(str(name))


def _read_arrow(path: Path, problems: list[Problem], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa

    number = 0
    try:
        with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as stream:
            for batch in stream:
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError, ValueError) as error:
        problems.append(Problem(name, number + 1, f"it cannot be read ({str(error).splitlines()[0][:120]}). Save the data set again."))
