"""Writing a tuned model into the home: a folder under its fingerprint, a card without any text of the corpus, a record in the store."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sentence_transformers import SentenceTransformer

from core.curation.snapshot import SnapshotData
from core.model import ModelKind, ModelRecord, Part
from core.retrieval.fingerprint import fingerprint_folder
from core.store import artefacts
from core.tuning.config import TuneConfig
from core.workspace import Workspace


@dataclass(frozen=True)
class Provenance:
    """What a tuned model was made of."""

    project_id: str
    run_id: str
    base: ModelRecord
    snapshot: SnapshotData
    config: TuneConfig
    notes: tuple[str, ...] = ()
    """Sentences for the card: unreviewed negatives, a generic file, a cancelled run."""


def save_tuned(
    workspace: Workspace, made: Provenance, model: SentenceTransformer, *, kind: ModelKind = ModelKind.TUNED, mark: str = "", now: float | None = None
) -> ModelRecord:
    """Write the model under its fingerprint and register it; the same weights again give the record there is. `mark` goes at the end of the name."""
    at = time.time() if now is None else now
    base = made.base
    unfinished = workspace.folder("models") / f".{made.run_id}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        model.save_pretrained(str(unfinished), create_model_card=False)
        fingerprint = fingerprint_folder(unfinished, query_prompt=base.query_prompt, document_prompt=base.document_prompt, max_length=base.max_length)
        (unfinished / "README.md").write_text(write_card(made), encoding="utf-8")
        target = workspace.folder("models") / fingerprint[:32]
        if not target.exists():
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    record = replace(
        base,
        id=fingerprint,
        name=" ".join(filter(None, [base.name, kind.value, time.strftime("%Y-%m-%d %H:%M", time.gmtime(at)), mark])),
        kind=kind,
        location=str(target),
        base_id=base.id,
        snapshot_id=made.snapshot.id,
        run_id=made.run_id,
        created_at=at,
    )
    with workspace.store.write() as conn:
        artefacts.put_model(conn, made.project_id, record)
        return artefacts.get_model(conn, made.project_id, fingerprint)


def write_card(made: Provenance) -> str:
    """A card that says how the model came to be and holds no text of the corpus."""
    base, snapshot = made.base, made.snapshot
    parts: Mapping[Part, int] = {part: len(snapshot.part(part)) for part in Part}
    settings = "\n".join(f"- {name}: {value}" for name, value in made.config.to_json().items())
    notes = "".join(f"\n{note}\n" for note in made.notes)
    return f"""---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
---

# Tuned from {base.name}

Made by Pairsmith. Base model fingerprint `{base.id}`, snapshot of the judgements `{snapshot.id}`.
Trained on {parts[Part.TRAIN]} labelled anchors, checkpoint chosen on {parts[Part.DEV]}, held out for the verdict: {parts[Part.TEST]}.
{notes}
Query prompt: `{base.query_prompt}` · document prompt: `{base.document_prompt}` · longest text: {base.max_length} tokens.

## Settings
{settings}
"""
