"""The newest map of a project, as a page or a command reads it: its file, and its hotspots by number. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from core.model import PairsmithError, Projection
from core.store import artefacts
from core.workspace import Workspace

VIEWS = ("base", "tuned", "base_dense", "tuned_dense")
"""Names of the layouts that a map's file may hold."""


def newest_map(conn: Connection, project_id: str) -> Projection | None:
    """The map drawn last; None before there was one."""
    return next(iter(artefacts.list_projections(conn, project_id)), None)


def find_layout(workspace: Workspace, projection: Projection) -> Path:
    """Where the map's file lies in this home, which may have moved since; it may be gone."""
    return workspace.folder("maps") / Path(projection.path).name


def read_layout(workspace: Workspace, projection: Projection) -> dict[str, Any]:
    """The arrays of the map's file, as `core.geometry.map_run.draw_maps` names them. Raises `PairsmithError` where it is gone."""
    path = find_layout(workspace, projection)
    if not path.exists():
        raise PairsmithError("The file of this map is gone from the home folder. Draw the map again.")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def read_hotspot(projection: Projection | None, number: int) -> list[str]:
    """The documents of a hotspot, numbered from 1 as the map page has them. Raises `PairsmithError` where there is no such hotspot."""
    if projection is None:
        raise PairsmithError("No map has been drawn yet, so no group of documents is known. Draw one on the map page, or with `pairsmith map`.")
    spots = projection.figures.get("hotspots", [])
    if not 1 <= number <= len(spots):
        there = f"has {len(spots)}, numbered from 1" if spots else "has none"
        raise PairsmithError(f"There is no group {number}: the newest map {there}.")
    return list(spots[number - 1]["ids"])


def word_hotspots(figures: Mapping[str, Any]) -> dict[str, str]:
    """For each document in a hotspot the hotspot's number and terms, as a value to colour or filter by."""
    return {item: name_hotspot(number, spot) for number, spot in enumerate(figures.get("hotspots", []), start=1) for item in spot["ids"]}


def name_hotspot(number: int, spot: Mapping[str, Any]) -> str:
    """A hotspot by its number and its own terms, where it has some: "Group 2: rent, tenant, lease"."""
    terms = ", ".join(list(spot.get("terms", []))[:3])
    return f"Group {number}: {terms}" if terms else f"Group {number}"
