"""Writing a tuned model into the home: a folder under its fingerprint, a card without any text of the corpus, a record in the store."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from sentence_transformers import CrossEncoder, SentenceTransformer

from core.curation.snapshot import SnapshotData
from core.model import ModelKind, ModelRecord, Part
from core.retrieval.fingerprint import fingerprint_folder
from core.store import artefacts
from core.tuning.config import TuneConfig
from core.tuning.reranker_config import RerankerConfig
from core.workspace import Workspace

Config = TypeVar("Config", TuneConfig, RerankerConfig)


@dataclass(frozen=True)
class Provenance(Generic[Config]):
    """What a tuned model was made of."""

    project_id: str
    run_id: str
    base: ModelRecord
    snapshot: SnapshotData
    config: Config
    notes: tuple[str, ...] = ()
    """Sentences for the card: unreviewed negatives, a generic file, a cancelled run."""


def save_tuned(
    workspace: Workspace,
    made: Provenance[TuneConfig],
    model: SentenceTransformer,
    *,
    kind: ModelKind = ModelKind.TUNED,
    mark: str = "",
    now: float | None = None,
) -> ModelRecord:
    """Write the model under its fingerprint and register it; the same weights again give the record there is. `mark` goes at the end of the name."""
    return _save(workspace, made, model, replace(made.base, kind=kind), mark, now)


def save_reranker(workspace: Workspace, made: Provenance[RerankerConfig], model: CrossEncoder, *, mark: str = "") -> ModelRecord:
    """The same for a cross-encoder, which has no vectors and reads no prompts."""
    name = made.base.name if made.base.kind == ModelKind.RERANKER else f"{made.base.name} cross-encoder"
    options: dict[str, Any] = {"dimension": 0, "max_length": model.max_seq_length, "query_prompt": "", "document_prompt": ""}
    return _save(workspace, made, model, replace(made.base, name=name, kind=ModelKind.RERANKER, **options), mark)


def _save(
    workspace: Workspace, made: Provenance[Any], model: SentenceTransformer | CrossEncoder, shape: ModelRecord, mark: str, now: float | None = None
) -> ModelRecord:
    at = time.time() if now is None else now
    models, unfinished = workspace.folder("models"), workspace.unfinished_model(made.run_id)
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        model.save_pretrained(str(unfinished), create_model_card=False)
        fingerprint = fingerprint_folder(unfinished, query_prompt=shape.query_prompt, document_prompt=shape.document_prompt, max_length=shape.max_length)
        (unfinished / "README.md").write_text(write_card(made, shape), encoding="utf-8")
        target = models / fingerprint[:32]
        if not target.exists():
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    record = replace(
        shape,
        id=fingerprint,
        name=" ".join(
            filter(None, [shape.name, "adapter" if shape.kind is ModelKind.ADAPTER else "tuned", time.strftime("%Y-%m-%d %H:%M", time.gmtime(at)), mark])
        ),
        location=str(target),
        base_id=made.base.id,
        snapshot_id=made.snapshot.id,
        run_id=made.run_id,
        created_at=at,
    )
    with workspace.store.write() as conn:
        artefacts.put_model(conn, made.project_id, record)
        return artefacts.get_model(conn, made.project_id, fingerprint)


def write_card(made: Provenance[Any], shape: ModelRecord) -> str:
    """A card that says how the model came to be and how it is used (`shape`), and holds no text of the corpus."""
    base, snapshot = made.base, made.snapshot
    parts: Mapping[Part, int] = {part: len(snapshot.part(part)) for part in Part}
    settings = "\n".join(f"- {name}: {value}" for name, value in made.config.to_json().items())
    notes = "".join(f"\n{note}\n" for note in made.notes)
    return f"""---
library_name: sentence-transformers
pipeline_tag: {"text-ranking" if shape.kind == ModelKind.RERANKER else "sentence-similarity"}
---

# Tuned from {base.name}

Made by Pairsmith. Base model fingerprint `{base.id}`, snapshot of the judgements `{snapshot.id}`.
Trained on {parts[Part.TRAIN]} labelled anchors, checkpoint chosen on {parts[Part.DEV]}, held out for the verdict: {parts[Part.TEST]}.
{notes}
Query prompt: `{shape.query_prompt}` · document prompt: `{shape.document_prompt}` · longest text: {shape.max_length} tokens.

## Settings
{settings}
"""
