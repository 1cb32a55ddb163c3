"""A map as one Parquet file for a viewer of millions of points, Embedding Atlas (github.com/apple/embedding-atlas). No torch here.

A row a document, in the map's order: `id`, `title`, `text`, its fields as `field_<name>`, its places as `base_x`, `base_y`, `tuned_x`, `tuned_y`
(`base_dense_x` … with a density view), `hotspot` (its number and terms, empty for none), `duplicate` (near-duplicate in the base) and
`neighbours_kept`. Refuses a project without a map. Documents that left the corpus since are left out.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from core.geometry.stored_map import VIEWS, newest_map, read_layout, word_hotspots
from core.model import PairsmithError
from core.store import corpus
from core.workspace import Workspace, replace_file


def write_atlas(workspace: Workspace, project_id: str, path: Path) -> int:
    """Write the newest map to `path`, never half of it; returns how many documents. Raises `PairsmithError` where there is no map."""
    data, rows = make_atlas(workspace, project_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as temporary:
        temporary.write_bytes(data)
    return rows


def make_atlas(workspace: Workspace, project_id: str) -> tuple[bytes, int]:
    """The newest map as the bytes of a Parquet file, and how many documents it holds. Raises `PairsmithError` where there is no map."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with workspace.store.read() as conn:
        projection = newest_map(conn, project_id)
        if projection is None:
            raise PairsmithError("No map has been drawn yet, so there is nothing to write. Draw one with `pairsmith map`.")
        layout = read_layout(workspace, projection)
        found = corpus.get_documents(conn, project_id, layout["ids"].tolist())
    rows = np.array([row for row, item in enumerate(layout["ids"].tolist()) if item in found], np.int64)
    documents = [found[item] for item in layout["ids"][rows].tolist()]
    spots = word_hotspots(projection.figures)
    duplicates = set(projection.figures.get("duplicates", []))
    columns: dict[str, Any] = {"id": [doc.id for doc in documents], "title": [doc.title for doc in documents], "text": [doc.text for doc in documents]}
    columns |= {f"field_{name}": [doc.fields.get(name, "") for doc in documents] for name in sorted({name for doc in documents for name in doc.fields})}
    for name in VIEWS:
        if name in layout:
            columns |= {f"{name}_x": layout[name][rows, 0], f"{name}_y": layout[name][rows, 1]}
    columns |= {"hotspot": [spots.get(doc.id, "") for doc in documents], "duplicate": [doc.id in duplicates for doc in documents]}
    if "overlap" in layout:
        columns["neighbours_kept"] = layout["overlap"][rows]
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue(), len(documents)


def name_command(path: Path, side: str = "tuned") -> str:
    """What opens the file in Embedding Atlas, by the places under one model."""
    return f"embedding-atlas {path} --text text --x {side}_x --y {side}_y"
