"""One thing found before a run: how much it matters, what it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.model import PairsmithError


class Level(StrEnum):
    """How much a finding matters."""

    BLOCK = "block"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was found, with what to do about it."""

    level: Level
    code: str
    text: str
    action: str = ""


def refuse_blocked(blocks: Sequence[Finding]) -> None:
    """Raises `PairsmithError` with all that stops a run, where something does."""
    if blocks:
        raise PairsmithError(" ".join(f"{item.text} {item.action}" for item in blocks))
