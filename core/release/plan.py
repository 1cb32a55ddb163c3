"""What a re-index would do, before it does anything: reads only, no torch, so a page can call it.

A version is named by what is in it: the model's fingerprint and the digest of the corpus. So the same work started again finds what is already there, and two
models can never share a version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.model import ModelKind, ModelRecord, NotFound, PairsmithError, RunKind
from core.release.guard.manifest import COMPLETE, Manifest
from core.release.store import ReleaseRefused, Store, read_manifest
from core.retrieval.fingerprint import fingerprint_folder
from core.retrieval.vectors import key_content, open_document_cache
from core.store import corpus, runs
from core.workspace import Workspace


class Standing(StrEnum):
    """How much of the planned version is there."""

    NEW = "new"
    UNFINISHED = "unfinished"
    COMPLETE = "complete"
    LIVE = "live"


@dataclass(frozen=True)
class Plan:
    """What a re-index would do. Counts are documents."""

    name: str
    alias: str
    standing: Standing
    live: str | None
    live_model: str
    """Name of the model that is live; empty where nothing is, or its manifest cannot be trusted."""
    model_id: str
    model: str
    verdict: str
    dimension: int
    corpus: str
    documents: int
    to_encode: int
    to_write: int
    bytes: int
    """What the vectors take, without the database's own overhead."""
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"standing": self.standing.value, "warnings": list(self.warnings)}


def name_version(alias: str, fingerprint: str, corpus_digest: str) -> str:
    """The physical name of a version: at most 51 lower-case letters, digits and underscores, which every database takes."""
    return f"{alias}_{fingerprint[:10]}_{corpus_digest[:8]}"


def digest_corpus(ids: Sequence[str], hashes: Sequence[str]) -> str:
    """SHA-256 over the documents' ids and contents, whatever their order."""
    digest = hashlib.sha256()
    for document_id, content_hash in sorted(zip(ids, hashes, strict=True)):
        digest.update(hashlib.sha256(document_id.encode()).digest() + bytes.fromhex(content_hash))
    return digest.hexdigest()


def make_plan(workspace: Workspace, project_id: str, record: ModelRecord, store: Store) -> Plan:
    """Compare what is live with what this model and the corpus of now would make. Raises `PairsmithError` where it cannot be done."""
    if record.kind is ModelKind.RERANKER:
        raise PairsmithError(f"{record.name!r} is a cross-encoder: it has no vectors to index. Choose an embedding model.")
    check_files(record)
    with workspace.store.read() as conn:
        ids, hashes = corpus.read_document_ids(conn, project_id)
    if not ids:
        raise PairsmithError("The project has no documents, so there is nothing to index. Import a corpus first.")
    digest = digest_corpus(ids, hashes)
    name = name_version(store.alias, record.id, digest)
    live = store.read_alias()
    standing, written = _look_at(store, name, live, record)
    warnings = [*_warn_of_live(store, live)]
    verdict = describe_verdict(workspace, project_id, record)
    if not verdict:
        warnings.append(f"{record.name} has no verdict on held-out anchors: nothing says that it is better than what is live.")
    keys = [key_content(content_hash, record.document_prompt) for content_hash in hashes]
    return Plan(
        name=name,
        alias=store.alias,
        standing=standing,
        live=live,
        live_model=_name_model(store, live),
        model_id=record.id,
        model=record.name,
        verdict=verdict,
        dimension=record.dimension,
        corpus=digest,
        documents=len(ids),
        to_encode=len(set(keys)) - sum(open_document_cache(workspace, record).has(set(keys))),
        to_write=max(0, len(ids) - written),
        bytes=len(ids) * record.dimension * 4,
        warnings=tuple(warnings),
    )


def check_files(record: ModelRecord) -> None:
    """Raise `ReleaseRefused` where the model's files are not those it was registered with: its vectors would not be what its name says."""
    use: dict[str, Any] = {name: getattr(record, name) for name in ("query_prompt", "document_prompt", "max_length", "precision")}
    try:
        found = fingerprint_folder(Path(record.location), **use)
    except OSError as error:
        raise NotFound(f"The files of {record.name!r} are not at {record.location} ({error}). Restore them from a backup, or tune again.") from error
    if found != record.id:
        raise ReleaseRefused(
            f"The files of {record.name!r} at {record.location} have fingerprint {found[:12]}, it was registered as {record.id[:12]}: they were changed since. "
            "Restore them from a backup, or tune again."
        )


def describe_verdict(workspace: Workspace, project_id: str, record: ModelRecord) -> str:
    """What the model's tuning run found on held-out anchors, in one sentence; empty where it was not measured."""
    if not record.run_id:
        return ""
    try:
        with workspace.store.read() as conn:
            run = runs.get_run(conn, record.run_id)
    except NotFound:
        return ""
    result = run.result or {}
    if run.kind != RunKind.TUNE or run.project_id != project_id or result.get("model_id") != record.id:
        return ""
    verdict = result.get("test", {}).get("verdict", {})
    return f"{verdict['title']}: {verdict['reason']}" if verdict else ""


def _look_at(store: Store, name: str, live: str | None, record: ModelRecord) -> tuple[Standing, int]:
    """How much of the version is there, and how many documents it holds."""
    if store.read_manifest_text(name) is None:
        if name == live:
            raise ReleaseRefused(f"The live version {name} has no manifest any more. Roll back to another version, drop this one, then index again.")
        return Standing.NEW, 0
    manifest = read_manifest(store, name)
    if manifest.fingerprint != record.id:
        raise ReleaseRefused(f"The version {name} was begun by a model with fingerprint {manifest.short}, not {record.id[:12]}. Drop it, then start again.")
    if manifest.state != COMPLETE:
        return Standing.UNFINISHED, store.count(name)
    return (Standing.LIVE if name == live else Standing.COMPLETE), store.count(name)


def _warn_of_live(store: Store, live: str | None) -> list[str]:
    """What is wrong with what is live now: the new version would mend it, and nothing before."""
    names = store.list_names()
    if live is None:
        finished = [name for name in names if _is_complete(store, name)]
        if finished:
            return [f"The alias {store.alias!r} is gone, though {', '.join(finished)} is there. `pairsmith release rollback --to` points it back at once."]
        return []
    if live not in names:
        return [f"The alias {store.alias!r} points at {live}, which is not there any more: nothing is served."]
    try:
        read_manifest(store, live)
    except PairsmithError as error:
        return [f"What is live cannot be trusted. {error}"]
    return []


def _is_complete(store: Store, name: str) -> bool:
    found = _try_manifest(store, name)
    return found is not None and found.state == COMPLETE


def _name_model(store: Store, live: str | None) -> str:
    found = _try_manifest(store, live) if live else None
    return found.model if found else ""


def _try_manifest(store: Store, name: str) -> Manifest | None:
    try:
        return read_manifest(store, name)
    except PairsmithError:
        return None
