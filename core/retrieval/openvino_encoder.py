"""An embedding model compiled by OpenVINO (extra `fast`): the same vectors in less time on a CPU, or none at all.

What is compiled is the whole loaded model, pooling and normalisation included, in float32. It is used only where its vectors agree with the library's own
on texts of many lengths, to `MOST_OFF` in every number: then they stand under the same fingerprint, whoever made them (docs/adr/0010-vectors-by-openvino.md).
Refused: models whose layers cannot be converted, and those that answer otherwise; the caller goes on with the library.

OpenVINO would report each use to its maker: its telemetry package is kept from being imported.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.model import ModelRecord, PairsmithError
from core.retrieval.vectors import Floats
from core.settings import load_settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

INSTALL = "pip install 'pairsmith[fast]'"
MOST_OFF = 1e-5
"""The most a number of a vector may differ: the library's own differ by a tenth of that as a text stands in one batch or another."""
PROBES = ("", "A clause.", "Who pays for it, and when?", *(" ".join(["The parties agree on clause", *map(str, range(size))]) for size in (3, 11, 40, 120, 400)))
"""Texts it is compared on, from none to longer than a model reads."""
PROMPT = "Represent this sentence: "
"""It is compared with a prompt too: a model may leave the prompt out of its pooling, which a graph does not see."""
INT8 = "openvino_int8.xml"
"""The graph of a quantised model, in the model's folder."""
_TENSORS = ("input_ids", "attention_mask", "token_type_ids")


def import_openvino() -> Any:
    """The library, without its telemetry. Raises `ImportError` where the extra is not installed."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes the import fail, which openvino and nncf allow for
    import openvino

    return openvino


def import_nncf() -> Any:
    """The library that quantises, without its telemetry. Raises `ImportError` where the extra is not installed."""
    import_openvino()
    import nncf

    return nncf


class Graph:
    """A converted model that encodes batches of texts.

    Parameters: `model`, which turns texts into tensors; `names` of these tensors, in the order in which `graph` takes them.
    """

    def __init__(self, model: SentenceTransformer, names: Sequence[str], graph: Any) -> None:
        self._model, self._names, self._graph = model, names, graph
        threads = load_settings().threads
        # Left to itself, OpenVINO computes in bfloat16 where the processor has it.
        options = {"INFERENCE_PRECISION_HINT": "f32", **({"INFERENCE_NUM_THREADS": threads} if threads else {})}
        try:
            self._compiled = import_openvino().Core().compile_model(graph, "CPU", options)
        except RuntimeError as error:
            raise PairsmithError(f"OpenVINO cannot compile the model: {error}") from error

    def encode_batch(self, texts: Sequence[str], prompt: str = "") -> Floats:
        """Vectors (n, d) float32, rows L2-normalised; the texts go through in one batch."""
        found = np.array(self._compiled(self._make_tensors(texts, prompt))[0], np.float32)
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12), np.float32)

    def quantise(self, texts: Sequence[str]) -> Graph:
        """The same in int8 (NNCF, post-training, transformer preset), its ranges taken from `texts`. Its vectors are others: they need a fingerprint of their
        own, and both documents and queries must be made by it."""
        nncf = import_nncf()
        samples = nncf.Dataset([self._make_tensors([text]) for text in texts])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = nncf.quantize(self._graph, samples, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(texts))
        return Graph(self._model, self._names, graph)

    def save(self, path: Path) -> None:
        """Write the graph, its numbers as they are: OpenVINO would halve them."""
        import_openvino().save_model(self._graph, path, compress_to_fp16=False)

    def _make_tensors(self, texts: Sequence[str], prompt: str = "") -> list[Any]:
        features = self._model.preprocess(list(texts), prompt=prompt or None)
        return [features[name].numpy() for name in self._names]


class OpenVinoEncoder(Graph):
    """The graph of a loaded model in float32, once it is sure that it stands in for the library.

    Parameters: `model`, the loaded transformer. Raises `ImportError` without the extra, `PairsmithError` where the vectors are not the library's.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        names = list_tensors(model)
        super().__init__(model, names, convert_model(model, names))
        for prompt in ("", PROMPT):
            self._require_agreement(prompt)

    def _require_agreement(self, prompt: str) -> None:
        wanted: Any = self._model.encode(list(PROBES), prompt=prompt or None, normalize_embeddings=True, show_progress_bar=False)
        found = np.concatenate([self.encode_batch(PROBES, prompt), self.encode_batch(PROBES[2:3], prompt)])
        off = float(np.abs(found - np.concatenate([wanted, wanted[2:3]])).max())
        if not off <= MOST_OFF:
            raise PairsmithError(f"OpenVINO gives vectors that differ by up to {off:.1e} from the library's, more than {MOST_OFF:.0e}.")


def open_quantised(record: ModelRecord, model: SentenceTransformer) -> Graph:
    """The graph of a model that is in int8. Raises `PairsmithError` without the extra: no other library gives its vectors."""
    try:
        graph = import_openvino().Core().read_model(Path(record.location) / INT8)
    except ImportError as error:
        raise PairsmithError(
            f"{record.name!r} is in int8, which needs a package that is not installed: {INSTALL}. Or use the model it was made from."
        ) from error
    return Graph(model, list_tensors(model), graph)


def list_tensors(model: SentenceTransformer) -> list[str]:
    """What the model reads of a text, in the order in which graphs take it."""
    found = model.preprocess(["a text"])
    return [name for name in _TENSORS if name in found]


def convert_model(model: SentenceTransformer, names: Sequence[str]) -> Any:
    """The graph of a loaded model, from the tensors named to the vector of each text. Raises `PairsmithError` where it cannot be converted."""
    import torch

    openvino = import_openvino()

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.model(dict(zip(names, tensors, strict=True)))["sentence_embedding"]
            return found

    example = model.preprocess(["a text", "another one that is a little longer"])
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # tracing says of many a line that it is traced once
            return openvino.convert_model(Whole().eval(), example_input=tuple(example[name] for name in names))
    except Exception as error:  # whatever a layer or the converter raises: the library itself still works
        raise PairsmithError(f"OpenVINO cannot convert the model: {type(error).__name__}.") from error
