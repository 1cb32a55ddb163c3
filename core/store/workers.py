"""Workers: who is alive, and where the warm encoder answers."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from core.store.corpus import insert_for
from core.store.tables import workers

ALIVE_S = 15.0
"""A worker that did not report for this long counts as gone."""


@dataclass(frozen=True)
class WorkerInfo:
    """A worker that reported lately."""

    id: str
    host: str
    pid: int
    beat_at: float
    encoder_url: str | None
    encoder_token: str | None


def beat_worker(
    conn: Connection, worker_id: str, *, host: str, pid: int, encoder_url: str | None = None, encoder_token: str | None = None, now: float | None = None
) -> None:
    """Say that the worker lives."""
    at = time.time() if now is None else now
    values = {"id": worker_id, "host": host, "pid": pid, "started_at": at, "beat_at": at, "encoder_url": encoder_url, "encoder_token": encoder_token}
    insert = insert_for(conn, workers).values(**values)
    kept = {name: insert.excluded[name] for name in ("beat_at", "encoder_url", "encoder_token")}
    conn.execute(insert.on_conflict_do_update(index_elements=["id"], set_=kept))


def remove_worker(conn: Connection, worker_id: str) -> None:
    """Say that the worker ends."""
    conn.execute(delete(workers).where(workers.c.id == worker_id))


def live_workers(conn: Connection, *, now: float | None = None) -> list[WorkerInfo]:
    """Workers that reported within `ALIVE_S`, the latest first."""
    at = time.time() if now is None else now
    query = select(workers).where(workers.c.beat_at > at - ALIVE_S).order_by(workers.c.beat_at.desc(), workers.c.id)
    return [
        WorkerInfo(id=row.id, host=row.host, pid=row.pid, beat_at=row.beat_at, encoder_url=row.encoder_url, encoder_token=row.encoder_token)
        for row in conn.execute(query)
    ]
