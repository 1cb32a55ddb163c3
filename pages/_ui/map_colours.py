"""What colours the points of a map: a field of the documents, or what the project knows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.geometry.around import UNJUDGED, Standing
from core.geometry.neighbours import K
from core.geometry.stored_map import word_hotspots
from pages._ui.charts import PALETTE
from pages._ui.map_points import Coloured, rank_values

NO_FIELD = "No colour"
LABELS, PARTS, FLAGS, GROUPS, KEPT = "Label state", "Part of the split", "Flag", "Group that came together", "Neighbours kept"
CLOSER, DUPLICATE = "Came closer together", "Near-duplicate in the base"
_BINS = ((0.25, "Nearly all neighbours new"), (0.5, "Most neighbours new"), (0.75, "Most neighbours kept"), (1.01, "Nearly all neighbours kept"))
LISTED = 300
"""Values of a field that can be chosen: a browser cannot list tens of thousands."""
Values = Callable[[], list[str]]


def list_known(ids: Sequence[str], standing: Standing, figures: Mapping[str, Any], layout: Mapping[str, Any]) -> dict[str, Values]:
    """For each thing that the project knows of its documents, how to get the value of each one; empty where it has none."""
    spots = word_hotspots(figures)
    duplicates = set(figures.get("duplicates", []))
    known: dict[str, Values] = {
        LABELS: lambda: [standing.labels.get(item, UNJUDGED) for item in ids],
        PARTS: lambda: [standing.parts.get(item, "") for item in ids],
    }
    if spots or duplicates:
        known[FLAGS] = lambda: [CLOSER if item in spots else DUPLICATE if item in duplicates else "" for item in ids]
    if spots:
        known[GROUPS] = lambda: [spots.get(item, "") for item in ids]
    if "overlap" in layout:
        known[KEPT] = lambda: [word_kept(share) for share in layout["overlap"].tolist()]
    return known


def word_kept(share: float) -> str:
    """The share of neighbours that both models have, in words."""
    return next(word for least, word in _BINS if share < least)


def choose_colours(place: Any, fields: Mapping[str, Coloured], known: Mapping[str, Values], count: int) -> tuple[Sequence[str], list[str]]:
    """The value of what was chosen, at `place`, for each of `count` documents, and the values to colour, chosen below.

    A field that has the name of something known is offered under another. Starts with the field of 5 to 60 values that has the most.
    """
    named = {(f"Field: {name}" if name in known or name == NO_FIELD else name): coloured for name, coloured in fields.items()}
    sizes = {name: len(coloured.ranked) for name, coloured in named.items()}
    usual = max((name for name in named if 5 <= sizes[name] <= 60), key=lambda name: (sizes[name], name), default=NO_FIELD)
    options = [NO_FIELD, *named, *known]
    text = f"A field of the documents, or what is known of them. The same value has the same colour on both maps. Neighbours are the {K} nearest."
    name = place.selectbox("Colour by", options, index=options.index(usual), key="map_colour", help=text)
    if name == NO_FIELD:
        return [""] * count, []
    coloured = named.get(name) or colour(known[name]())
    text = f"At most {len(PALETTE)} at a time: more colours cannot be told apart. The others are grey."
    if len(coloured.ranked) > LISTED:
        text += f" The {LISTED} most frequent of {len(coloured.ranked):,} values are listed."
    usually = list(coloured.ranked[: len(PALETTE)])
    shown = st.multiselect("Values in colour", coloured.ranked[:LISTED], default=usually, max_selections=len(PALETTE), key=f"map_values_{name}", help=text)
    return coloured.values, shown


def colour(values: Sequence[str]) -> Coloured:
    """Values with those that there are, ranked."""
    return Coloured(values, rank_values(values))
