"""The worker: claims runs, starts a child process for each, watches it, and keeps a warm encoder for query search. While it waits it has
measurements follow the judgements.

A child is detached and holds its own lease, so it outlives a worker that dies; a run whose child died is queued again until its attempts are spent.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from core.jobs.encoder_server import EncoderServer
from core.jobs.engine import LocalEngine, child_environment
from core.jobs.judgement_watch import JudgementWatch
from core.model import Run, RunStatus
from core.store import runs, workers
from core.workspace import Workspace, open_workspace

BEAT_S = 2.0
Answer = TypeVar("Answer")


class Worker:
    """One worker process. Parameters: `workspace`; `until_idle`, end when no run waits (and keep no encoder)."""

    def __init__(self, workspace: Workspace, *, until_idle: bool = False) -> None:
        self.workspace = workspace
        self.until_idle = until_idle
        self.id = uuid.uuid4().hex[:12]
        self.engine = LocalEngine(workspace)
        self.watch = JudgementWatch(self.engine)
        self.stopping = threading.Event()
        self.encoder = None if until_idle else EncoderServer(workspace)

    def work(self) -> None:
        """Work until asked to stop."""
        if self.encoder:
            self.encoder.start()
        beating = threading.Thread(target=self._beat, daemon=True, name="worker-heartbeat")
        beating.start()
        try:
            while not self.stopping.is_set():
                run = self._patiently(lambda: self.engine.claim(self.id), None)
                if run is not None:
                    self._carry_out(run)
                elif self.until_idle:
                    break
                else:
                    self._patiently(lambda: bool(self.watch.look()), False)
                    self.stopping.wait(self.workspace.settings.poll_s)
        finally:
            self.stopping.set()
            beating.join(timeout=5)
            if self.encoder:
                self.encoder.stop()
            with self.workspace.store.write() as conn:
                workers.remove_worker(conn, self.id)

    def _patiently(self, action: Callable[[], Answer], otherwise: Answer) -> Answer:
        """Do it again until the database answers; `otherwise` only where the worker is told to stop meanwhile."""
        while True:
            try:
                return action()
            except SQLAlchemyError:
                traceback.print_exc()
                if self.stopping.wait(BEAT_S):
                    return otherwise

    def _carry_out(self, run: Run) -> None:
        if run.attempt > self.workspace.settings.attempts:
            message = f"The run's process died {run.attempt - 1} times without saying why. Look at its log, then start it again."
            self.engine.finish(run.id, run.attempt, RunStatus.LOST, error=message)
            return
        command = [sys.executable, "-m", "core.jobs.child", run.id, str(run.attempt)]
        with (self.workspace.run_folder(run.id) / "log.txt").open("ab") as log:
            log.write(f"--- attempt {run.attempt} of {run.kind} {run.id}\n".encode())
            log.flush()
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=child_environment(self.workspace), start_new_session=True)
        self._watch(run, child)

    def _watch(self, run: Run, child: subprocess.Popen[bytes]) -> None:
        asked_at: float | None = None
        while child.poll() is None and not self.stopping.is_set():
            time.sleep(0.1)
            now = time.monotonic()
            if asked_at is None and self._patiently(lambda: self._is_cancelled(run), False):
                child.terminate()
                asked_at = now
            elif asked_at is not None and now - asked_at > self.workspace.settings.cancel_grace_s:
                child.kill()
        if child.returncode is None:
            return  # the worker ends, the child goes on and finishes its run itself
        self._patiently(lambda: self._settle(run, child.returncode, cancelled=asked_at is not None), None)

    def _settle(self, run: Run, exit_code: int, *, cancelled: bool) -> None:
        """Store how a run ended whose child said nothing itself; one that did is left as it is."""
        if cancelled:
            self.engine.finish(run.id, run.attempt, RunStatus.CANCELLED)
        elif run.attempt < self.workspace.settings.attempts:
            with self.workspace.store.write() as conn:
                runs.requeue_run(conn, run.id, run.attempt)
        else:
            self.engine.finish(run.id, run.attempt, RunStatus.FAILED, error=explain_exit(exit_code, run.attempt))

    def _is_cancelled(self, run: Run) -> bool:
        with self.workspace.store.read() as conn:
            return runs.get_run(conn, run.id).cancel_requested

    def _beat(self) -> None:
        while True:
            url, token = (self.encoder.url, self.encoder.token) if self.encoder else (None, None)
            try:
                with self.workspace.store.write() as conn:
                    workers.beat_worker(conn, self.id, host=platform.node(), pid=os.getpid(), encoder_url=url, encoder_token=token)
            except SQLAlchemyError:  # the database may be away for a moment; the next beat tries again
                traceback.print_exc()
            if self.stopping.wait(BEAT_S):
                return


def explain_exit(exit_code: int, attempts: int) -> str:
    """A run whose process ended every time without saying why, in plain words. `exit_code`: below 0 it is the signal that ended it."""
    times = "once" if attempts == 1 else f"{attempts} times"
    if exit_code == -signal.SIGKILL:
        return (
            f"The run's process was killed from outside {times}: most often the system does that where memory runs out. Use a smaller batch, the loss in "
            "mini-batches or fewer hard negatives a row, or close other programs, then start the run again."
        )
    return f"The run's process ended without a result (exit code {exit_code}) {times}. Look at its log."


def run_worker(workspace: Workspace, *, until_idle: bool = False) -> None:
    """Work for the home until told to stop (SIGTERM, Ctrl-C), or until no run waits."""
    worker = Worker(workspace, until_idle=until_idle)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stopping.set())
    worker.work()


def main() -> int:
    """`python -m core.jobs.worker [--until-idle]`: a worker for the home of the environment."""
    parser = argparse.ArgumentParser(prog="python -m core.jobs.worker")
    parser.add_argument("--until-idle", action="store_true")
    run_worker(open_workspace(), until_idle=parser.parse_args().until_idle)
    return 0


if __name__ == "__main__":
    sys.exit(main())
