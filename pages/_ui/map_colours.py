"""What colours the points of a map: a field of the documents, or what the project knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.geometry.around import UNJUDGED, Standing
from core.geometry.neighbours import K
from core.geometry.stored_map import word_hotspots
from core.model import Document
from pages._ui.charts import PALETTE
from pages._ui.map_points import rank_values

NO_FIELD = "No colour"
LABELS, PARTS, FLAGS, GROUPS, KEPT = "Label state", "Part of the split", "Flag", "Group that came together", "Neighbours kept"
CLOSER, DUPLICATE = "Came closer together", "Near-duplicate in the base"
_BINS = ((0.25, "Nearly all neighbours new"), (0.5, "Most neighbours new"), (0.75, "Most neighbours kept"), (1.01, "Nearly all neighbours kept"))


def list_values(
    ids: Sequence[str], outlines: Mapping[str, Document], standing: Standing, figures: Mapping[str, Any], layout: Mapping[str, Any]
) -> dict[str, list[str]]:
    """For each thing that can colour the map, the value of each document; empty where it has none. Fields first, by name."""
    fields = sorted({name for document in outlines.values() for name in document.fields})
    found = {name: [outlines[item].fields.get(name, "") if item in outlines else "" for item in ids] for name in fields}
    spots = word_hotspots(figures)
    duplicates = set(figures.get("duplicates", []))
    own = {LABELS: [standing.labels.get(item, UNJUDGED) for item in ids], PARTS: [standing.parts.get(item, "") for item in ids]}
    if spots or duplicates:
        own[FLAGS] = [CLOSER if item in spots else DUPLICATE if item in duplicates else "" for item in ids]
    if spots:
        own[GROUPS] = [spots.get(item, "") for item in ids]
    if "overlap" in layout:
        own[KEPT] = [word_kept(float(share)) for share in layout["overlap"]]
    return {(f"Field: {name}" if name in own or name == NO_FIELD else name): values for name, values in found.items()} | own


def word_kept(share: float) -> str:
    """The share of neighbours that both models have, in words."""
    return next(word for least, word in _BINS if share < least)


def choose_colours(values: Mapping[str, Sequence[str]], fields: int) -> tuple[list[str], list[str]]:
    """The value of what was chosen for each document, and the values to colour.

    `values`: as `list_values` has them, the first `fields` of them fields of the documents. Starts with the field of 5 to 60 values that has the most.
    """
    names = list(values)
    counts = {name: len(set(filter(None, found))) for name, found in values.items()}
    usual = max((name for name in names[:fields] if 5 <= counts[name] <= 60), key=lambda name: (counts[name], name), default=NO_FIELD)
    options = [NO_FIELD, *names]
    field, choice = st.columns([1, 3])
    text = f"A field of the documents, or what is known of them. The same value has the same colour on both maps. Neighbours are the {K} nearest."
    name = field.selectbox("Colour by", options, index=options.index(usual), key="map_colour", help=text)
    if name == NO_FIELD:
        return [""] * len(next(iter(values.values()), [])), []
    ranked = rank_values(values[name])
    text = f"At most {len(PALETTE)} at a time: more colours cannot be told apart. The others are grey."
    shown = choice.multiselect("Values in colour", ranked, default=ranked[: len(PALETTE)], max_selections=len(PALETTE), key=f"map_values_{name}", help=text)
    return list(values[name]), shown
