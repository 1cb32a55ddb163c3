"""The five verbs of long work, behind a small protocol. No torch here: pages call this."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from core.model import Progress, Run, RunKind, RunStatus
from core.store import runs, workers
from core.workspace import CHECKPOINTS, Workspace


class Engine(Protocol):
    """Where runs are queued and carried out."""

    def enqueue(self, project_id: str, kind: RunKind, config: Mapping[str, Any]) -> str:
        """Queue a run; returns its id."""

    def claim(self, worker_id: str) -> Run | None:
        """Take the next run, or None."""

    def beat(self, run_id: str, attempt: int, progress: Progress | None = None) -> Run | None:
        """Report that the run goes on; None when it is no longer this attempt's."""

    def finish(self, run_id: str, attempt: int, status: RunStatus, *, result: Mapping[str, Any] | None = None, error: str | None = None) -> bool:
        """End the run."""

    def request_cancel(self, run_id: str) -> None:
        """Ask for the run to stop."""

    def is_cancel_requested(self, run_id: str) -> bool:
        """Whether somebody asked for the run to stop."""


class LocalEngine:
    """The engine of one machine, or of several that share a database and a home: the run table is the queue."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.lease_s = workspace.settings.lease_s

    def enqueue(self, project_id: str, kind: RunKind, config: Mapping[str, Any]) -> str:
        """Queue a run; returns its id."""
        with self.workspace.store.write() as conn:
            return runs.add_run(conn, project_id, kind, config)

    def enqueue_alone(self, project_id: str, kind: RunKind, config: Mapping[str, Any]) -> str:
        """Queue a run where no other of its kind waits or runs in the project. Raises `PairsmithError` where one does."""
        with self.workspace.store.write() as conn:
            return runs.add_run_alone(conn, project_id, kind, config)

    def claim(self, worker_id: str) -> Run | None:
        """Take the next run, or None."""
        with self.workspace.store.write() as conn:
            return runs.claim_run(conn, worker_id, lease_s=self.lease_s)

    def beat(self, run_id: str, attempt: int, progress: Progress | None = None) -> Run | None:
        """Renew the run's lease and store its progress; None when it is no longer this attempt's."""
        with self.workspace.store.write() as conn:
            return runs.beat_run(conn, run_id, attempt, lease_s=self.lease_s, progress=progress)

    def finish(self, run_id: str, attempt: int, status: RunStatus, *, result: Mapping[str, Any] | None = None, error: str | None = None) -> bool:
        """End the run and clear what it left half done, whatever the end: a new run starts anew. False when it is no longer this attempt's."""
        with self.workspace.store.write() as conn:
            is_ended = runs.finish_run(conn, run_id, attempt, status, result=result, error=error)
        if is_ended:
            self._clear_leftovers(run_id)
        return is_ended

    def request_cancel(self, run_id: str) -> None:
        """Ask for the run to stop; one that waits is cancelled at once."""
        with self.workspace.store.write() as conn:
            runs.request_cancel(conn, run_id)
            is_over = runs.get_run(conn, run_id).status.is_over
        if is_over:
            self._clear_leftovers(run_id)

    def is_cancel_requested(self, run_id: str) -> bool:
        """Whether somebody asked for the run to stop."""
        with self.workspace.store.read() as conn:
            return runs.get_run(conn, run_id).cancel_requested

    def _clear_leftovers(self, run_id: str) -> None:
        for folder in (self.workspace.home / "runs" / run_id / CHECKPOINTS, self.workspace.unfinished_model(run_id)):
            shutil.rmtree(folder, ignore_errors=True)


def has_worker(workspace: Workspace) -> bool:
    """Whether a worker reported lately."""
    with workspace.store.read() as conn:
        return bool(workers.live_workers(conn))


def start_worker(workspace: Workspace, *, until_idle: bool = False) -> subprocess.Popen[bytes]:
    """Start a worker that outlives this process: a session of its own, its output in `worker.log`.

    `until_idle`: it ends when no run waits, and keeps no warm encoder.
    """
    command = [sys.executable, "-m", "core.jobs.worker", *(["--until-idle"] if until_idle else [])]
    with (workspace.folder() / "worker.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=child_environment(workspace), start_new_session=True)


def child_environment(workspace: Workspace) -> dict[str, str]:
    """The environment of processes that work for this home: the same home and database, and this code first on the path."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {
        "PAIRSMITH_HOME": str(workspace.home),
        "PAIRSMITH_DATABASE_URL": workspace.settings.url,
        "PYTHONPATH": path,
        "TOKENIZERS_PARALLELISM": "false",
    }


def ensure_worker(workspace: Workspace) -> bool:
    """Start a worker where none is alive. True when one was started."""
    if has_worker(workspace):
        return False
    start_worker(workspace)
    return True
