"""What the settings of every training are checked by. No torch here: pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from core.model import PairsmithError


def check_knobs(config: Any, limits: Mapping[str, tuple[int, int]]) -> None:
    """Raises `PairsmithError` for a setting out of its limits, both ends allowed, or a `learning_rate` that makes no sense."""
    for name, (low, high) in limits.items():
        if not low <= getattr(config, name) <= high:
            raise PairsmithError(f"{name} is {getattr(config, name)}: it must lie between {low} and {high}.")
    if not 0 < config.learning_rate <= 0.01:
        raise PairsmithError(f"learning_rate is {config.learning_rate}: it must be above 0 and at most 0.01; 2e-5 is usual.")


def refuse_unknown(values: Mapping[str, Any], kind: type[Any]) -> Mapping[str, Any]:
    """The values as they are. Raises `PairsmithError` for a name that is no field of the dataclass `kind`."""
    names = {field.name for field in fields(kind)}
    unknown = sorted(set(values) - names)
    if unknown:
        raise PairsmithError(f"Unknown setting {unknown[0]!r}. Known are: {', '.join(sorted(names))}.")
    return values
