"""Values as JSON can say them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def make_plain(value: Any) -> Any:
    """The value with mappings as dicts, sequences as lists, and what is not finite (nan, infinity) as None."""
    if isinstance(value, Mapping):
        return {key: make_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
