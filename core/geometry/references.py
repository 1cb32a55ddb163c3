"""The bundled texts over everyday topics: what a model does to language that no tuning saw."""

from __future__ import annotations

import json

import sample_data


def read_references() -> list[str]:
    """The texts, in their order."""
    lines = sample_data.REFERENCE_TEXTS.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line.strip()]
