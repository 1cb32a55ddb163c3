"""Re-indexing: one state machine for every database, after which the alias leads to vectors of one model, or still to where it led before.

plan → build under a new physical name → encode → write → verify → switch the alias → smoke query → keep the old version. The database itself is the state:
the version's name says what belongs in it, its manifest whether it is finished, its ids what is written. So a run that was killed at any step, and a new one of
the same work, go on from what is there, and only the switch ever touches what is live. Dropping an old version is a step of its own (`core.release.live`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from filelock import FileLock, Timeout

from core.model import Document, ModelRecord, hash_text
from core.release.guard import GuardedIndex, IndexRefused
from core.release.guard.manifest import COMPLETE, DOCUMENT, Encode, Manifest, find_mismatch, find_probe_fault, write_manifest
from core.release.plan import Plan, Standing, digest_corpus, make_plan
from core.release.probes import TEXTS, encode_with, make_probes
from core.release.store import BUILDING, ReleaseRefused, Store, check_expected, explaining, put_manifest, read_manifest
from core.release.verify import Check, Expected, describe, verify
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.vectors import Floats
from core.store import corpus, judgements
from core.workspace import Workspace

BATCH = 1_000
"""Documents in one write."""
LOCK_WAIT_S = 10.0
"""How long a run waits for another that is ending, such as the process it replaces."""


class Speaker(Protocol):
    """What a run needs of `core.jobs.reporter.Reporter`."""

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        """Begin a stage."""

    def report(self, step: int, total: int | None = None, message: str | None = None, figures: Mapping[str, Any] | None = None) -> None:
        """Say how far it is. Raises where the run must not go on."""


def reindex(
    workspace: Workspace,
    project_id: str,
    record: ModelRecord,
    store: Store,
    speaker: Speaker,
    *,
    encoder: Encoder | None = None,
    batch: int = BATCH,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Bring the index to this model and the corpus of now. Returns what the run shows; raises `PairsmithError`, and then the alias is where it was."""
    with _alone(workspace, project_id), explaining(store):
        speaker.stage("Planning")
        plan = make_plan(workspace, project_id, record, store)
        with workspace.store.read() as conn:
            documents = corpus.read_documents(conn, project_id)
        documents = _same_corpus(plan, documents)
        encoder = encoder or Encoder(record)
        encode = encode_with(encoder)
        speaker.stage("Building the new version")
        manifest = _open_version(store, plan, record, encode, now())
        speaker.stage("Encoding documents", total=plan.to_encode)
        vectors = embed_documents(workspace, record, documents, encoder=encoder, on_progress=speaker.report)
        expected = _read_expected(workspace, project_id, record, encoder, documents, vectors)
        written, seconds = _write(store, plan, expected.ids, vectors, batch, speaker)
        speaker.stage("Verifying")
        checks = verify(store, manifest, expected, record.id, encode)
        speaker.report(0, figures={"checks": [check.to_json() for check in checks]})
        _refuse_failed(plan, checks)
        if plan.standing != Standing.LIVE:
            # From here on it may go live. What was live is its way back.
            found: dict[str, Any] = {"count": plan.documents, "previous": plan.live or "", "verdict": plan.verdict, "figures": describe(checks)}
            put_manifest(store, replace(manifest, state=COMPLETE, **found))
            speaker.stage("Switching the alias")
            store.switch_alias(plan.name, plan.live)
        speaker.stage("Asking the live index")
        _ask_live(store, plan, record, encode)
    return {
        "version": plan.name,
        "previous": plan.live if plan.standing != Standing.LIVE else read_manifest(store, plan.name).previous or None,
        "model_id": record.id,
        "model": record.name,
        "documents": plan.documents,
        "encoded": plan.to_encode,
        "written": written,
        "seconds": seconds,
        "documents_per_s": written / seconds if seconds else None,
        "checks": [check.to_json() for check in checks],
        "was_live": plan.standing == Standing.LIVE,
    }


@contextmanager
def _alone(workspace: Workspace, project_id: str) -> Iterator[None]:
    """One re-index of a project at a time on this home. The lock goes with its process, however that ends."""
    lock = FileLock(workspace.folder("release") / f"{project_id}.lock")
    try:
        lock.acquire(timeout=LOCK_WAIT_S)
    except Timeout as error:
        raise ReleaseRefused("Another re-index of this project is under way. Wait for it, or cancel it, then start again.") from error
    try:
        yield
    finally:
        lock.release()


def _same_corpus(plan: Plan, documents: list[Document]) -> list[Document]:
    if digest_corpus([doc.id for doc in documents], [hash_text(doc.content) for doc in documents]) != plan.corpus:
        raise ReleaseRefused("The corpus changed while the work was planned. Start the re-index again.")
    return documents


def _open_version(store: Store, plan: Plan, record: ModelRecord, encode: Encode, at: float) -> Manifest:
    """The version's manifest: a new one, or the one that is there, once this model may write to it."""
    if plan.standing == Standing.NEW:
        manifest = Manifest(
            name=plan.name,
            alias=plan.alias,
            state=BUILDING,
            fingerprint=record.id,
            model=record.name,
            query_prompt=record.query_prompt,
            document_prompt=record.document_prompt,
            max_length=record.max_length,
            precision=record.precision,
            dimension=record.dimension,
            metric="cosine",
            count=plan.documents,
            corpus=plan.corpus,
            snapshot=record.snapshot_id or "",
            verdict=plan.verdict,
            created_at=at,
            probes=make_probes(encode),
        )
        store.create(plan.name, record.dimension, write_manifest(manifest))
        return manifest
    manifest = read_manifest(store, plan.name)
    if fault := find_mismatch(manifest, record.id, record.dimension) or find_probe_fault(manifest, encode):
        raise ReleaseRefused(f"{fault} Or drop {plan.name} and start again.")
    return manifest


def _write(store: Store, plan: Plan, ids: Sequence[str], vectors: Floats, batch: int, speaker: Speaker) -> tuple[int, float]:
    """Write what the version lacks. Returns how many documents that were, and the seconds it took."""
    present = set() if plan.standing == Standing.NEW else store.list_ids(plan.name)
    missing = [row for row, document_id in enumerate(ids) if document_id not in present]
    speaker.stage("Writing vectors", total=len(missing))
    began = time.perf_counter()
    for start in range(0, len(missing), batch):
        rows = missing[start : start + batch]
        block = vectors[rows[0] : rows[-1] + 1] if len(rows) == rows[-1] - rows[0] + 1 else vectors[rows]
        store.upsert(plan.name, [ids[row] for row in rows], np.asarray(block))
        speaker.report(start + len(rows), len(missing))
    store.seal(plan.name)
    return len(missing), time.perf_counter() - began


def _read_expected(workspace: Workspace, project_id: str, record: ModelRecord, encoder: Encoder, documents: Sequence[Document], vectors: Floats) -> Expected:
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id)
        qrels = judgements.read_qrels(conn, project_id)
    questions = embed_anchors(workspace, record, [anchor.text for anchor in anchors], encoder=encoder)
    return Expected(documents, vectors, anchors, questions, qrels)


def _refuse_failed(plan: Plan, checks: Sequence[Check]) -> None:
    failed = [check for check in checks if not check.holds]
    if not failed:
        return
    figures = describe(failed)
    if plan.standing == Standing.LIVE:
        raise ReleaseRefused(f"The live version {plan.name} does not hold what it should. {figures}. Roll back, drop it, then index again.")
    raise ReleaseRefused(
        f"The new version {plan.name} was not put live. {figures}. {plan.live or 'Nothing'} still serves. Drop {plan.name} and start again; "
        "if it fails again, the database searches too loosely or somebody else writes to it."
    )


def _ask_live(store: Store, plan: Plan, record: ModelRecord, encode: Encode) -> None:
    """Open and ask the live index as an application does; where that fails, point the alias back."""
    text = next(text for role, text in TEXTS if role == DOCUMENT)
    try:
        check_expected(store.read_alias(), plan.name, plan.alias)
        hits = GuardedIndex(store, encode, record.id).search([text], 1)
        if not hits[0]:
            raise IndexRefused("The live index answered a question with nothing.")
    except Exception as error:
        if plan.standing == Standing.LIVE or plan.live is None:
            raise ReleaseRefused(f"The live version {plan.name} cannot be asked: {error} Roll back to another version.") from error
        store.switch_alias(plan.live, plan.name)
        raise ReleaseRefused(f"The new version {plan.name} could not be asked once it was live, so {plan.live} was put back: {error}") from error
