"""`embed-exact`: every passage that is shipped encoded in float32, against `SentenceTransformer.encode` as it comes.

Ours is what a run does: batches of like length, by OpenVINO where the extra `fast` is installed. Compiling is not timed, as loading is not on either side;
the notes say what it takes, what batches alone bring with torch, and how far the vectors differ.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from core.retrieval.encoder import MANY, Encoder, load_transformer
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from tests.bench.embed_again import read_texts
from tests.bench.harness import Row, time_in_turn


def run(texts: Sequence[str] = ()) -> Row:
    """Time both; `texts` are the shipped ones where none are given."""
    texts = list(texts) or read_texts()
    record = describe_model(EMBEDDED_DEFAULT)
    plain = load_transformer(record)
    ours, batches = Encoder(record), Encoder(record, plain)
    began = time.perf_counter()
    ours.encode(texts[:1], of=MANY)
    compiling_s = time.perf_counter() - began

    def theirs(_: int) -> np.ndarray:
        return np.asarray(plain.encode(texts, normalize_embeddings=True, show_progress_bar=False))

    off = float(np.abs(ours.encode(texts) - theirs(0)).max())
    batches_s, _ = time_in_turn(lambda _: batches.encode(texts), theirs)
    ours_s, theirs_s = time_in_turn(lambda _: ours.encode(texts), theirs)
    engine = f"OpenVINO float32 (compiled in {compiling_s:.0f} s)" if ours.is_compiled else "torch (the extra `fast` is not installed)"
    notes = f"{len(texts)} texts, all-MiniLM-L6-v2, {engine}; batches alone with torch {theirs_s / batches_s:.2f}; largest difference {off:.0e}"
    return Row("embed-exact", ours_s, theirs_s, theirs_s / ours_s, "≥ 1.15", notes)
