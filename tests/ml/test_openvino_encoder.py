"""The compiled model beside the library's own: same vectors, or none; nothing reported to anybody."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from core.model import PairsmithError
from core.retrieval import encoder as encoder_module
from core.retrieval import openvino_encoder
from core.retrieval.encoder import Encoder, load_transformer
from core.retrieval.models import describe_model
from core.retrieval.openvino_encoder import MOST_OFF, OpenVinoEncoder

pytest.importorskip("openvino")
pytest.importorskip("nncf")
pytestmark = pytest.mark.slow
TEXTS = ["termination of the contract", "a", "payment of interest is late " * 40, "", "insurance", *(f"clause {n} of the schedule " * n for n in range(1, 9))]


def test_many_texts_are_encoded_by_the_compiled_model_with_the_librarys_vectors(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    record = describe_model(str(tiny_model))
    wanted = Encoder(record, load_transformer(record)).encode(TEXTS, "query: ")
    monkeypatch.setattr(encoder_module, "MANY", len(TEXTS))
    compiled = Encoder(record)
    found = compiled.encode(TEXTS, "query: ")
    assert compiled.is_compiled
    assert np.abs(found - wanted).max() <= MOST_OFF


def test_few_texts_and_weights_that_may_still_change_are_left_to_the_library(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    record = describe_model(str(tiny_model))
    few = Encoder(record)
    few.encode(TEXTS)
    monkeypatch.setattr(encoder_module, "MANY", 1)
    changing = Encoder(record, load_transformer(record))
    changing.encode(TEXTS)
    assert (few.is_compiled, changing.is_compiled) == (False, False)


def test_a_compiled_model_that_answers_otherwise_is_refused_and_the_library_goes_on(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Its weights are halved in precision, as OpenVINO does on a processor with bfloat16 where float32 is not forced."""
    record = describe_model(str(tiny_model))
    wanted = Encoder(record).encode(TEXTS)
    convert = openvino_encoder.convert_model

    def convert_halved(model: SentenceTransformer, names: Sequence[str]) -> object:
        return convert(copy.deepcopy(model).to(torch.bfloat16).float(), names)

    monkeypatch.setattr(openvino_encoder, "convert_model", convert_halved)
    with pytest.raises(PairsmithError, match="differ by up to"):
        OpenVinoEncoder(load_transformer(record))
    monkeypatch.setattr(encoder_module, "MANY", 1)
    encoder = Encoder(record)
    assert np.abs(encoder.encode(TEXTS) - wanted).max() < 1e-6
    assert not encoder.is_compiled
    assert "The vectors are made by the library itself." in capsys.readouterr().err


def test_without_the_extra_the_library_encodes(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(encoder_module, "MANY", 1)
    encoder = Encoder(describe_model(str(tiny_model)))
    assert encoder.encode(TEXTS).shape == (len(TEXTS), 32)
    assert not encoder.is_compiled


def test_neither_openvino_nor_nncf_loads_its_telemetry():
    code = (
        "import sys; from core.retrieval.openvino_encoder import import_nncf; import_nncf();"
        "print([name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module is not None])"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert said.stdout.strip() == "[]"


def test_a_quantised_graph_is_near_the_exact_one_but_not_it(tiny_model: Path):
    record = describe_model(str(tiny_model))
    exact = OpenVinoEncoder(load_transformer(record))
    rounded = exact.quantise(TEXTS)
    found, wanted = rounded.encode_batch(TEXTS), exact.encode_batch(TEXTS)
    nearness = (found * wanted).sum(axis=1)
    assert nearness.min() > 0.95
    assert np.abs(found - wanted).max() > MOST_OFF
