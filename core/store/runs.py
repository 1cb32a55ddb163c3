"""The run table: every transition is one `UPDATE … WHERE status = :expected`.

queued -> running -> succeeded | failed | cancelled | lost, and running -> queued when the process died and attempts are left. A process that
holds a run names its attempt in every write; one that was replaced writes nothing any more.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from core.model import NotFound, PairsmithError, Progress, Run, RunKind, RunStatus
from core.store.tables import runs


def add_run(conn: Connection, project_id: str, kind: RunKind, config: Mapping[str, Any], *, now: float | None = None) -> str:
    """Queue a run and return its id."""
    run_id = uuid.uuid4().hex[:12]
    conn.execute(
        runs.insert().values(
            id=run_id,
            project_id=project_id,
            kind=kind.value,
            status=RunStatus.QUEUED.value,
            config=dict(config),
            progress={},
            created_at=time.time() if now is None else now,
            attempt=0,
            cancel_requested=False,
            lease_until=0.0,
        )
    )
    return run_id


def add_run_alone(conn: Connection, project_id: str, kind: RunKind, config: Mapping[str, Any], *, now: float | None = None) -> str:
    """Queue a run where no other of its kind waits or runs in the project. Raises `PairsmithError` naming the one that does."""
    going = list_runs(conn, project_id, kind=kind, active=True, limit=1)
    if going:
        raise PairsmithError(f"A {kind.value} run of this project is {going[0].status.value} already ({going[0].id}). Wait for it, or cancel it first.")
    return add_run(conn, project_id, kind, config, now=now)


def claim_run(conn: Connection, worker_id: str, *, lease_s: float, now: float | None = None) -> Run | None:
    """Take the oldest run that waits, or one whose holder's lease ran out. None when there is no work."""
    at = time.time() if now is None else now
    query = select(runs.c.id, runs.c.status, runs.c.attempt).where(_claimable(at)).order_by(runs.c.created_at, runs.c.id).limit(1)
    found = conn.execute(query.with_for_update(skip_locked=True)).one_or_none()
    if found is None:
        return None
    statement = (
        update(runs)
        .where(runs.c.id == found.id, runs.c.status == found.status, runs.c.attempt == found.attempt)
        .values(status=RunStatus.RUNNING.value, worker_id=worker_id, attempt=found.attempt + 1, lease_until=at + lease_s, started_at=at, error=None)
        .returning(*runs.columns)
    )
    row = conn.execute(statement).one_or_none()
    return _to_run(row) if row else None


def is_claimable(conn: Connection, run_id: str, *, now: float | None = None) -> bool:
    """Whether a worker would take the run: it waits, or its holder's lease ran out."""
    at = time.time() if now is None else now
    return conn.execute(select(runs.c.id).where(runs.c.id == run_id, _claimable(at))).one_or_none() is not None


def beat_run(conn: Connection, run_id: str, attempt: int, *, lease_s: float, progress: Progress | None = None, now: float | None = None) -> Run | None:
    """Renew the lease, and store progress where given. Returns the run as it stands, or None when it is no longer this attempt's."""
    at = time.time() if now is None else now
    values: dict[str, Any] = {"lease_until": at + lease_s}
    if progress is not None:
        values["progress"] = vars(progress) | {"figures": dict(progress.figures)}
    statement = update(runs).where(_held(run_id, attempt)).values(values).returning(*runs.columns)
    row = conn.execute(statement).one_or_none()
    return _to_run(row) if row else None


def finish_run(
    conn: Connection,
    run_id: str,
    attempt: int,
    status: RunStatus,
    *,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
    now: float | None = None,
) -> bool:
    """End the run as `status`. False when it is no longer this attempt's, and nothing was written."""
    values = {"status": status.value, "result": None if result is None else dict(result), "error": error, "lease_until": 0.0}
    done = conn.execute(update(runs).where(_held(run_id, attempt)).values(**values, finished_at=time.time() if now is None else now))
    return done.rowcount == 1


def requeue_run(conn: Connection, run_id: str, attempt: int) -> bool:
    """Give the run back to the queue after its process died. False when it is no longer this attempt's."""
    done = conn.execute(update(runs).where(_held(run_id, attempt)).values(status=RunStatus.QUEUED.value, lease_until=0.0, worker_id=None))
    return done.rowcount == 1


def request_cancel(conn: Connection, run_id: str, *, now: float | None = None) -> None:
    """Ask for the run to stop. One that still waits is cancelled at once."""
    at = time.time() if now is None else now
    waiting = update(runs).where(runs.c.id == run_id, runs.c.status == RunStatus.QUEUED.value)
    if conn.execute(waiting.values(status=RunStatus.CANCELLED.value, finished_at=at, cancel_requested=True)).rowcount == 0:
        conn.execute(update(runs).where(runs.c.id == run_id, runs.c.status == RunStatus.RUNNING.value).values(cancel_requested=True))


def get_run(conn: Connection, run_id: str) -> Run:
    """The run. Raises `NotFound`."""
    row = conn.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no run {run_id!r}.")
    return _to_run(row)


def newest_success(conn: Connection, project_id: str, kind: RunKind) -> Run | None:
    """The newest run of a kind that succeeded, or None."""
    c = runs.c
    query = select(runs).where(c.project_id == project_id, c.kind == kind.value, c.status == RunStatus.SUCCEEDED.value)
    row = conn.execute(query.order_by(c.finished_at.desc(), c.id).limit(1)).one_or_none()
    return _to_run(row) if row else None


def count_runs(conn: Connection, project_id: str) -> int:
    """How many runs a project has had."""
    return int(conn.execute(select(func.count()).select_from(runs).where(runs.c.project_id == project_id)).scalar_one())


def list_runs(conn: Connection, project_id: str, *, kind: RunKind | None = None, active: bool = False, offset: int = 0, limit: int = 50) -> list[Run]:
    """Runs of a project, newest first: of one kind where given, only those not over where `active`."""
    query = select(runs).where(runs.c.project_id == project_id)
    if kind is not None:
        query = query.where(runs.c.kind == kind.value)
    if active:
        query = query.where(runs.c.status.in_([RunStatus.QUEUED.value, RunStatus.RUNNING.value]))
    return [_to_run(row) for row in conn.execute(query.order_by(runs.c.created_at.desc(), runs.c.id).offset(offset).limit(limit))]


def _claimable(at: float) -> Any:
    return or_(runs.c.status == RunStatus.QUEUED.value, and_(runs.c.status == RunStatus.RUNNING.value, runs.c.lease_until <= at))


def _held(run_id: str, attempt: int) -> Any:
    return and_(runs.c.id == run_id, runs.c.status == RunStatus.RUNNING.value, runs.c.attempt == attempt)


def _to_run(row: Row[tuple[object, ...]]) -> Run:
    values = {name: value for name, value in row._mapping.items() if name != "lease_until"}
    return Run(**values | {"kind": RunKind(row.kind), "status": RunStatus(row.status), "progress": Progress(**row.progress)})
