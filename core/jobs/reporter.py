"""How a running job speaks: progress at most twice a second, a heartbeat even while it is silent, and the order to stop."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from core.jobs.engine import Engine
from core.model import Progress, Run

INTERVAL_S = 0.5


class Cancelled(Exception):
    """Somebody asked the run to stop. `result`: what it leaves all the same."""

    def __init__(self, run_id: str, result: Mapping[str, Any] | None = None) -> None:
        super().__init__(run_id)
        self.result = result


class Superseded(Exception):
    """The run was taken over by another process: this one must write nothing more."""


class Reporter:
    """Progress of one run. Use as a context manager: a thread keeps the lease while the job computes.

    Parameters: `engine` and `run`, whose attempt every write names; `clock`, seconds that only grow.
    """

    def __init__(self, engine: Engine, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self._engine = engine
        self._clock = clock
        self._progress = run.progress
        self._sent_at = float("-inf")
        self._stage_at = (0, clock())
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._superseded = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_alive, daemon=True, name="heartbeat")

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def stop(self) -> None:
        """Ask the job to stop at its next report."""
        self._stop.set()

    @property
    def should_stop(self) -> bool:
        """Whether the job must not go on: it was asked to stop, or another process took it over."""
        return self._stop.is_set() or self._superseded

    def stage(self, message: str, total: int = 0, step: int = 0) -> None:
        """Begin a stage: the time left is estimated anew from here."""
        self._stage_at = (step, self._clock())
        self._set(Progress(step, total, message, None, self._progress.figures), force=True)

    def report(self, step: int, total: int | None = None, message: str | None = None, figures: Mapping[str, Any] | None = None, *, check: bool = True) -> None:
        """Say how far the job is. Raises `Cancelled` or `Superseded` where it must not go on (not with `check=False`)."""
        held = self._progress
        total = held.total if total is None else total
        start, since = self._stage_at
        done, took = step - start, self._clock() - since
        left_s = took / done * (total - step) if done > 0 and total else None
        merged = dict(held.figures) | dict(figures or {})
        self._set(Progress(step, total, held.message if message is None else message, left_s, merged), force=False)
        if check:
            self.check()

    def check(self) -> None:
        """Raise where the job must not go on."""
        if self._superseded:
            raise Superseded(self.run.id)
        if self._stop.is_set():
            raise Cancelled(self.run.id)

    @property
    def was_cancelled(self) -> bool:
        """Whether a person cancelled the run, rather than the machine going down; asks the store."""
        return not self._superseded and self._engine.is_cancel_requested(self.run.id)

    def cancel(self, result: Mapping[str, Any]) -> NoReturn:
        """End the run as cancelled with what it leaves. Raises `Cancelled`, or `Superseded` where it is another's by now."""
        if self._superseded:
            raise Superseded(self.run.id)
        raise Cancelled(self.run.id, result)

    def _set(self, progress: Progress, *, force: bool) -> None:
        with self._lock:
            self._progress = progress
            if force or self._clock() - self._sent_at >= INTERVAL_S:
                self._send(progress)

    def flush(self) -> None:
        """Send what was last said."""
        with self._lock:
            self._send(self._progress)

    def _send(self, progress: Progress) -> None:
        self._sent_at = self._clock()
        run = self._engine.beat(self.run.id, self.run.attempt, progress)
        if run is None:
            self._superseded = True
        elif run.cancel_requested:
            self._stop.set()

    def _keep_alive(self) -> None:
        while not self._ended.wait(INTERVAL_S * 2):
            with self._lock:
                if self._clock() - self._sent_at >= INTERVAL_S * 2:
                    try:
                        self._send(self._progress)
                    except Exception:  # a database that is away for a moment must not silence the run for good
                        traceback.print_exc()
