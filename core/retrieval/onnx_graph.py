"""An embedding model as one ONNX graph in 8-bit whole numbers (extra `onnx`): a file that onnxruntime runs wherever that is, without torch.

The graph is the whole loaded model but for its prompt: from tokens to the vector, pooling and normalisation included. Its weights are unsigned 8-bit numbers, a
scale a channel: their sums overflow on no processor, so that all compute the same. What runs through it is scaled by the texts at hand, so each text goes
alone: a vector must not depend on its neighbours. Refused: models that cannot be exported, and graphs that answer otherwise before they are quantised.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.model import ModelRecord, PairsmithError
from core.retrieval.fingerprint import ONNX_INT8
from core.retrieval.openvino_encoder import MOST_OFF, PROBES, list_tensors
from core.retrieval.vectors import Floats
from core.settings import load_settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

INSTALL = "pip install 'pairsmith[onnx]'"
_OPSET = 17
_OUTPUT = "sentence_embedding"


class OnnxGraph:
    """A graph that encodes texts, one at a time.

    Parameters: `model`, which turns texts into tensors; `path` of the graph. Raises `ImportError` where the extra is not installed.
    """

    def __init__(self, model: SentenceTransformer, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = load_settings().threads or 0
        self._model = model
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [item.name for item in self._session.get_inputs()]

    def encode_batch(self, texts: Sequence[str], prompt: str = "") -> Floats:
        """Vectors (n, d) float32, rows L2-normalised."""
        return np.concatenate([self._encode(text, prompt) for text in texts])

    def _encode(self, text: str, prompt: str) -> Floats:
        features = self._model.preprocess([text], prompt=prompt or None)
        found = self._session.run([_OUTPUT], {name: features[name].numpy() for name in self._names})[0]
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), np.float32)


def open_onnx(record: ModelRecord, model: SentenceTransformer) -> OnnxGraph:
    """The graph of a model that is in 8 bits. Raises `PairsmithError` without the extra: no other library gives its vectors."""
    try:
        return OnnxGraph(model, Path(record.location) / ONNX_INT8)
    except ImportError as error:
        raise PairsmithError(
            f"{record.name!r} is an ONNX graph in int8, which needs a package that is not installed: {INSTALL}. Or use the model it was made from."
        ) from error


def write_onnx(model: SentenceTransformer, path: Path) -> None:
    """Export a loaded model and quantise it to `path`. Raises `ImportError` without the extra, `PairsmithError` where the model cannot be exported."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".onnx-") as made:
        whole = Path(made) / "whole.onnx"
        _export(model, whole)
        _require_agreement(model, whole)
        log = logging.getLogger()
        level = log.level
        log.setLevel(logging.ERROR)  # it recommends steps that are for other kinds of models
        try:
            quantize_dynamic(whole, path, weight_type=QuantType.QUInt8, per_channel=True)
        finally:
            log.setLevel(level)


def _export(model: SentenceTransformer, path: Path) -> None:
    """The float32 graph, traced: the exporter by `torch.export` fixes the number of tokens of some models."""
    import onnx  # noqa: F401  (the exporter needs it)
    import torch

    names = list_tensors(model)

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.model(dict(zip(names, tensors, strict=True)))[_OUTPUT]
            return found

    example = model.preprocess(["a text", "another one that is a little longer"])
    axes: dict[str, Any] = {name: {0: "batch", 1: "tokens"} for name in names} | {_OUTPUT: {0: "batch"}}
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # tracing says of many a line that it is traced once
            torch.onnx.export(
                Whole().eval(),
                tuple(example[name] for name in names),
                str(path),
                input_names=names,
                output_names=[_OUTPUT],
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,
            )
    except Exception as error:  # whatever a layer or the exporter raises
        raise PairsmithError(f"The model cannot be exported to ONNX: {type(error).__name__}. Use it as it is.") from error


def _require_agreement(model: SentenceTransformer, path: Path) -> None:
    wanted: Any = model.encode(list(PROBES), normalize_embeddings=True, show_progress_bar=False)
    off = float(np.abs(OnnxGraph(model, path).encode_batch(PROBES) - wanted).max())
    if not off <= MOST_OFF:
        raise PairsmithError(f"As an ONNX graph the model gives vectors that differ by up to {off:.1e}, more than {MOST_OFF:.0e}. Use it as it is.")
