"""Hotspots: documents whose neighbours came closer than the whole space did. No clustering: the groups are those of the tuned neighbour graph.

    δ_i = log(r_i tuned / r_i base) − log(spread tuned / spread base),   r_i: mean of 1 − cosine to the 10 nearest

A document is flagged where δ_i < log 0.6; a hotspot is a connected component of flagged documents in the tuned 10-nearest graph, of at least
max(15, 0.5 % of n). Normalised by the total spread, not the median of δ, which would hide the case where everything clumps.
Cost: n²·d. Ten rows or fewer, or a tuned space that is one point, give none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.geometry.nearest import find_neighbours
from core.geometry.neighbours import K, Neighbours
from core.geometry.offset import total_spread
from core.retrieval.vectors import Floats

COLLAPSED = 1e-6
"""Mean distance of all pairs under which a space is one point: nothing else about it can be measured in float32."""
HOTSPOT_LOG = math.log(0.6)
HOTSPOT_MIN, HOTSPOT_SHARE = 15, 0.005


@dataclass(frozen=True)
class Hotspot:
    """Documents that came together: their rows, and the factor by which their neighbours came closer than the space as a whole."""

    rows: Sequence[int]
    closer: float


def find_hotspots(base: Floats, tuned: Floats, near: tuple[Neighbours, Neighbours] | None = None) -> list[Hotspot]:
    """The hotspots of the tuned vectors against the base ones, largest first, ties by first row.

    `base` (n, d) and `tuned` (n, e) float32, the same documents in the same order, rows L2-normalised. `near`: the
    neighbours of both, where they are known already.
    """
    from scipy.sparse import coo_array  # here, since pages read the rule and need no graph
    from scipy.sparse.csgraph import connected_components

    near = near or (find_neighbours(base), find_neighbours(tuned))
    before, after = near[0].radius, near[1].radius
    if np.isnan(before).any() or total_spread(tuned) < COLLAPSED:
        return []  # a space that is one point as a whole is the rule's matter
    delta = np.log(np.maximum(after, 1e-9) / np.maximum(before, 1e-9)) - math.log(total_spread(tuned) / total_spread(base))
    flagged = delta < HOTSPOT_LOG
    rows = near[1].rows[:, :K]
    left, right = np.repeat(np.arange(len(rows)), rows.shape[1]), rows.ravel()
    keep = flagged[left] & flagged[right]
    graph = coo_array((np.ones(int(keep.sum()), np.int8), (left[keep], right[keep])), shape=(len(rows), len(rows)))
    _, labels = connected_components(graph, directed=False)
    least = max(HOTSPOT_MIN, HOTSPOT_SHARE * len(rows))
    groups = [np.flatnonzero(flagged & (labels == label)) for label in np.unique(labels[flagged])]
    found = [Hotspot(members.tolist(), float(np.exp(-np.median(delta[members])))) for members in groups if len(members) >= least]
    return sorted(found, key=lambda spot: (-len(spot.rows), spot.rows[0]))
