"""Cross-encoders by name: a folder or a hub id taken into a project, and the folder behind a name wherever a reranker is asked for.

Refuses: folders that hold no cross-encoder with a single score, and embedding models, whose files do not say how to score a pair. No torch here.
"""

from __future__ import annotations

from pathlib import Path

from core.model import ModelKind, ModelRecord, PairsmithError
from core.retrieval.fingerprint import fingerprint_folder
from core.retrieval.hub import OnBytes
from core.retrieval.models import locate_model, read_json, read_max_length
from core.store import artefacts
from core.workspace import Workspace

SUGGESTED_HUB_ID = "cross-encoder/ms-marco-MiniLM-L6-v2"
"""Small, trained on half a million search questions, Apache-2.0."""
WITHOUT_HUB = "Or fetch it where there is a network, copy its folder here, and give the folder."


def describe_reranker(reference: str, on_bytes: OnBytes | None = None) -> ModelRecord:
    """The record of the cross-encoder that `reference`, a folder or a hub id, names; the hub's is fetched.

    `on_bytes`: told how far that is, may raise to stop. Raises `PairsmithError` where it is none, or cannot be had.
    """

    def refuse_other(folder: Path) -> None:
        config = read_json(folder / "config.json")
        kinds, labels = config.get("architectures"), config.get("id2label")
        if not (isinstance(kinds, list) and any(str(kind).endswith("ForSequenceClassification") for kind in kinds)):
            raise PairsmithError(f"{reference!r} is no cross-encoder: its files do not say how to score a pair. Give one such as {SUGGESTED_HUB_ID}.")
        if not (isinstance(labels, dict) and len(labels) == 1):
            raise PairsmithError(f"{reference!r} gives more than one figure a pair. A cross-encoder with a single score is needed, such as {SUGGESTED_HUB_ID}.")

    folder = locate_model(reference, instead=WITHOUT_HUB, on_bytes=on_bytes, check=refuse_other)
    refuse_other(folder)
    max_length = read_max_length(folder)
    try:
        fingerprint = fingerprint_folder(folder, max_length=max_length)
    except FileNotFoundError as error:
        raise PairsmithError(f"{error} Point to a folder saved by CrossEncoder.save_pretrained.") from error
    name = folder.name if Path(reference).expanduser().exists() else reference
    return ModelRecord(id=fingerprint, name=name, kind=ModelKind.RERANKER, location=str(folder), dimension=0, max_length=max_length)


def read_pair_length(folder: Path) -> int:
    """Tokens of question and document together that a cross-encoder made of the folder reads: an embedding model's own limit does not hold there."""
    places = (("tokenizer_config.json", "model_max_length"), ("config.json", "max_position_embeddings"))
    found = [read_json(folder / name).get(key) for name, key in places]
    return min((value for value in found if isinstance(value, int)), default=512)


def take_reranker(workspace: Workspace, project_id: str, reference: str, on_bytes: OnBytes | None = None) -> ModelRecord:
    """Register the cross-encoder that `reference` names with the project, as `describe_reranker` finds it; the same one again is the record there is."""
    record = describe_reranker(reference, on_bytes)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, project_id, record)
        return artefacts.get_model(conn, project_id, record.id)


def list_rerankers(workspace: Workspace, project_id: str) -> list[ModelRecord]:
    """The project's cross-encoders, newest first."""
    with workspace.store.read() as conn:
        return [model for model in artefacts.list_models(conn, project_id) if model.kind == ModelKind.RERANKER]


def find_reranker(workspace: Workspace, project_id: str, reference: str) -> str:
    """The folder of the project's cross-encoder of that name or fingerprint (8 digits or more); another reference as it is. Raises `PairsmithError`."""
    with workspace.store.read() as conn:
        record = artefacts.find_model(conn, project_id, reference)
    if record is None:
        return reference
    if record.kind != ModelKind.RERANKER:
        raise PairsmithError(f"{record.name!r} is an embedding model, no reranker. Choose a cross-encoder.")
    return record.location
