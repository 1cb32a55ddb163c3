"""How a model stands in a list to choose from. A select cuts what is too long at its end, where two tuned models differ: here the middle goes instead."""

from __future__ import annotations

from core.model import ModelRecord

MOST = 54
"""Characters of a name that fit into a select across a page of 800 pixels, with the beginning of the fingerprint."""
KEPT = 44
"""Of these the last, which say when a model was tuned and how that ended."""
SHORT = 8
"""Of the fingerprint: as many as the command line takes for a model."""


def label_model(model: ModelRecord) -> str:
    """The name, in the middle of which something is left out where it is long, and the beginning of the fingerprint."""
    name = model.name if len(model.name) <= MOST else f"{model.name[: MOST - KEPT - 1]}…{model.name[-KEPT:]}"
    return f"{name} · {model.id[:SHORT]}"
