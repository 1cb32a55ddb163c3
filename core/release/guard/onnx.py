"""Encoding by an exported model's ONNX graph in 8 bits, for applications without torch. Needs onnxruntime and tokenizers.

The graph holds the whole model but for prompts and tokens. Each text goes alone: the graph scales by what runs through it, and a vector must not depend on its
neighbours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from core.retrieval.fingerprint import ONNX_INT8, TOKENIZER

from . import IndexRefused, read_use
from .manifest import QUERY, Floats


class OnnxEncoder:
    """The encoder that `GuardedIndex` asks for, of a folder exported with `--onnx-int8`. Raises `IndexRefused` for another folder."""

    def __init__(self, folder: Path | str) -> None:
        self._use = read_use(folder)
        for name in (ONNX_INT8, TOKENIZER):
            if not (Path(folder) / name).is_file():
                raise IndexRefused(f"{folder} has no {name}. Export the model with `pairsmith export PROJECT --what model --onnx-int8 --out FOLDER`.")
        self._tokenizer = Tokenizer.from_file(str(Path(folder) / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(self._use["max_length"]))
        self._session = onnxruntime.InferenceSession(str(Path(folder) / ONNX_INT8), providers=["CPUExecutionProvider"])
        self._names = [item.name for item in self._session.get_inputs()]

    def __call__(self, texts: list[str], role: str) -> Floats:
        """Vectors (n, d) float32, rows L2-normalised."""
        prompt = str(self._use["query_prompt" if role == QUERY else "document_prompt"])
        found = np.concatenate([self._encode(prompt + text) for text in texts])
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), dtype=np.float32)

    def _encode(self, text: str) -> Floats:
        read = self._tokenizer.encode(text)
        tensors = {"input_ids": read.ids, "attention_mask": read.attention_mask, "token_type_ids": read.type_ids}
        return np.asarray(self._session.run(None, {name: np.array([tensors[name]], np.int64) for name in self._names})[0])
