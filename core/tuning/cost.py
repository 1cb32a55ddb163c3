"""How much memory a training step takes. No torch here: pages show it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from core.model import ModelRecord
from core.tuning.config import TuneConfig

PROCESS_GB = 0.8
"""The process with its libraries, before any model."""


def estimate_memory_gb(config: TuneConfig, record: ModelRecord, *, anchor_tokens: float, document_tokens: float) -> float:
    """Peak memory of training on a CPU in GB (10⁹ bytes), from the mean lengths of texts.

    Weights, gradients and the two moments of AdamW are 16 bytes a parameter. Activations in float32: 68·s·h + 10·a·s² bytes a layer and text of s tokens, with
    h the hidden size and a the heads (Korthikanti et al. 2022, arXiv 2205.05198, which counts half of that at half precision). A cached loss holds the
    activations of `mini_batch` texts at a time. A rough figure: texts of one column are padded to its longest.
    """
    shape = _read_shape(Path(record.location))
    layers, hidden, heads = (int(shape.get(name, default)) for name, default in (("num_hidden_layers", 12), ("hidden_size", 768), ("num_attention_heads", 12)))
    parameters = sum(path.stat().st_size for path in Path(record.location).rglob("*.safetensors")) / 4

    def hold(tokens: float) -> float:
        s = min(tokens, record.max_length)
        return layers * (68 * s * hidden + 10 * heads * s * s)

    if config.loss == "mnrl":
        activations = config.batch * (hold(anchor_tokens) + (1 + config.negatives) * hold(document_tokens))
    else:
        activations = config.mini_batch * hold(max(anchor_tokens, document_tokens))
    copies = 16 + (4 if config.loss == "gist" else 0) if not config.lora_rank else 6
    return PROCESS_GB + (copies * parameters + activations) / 1e9


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
