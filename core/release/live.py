"""What is live, and moving it by hand: status, rollback, drop, and a search that asks the live index as an application does. No torch, so pages can call it.

Refuses: to go back to a version that was never finished, was changed since, or carries a manifest that cannot be trusted; to drop what an alias points at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.model import Document, ModelRecord, NotFound, PairsmithError
from core.release.guard.manifest import Manifest, find_mismatch
from core.release.store import COMPLETE, ReleaseRefused, Store, Version, list_versions, read_complete, read_manifest
from core.retrieval.query_client import encode_query
from core.retrieval.search import Hit, find_query_vector
from core.store import artefacts, corpus
from core.workspace import Workspace


@dataclass(frozen=True)
class Live:
    """What an alias leads to. `fault` says why it must not be asked; empty where it may."""

    alias: str
    name: str | None
    manifest: Manifest | None
    fault: str
    versions: Sequence[Version]
    rollback_to: str | None
    """Where one click leads back to; None where there is nothing."""


def look_at_live(store: Store) -> Live:
    """What is live, and every version beside it."""
    versions = list_versions(store)
    name = store.read_alias()
    manifest, fault = None, ""
    if name is None:
        finished = [version.name for version in versions if version.state == COMPLETE]
        if finished:
            fault = f"The alias {store.alias!r} is gone: nothing is served. Point it back at {finished[0]} with a rollback."
    else:
        try:
            manifest = read_complete(store, name)
        except PairsmithError as error:
            fault = str(error)
    return Live(store.alias, name, manifest, fault, versions, _find_way_back(versions, name, manifest))


def _find_way_back(versions: Sequence[Version], live: str | None, manifest: Manifest | None) -> str | None:
    """The version that was live before where it is still there, else the newest other one that is finished."""
    finished = [version.name for version in versions if version.state == COMPLETE and version.name != live]
    if manifest is not None and manifest.previous:
        return manifest.previous if manifest.previous in finished else None
    return finished[0] if finished and manifest is None else None


def roll_back(store: Store, to: str | None = None) -> tuple[str | None, str]:
    """Point the alias at the version that was live before, or at the one named. Returns the names before and after.

    Raises `ReleaseRefused` where that version must not serve, or there is none.
    """
    state = look_at_live(store)
    target = to or state.rollback_to
    if target is None:
        if state.manifest and state.manifest.previous in [version.name for version in state.versions]:
            read_complete(store, state.manifest.previous)  # says why not
        others = ", ".join(version.name for version in state.versions if version.state == COMPLETE and version.name != state.name) or "none"
        raise ReleaseRefused(f"There is no version to go back to from {state.name or 'nothing'}. Finished versions: {others}. Name one with --to.")
    if target == state.name:
        raise ReleaseRefused(f"{target} is live already.")
    read_complete(store, target)
    store.switch_alias(target, state.name)
    return state.name, target


def drop_version(store: Store, name: str) -> None:
    """Delete a version. Raises `ReleaseRefused` while the alias points at it, `NotFound` where it is not there."""
    if name not in store.list_names():
        raise NotFound(f"There is no version {name!r} of {store.alias!r}. `pairsmith release status` lists them.")
    if store.read_alias() == name:
        raise ReleaseRefused(f"{name} is live: the alias {store.alias!r} points at it. Switch to another version first, then drop it.")
    store.drop(name)


def search_live(workspace: Workspace, project_id: str, store: Store, query: str, k: int = 5) -> tuple[ModelRecord, list[Hit]]:
    """The model that made the live index, and what the index finds for a question encoded by it.

    Raises `ReleaseRefused` where the project has no such model, `EncoderAway` where the question's vector is not cached and no worker runs.
    """
    name = store.read_alias()
    if name is None:
        raise ReleaseRefused("Nothing is live yet. Start a re-index.")
    manifest = read_manifest(store, name)
    with workspace.store.read() as conn:
        record = next((model for model in artefacts.list_models(conn, project_id) if model.id == manifest.fingerprint), None)
    if record is None:
        raise ReleaseRefused(
            f"The live index {name} was made by {manifest.model} (fingerprint {manifest.short}), which this project does not have, "
            "so no question can be asked of it. Bring that model back, or index again."
        )
    if fault := find_mismatch(manifest, record.id, record.dimension):
        raise ReleaseRefused(fault)
    vector = find_query_vector(workspace, record, query)
    if vector is None:
        vector = encode_query(workspace, project_id, record, query)
    found = store.search(name, vector[np.newaxis], k)[0]
    with workspace.store.read() as conn:
        documents = corpus.get_documents(conn, project_id, [document_id for document_id, _ in found])
    return record, [
        Hit(documents.get(document_id, Document(document_id, "This document is not in the corpus any more.")), place, score)
        for place, (document_id, score) in enumerate(found, start=1)
    ]
