"""The documents of a map and what is said of them, as values: which are drawn, and which value has which colour. No Streamlit here.

Coordinates are (n, 2) float32 in a layout's own units, which mean nothing; two layouts of one map are in one frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pages._ui.charts import MAX_POINTS, PALETTE


@dataclass(frozen=True)
class MapPoints:
    """What a map draws: documents in a fixed order, their place under one model or two, and what is said of them."""

    ids: Sequence[str]
    base: NDArray[np.float32]
    """(n, 2) float32, in the layout's own units, which mean nothing."""
    tuned: NDArray[np.float32] | None
    values: Sequence[str]
    """The value that colours each document, not escaped."""
    hover: Sequence[str]
    """Escaped."""
    hotspots: frozenset[str] = frozenset()
    answers: Sequence[str] = field(default=())
    """Documents to ring and number, e.g. the answers of one anchor."""
    found: frozenset[str] = frozenset()
    """Documents that a search found."""
    chosen: str = ""
    """The document that was clicked last: framed on both maps."""
    lasso: frozenset[str] = frozenset()
    """Documents that were drawn around."""
    anchor: str = ""
    """The text of the anchor whose answers are ringed, escaped; empty without one."""
    anchor_places: Sequence[NDArray[np.float32]] = field(default=())
    """Where that anchor lies on each map, (2,) float32; empty where it is not known."""

    @property
    def layouts(self) -> list[NDArray[np.float32]]:
        """The places under each model."""
        return [np.asarray(layout, np.float32) for layout in (self.base, self.tuned) if layout is not None]


@dataclass(frozen=True)
class Coloured:
    """What can colour a map: the value of each document, empty where it has none, and the values there are, the most frequent first."""

    values: Sequence[str]
    ranked: Sequence[str]


def rank_values(values: Sequence[str]) -> list[str]:
    """The values there are, the most frequent first, ties by name; documents without one are left out."""
    return [value for value, _ in sorted(Counter(filter(None, values)).items(), key=lambda item: (-item[1], item[0]))]


def assign_colours(values: Sequence[str]) -> dict[str, str]:
    """A colour for each of the first `len(PALETTE)` values, in the order given; the same values give the same colours."""
    return dict(zip(dict.fromkeys(values), PALETTE, strict=False))


def choose_points(ids: Sequence[str], most: int, keep: frozenset[str] = frozenset()) -> NDArray[np.int64]:
    """Rows to draw, in order: all where they fit, else those of `keep` and evenly spaced others, at most `most` and never above `MAX_POINTS`."""
    most = min(most, MAX_POINTS)
    if len(ids) <= most:
        return np.arange(len(ids))
    held = [row for row, item in enumerate(ids) if item in keep][:most]
    others = np.setdiff1d(np.arange(len(ids)), held)
    room = most - len(held)
    spaced = others[np.linspace(0, len(others) - 1, room).astype(int)] if room else others[:0]
    return np.sort(np.concatenate([np.array(held, np.int64), spaced]))
