"""How much memory a training step takes. No torch here: pages show it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from core.model import ModelRecord
from core.tuning.config import TuneConfig

PROCESS_GB = 0.8
"""The process with its libraries, before any model."""
TRAINED = 16
"""Bytes a parameter: weights, gradients and the two moments of AdamW."""


def estimate_memory_gb(config: TuneConfig, record: ModelRecord, *, anchor_tokens: float, document_tokens: float) -> float:
    """Peak memory of training on a CPU in GB (10⁹ bytes), from the mean lengths of texts.

    A cached loss holds the activations of `mini_batch` texts at a time. A rough figure: texts of one column are padded to its longest.
    """
    model = _Size.read(record)
    if config.loss == "mnrl":
        activations = config.batch * (model.hold(anchor_tokens) + (1 + config.negatives) * model.hold(document_tokens))
    else:
        activations = config.mini_batch * model.hold(max(anchor_tokens, document_tokens))
    copies = TRAINED + (4 if config.loss == "gist" else 0) if not config.lora_rank else 6
    return PROCESS_GB + (copies * model.parameters + activations) / 1e9


def estimate_pairs_memory_gb(record: ModelRecord, batch: int, pair_tokens: float) -> float:
    """The same of training a cross-encoder, from the mean length of question and document together, in batches of `batch` pairs."""
    model = _Size.read(record)
    return PROCESS_GB + (TRAINED * model.parameters + batch * model.hold(pair_tokens)) / 1e9


@dataclass(frozen=True)
class _Size:
    """How large a transformer is."""

    layers: int
    hidden: int
    heads: int
    parameters: float
    max_length: int

    @classmethod
    def read(cls, record: ModelRecord) -> _Size:
        shape, folder = _read_shape(Path(record.location)), Path(record.location)
        layers, hidden, heads = (int(shape.get(name, usual)) for name, usual in (("num_hidden_layers", 12), ("hidden_size", 768), ("num_attention_heads", 12)))
        return cls(layers, hidden, heads, sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / 4, record.max_length)

    def hold(self, tokens: float) -> float:
        """Bytes of activations in float32 for a text: 68·s·h + 10·a·s² a layer for s tokens, with h the hidden size and a the heads (Korthikanti et al. 2022,
        arXiv 2205.05198, which counts half of that at half precision)."""
        s = min(tokens, self.max_length)
        return self.layers * (68 * s * self.hidden + 10 * self.heads * s * s)


def read_free_gb() -> float | None:
    """Memory that is free now, in GB; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024 / 1e9
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (OSError, ValueError):
        return None


def read_peak_gb() -> float | None:
    """The most memory that this process held since it began, in GB; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _read_shape(folder: Path) -> dict[str, int]:
    for path in (folder / "config.json", *sorted(folder.glob("0_*/config.json"))):
        if path.exists():
            value = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(value, dict) and "hidden_size" in value:
                return value
    return {}
