"""`embed-again`: the whole corpus again after 1 % of it changed, against encoding it anew with sentence-transformers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import sample_data
from core.model import Document
from core.retrieval.encoder import Encoder, embed_documents
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.settings import Settings
from core.store import open_store
from core.workspace import Workspace
from tests.bench.harness import Row, time_in_turn

CHANGED = 0.01


def read_texts() -> list[str]:
    """Every passage that is shipped: clauses, guard passages, answers of the generic pairs, reference texts."""
    paths = [(sample_data.CONTRACTS / "corpus.jsonl", "text"), (sample_data.GUARD / "corpus.jsonl", "text")]
    paths += [(sample_data.GENERIC_PAIRS, "positive"), (sample_data.REFERENCE_TEXTS, "text")]
    return [json.loads(line)[key] for path, key in paths for line in path.read_text(encoding="utf-8").splitlines()]


def run() -> Row:
    """Time both, the model loaded before, the cache opened from disk each time."""
    texts = read_texts()
    count = max(1, round(len(texts) * CHANGED))
    record = describe_model(EMBEDDED_DEFAULT)
    encoder = Encoder(record)

    def revision(repeat: int) -> list[str]:
        step = len(texts) // count
        changed = {(place * step + repeat + 1) % len(texts) for place in range(count)}
        return [f"{text} Revised {repeat}." if place in changed else text for place, text in enumerate(texts)]

    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        workspace = Workspace(settings, open_store(settings.url))
        embed_documents(workspace, record, [Document(str(place), text) for place, text in enumerate(texts)], encoder=encoder)
        ours, theirs = time_in_turn(
            lambda repeat: embed_documents(workspace, record, [Document(str(place), text) for place, text in enumerate(revision(repeat))], encoder=encoder),
            lambda repeat: encoder.model.encode(revision(repeat), normalize_embeddings=True, show_progress_bar=False),
        )
        workspace.store.close()
    return Row("embed-again", ours, theirs, theirs / ours, "≥ 50", f"{len(texts)} texts, {count} changed, all-MiniLM-L6-v2")
