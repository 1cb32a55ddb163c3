"""A cross-encoder that reads anchor and document together. Needs torch, so only a run in the worker loads it: pages never reach it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.model import PairsmithError
from core.retrieval.vectors import Floats
from core.settings import load_settings

BATCH = 32
CHUNK = 256
"""Pairs scored between two reports of progress."""


class Reranker:
    """Scores pairs of texts by a cross-encoder in float32, higher is better.

    Parameters: `reference`, a folder or a hub id. Raises `PairsmithError` when it cannot be loaded, or gives more than one score a pair.
    """

    def __init__(self, reference: str) -> None:
        import torch
        from safetensors import SafetensorError
        from sentence_transformers import CrossEncoder
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        if threads := load_settings().threads:
            torch.set_num_threads(threads)
        folder = Path(reference).expanduser()
        is_local = folder.is_dir()
        try:
            self.model = CrossEncoder(str(folder) if is_local else reference, local_files_only=is_local, model_kwargs={"dtype": torch.float32})
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise PairsmithError(
                f"The reranker {reference!r} cannot be loaded: {error}. Give the folder of a cross-encoder, a hub id while a hub answers, or none."
            ) from error
        if self.model.num_labels != 1:
            raise PairsmithError(f"The reranker {reference!r} gives {self.model.num_labels} figures a pair. One with a single score is needed.")

    def score(self, pairs: Sequence[tuple[str, str]], on_progress: Callable[[int, int], None] | None = None) -> Floats:
        """Scores (p,) float32 of p pairs of anchor and document text; `on_progress(done, total)` may raise to stop."""
        parts: list[Any] = []
        for start in range(0, len(pairs), CHUNK):
            part = [list(pair) for pair in pairs[start : start + CHUNK]]
            parts.append(self.model.predict(part, batch_size=BATCH, show_progress_bar=False))
            if on_progress:
                on_progress(min(start + CHUNK, len(pairs)), len(pairs))
        return np.concatenate([np.zeros(0, np.float32), *parts]).astype(np.float32)
