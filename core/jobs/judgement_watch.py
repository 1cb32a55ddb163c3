"""What follows from judgements by itself: a worker with nothing to do queues the value meter after each batch, and an evaluation whose holes are judged.

Cheap where nothing was judged: one look at the newest event of the log, a single read of its primary key. A meter that failed or was cancelled is not
tried again before another batch has come, an evaluation not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product

from core.curation.stopping import FEWEST_DEVELOPMENT
from core.evaluation.again import forget, read_due
from core.jobs.engine import LocalEngine
from core.model import PairsmithError, Part, RunKind
from core.store import judgements, projects, runs, value_points

BATCH = 25
"""New decisions after which the value is measured again."""
LOOK_S = 3.0
"""Seconds between two looks."""


class JudgementWatch:
    """Looks for projects whose judgements make a measurement due. Parameters: `engine`, where to queue; `clock`, seconds that only grow."""

    def __init__(self, engine: LocalEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self._clock = clock
        self._looked_at = float("-inf")
        self._seen = -1

    def look(self) -> list[str]:
        """Queue what is due, at most every `LOOK_S`, and only where something was judged since the last look. Returns the ids of the runs queued."""
        if self._clock() - self._looked_at < LOOK_S:
            return []
        self._looked_at = self._clock()
        store = self.engine.workspace.store
        with store.read() as conn:
            newest = judgements.newest_event(conn)
            if newest == self._seen:
                return []
            found = [project.id for project in projects.list_projects(conn)]
        queued: list[str] = []
        is_busy = False
        for project_id, queue_due in product(found, (self._queue_evaluation, self._queue_meter)):
            try:
                run_id = queue_due(project_id)
            except PairsmithError:  # one waits or runs already: look again when it is over
                is_busy = True
            else:
                queued += [run_id] if run_id else []
        self._seen = self._seen if is_busy else newest
        return queued

    def _queue_evaluation(self, project_id: str) -> str | None:
        workspace = self.engine.workspace
        settings = read_due(workspace, project_id)
        if settings is None:
            return None
        run_id = self.engine.enqueue_alone(project_id, RunKind.EVALUATE, settings)
        forget(workspace, project_id)
        return run_id

    def _queue_meter(self, project_id: str) -> str | None:
        with self.engine.workspace.store.read() as conn:
            after = value_points.newest_seq(conn, project_id)
            for run in runs.list_runs(conn, project_id, kind=RunKind.METER, limit=1):
                after = max(after, int(run.config.get("last_seq", 0)))
            if value_points.count_decisions(conn, project_id, after_seq=after) < BATCH:
                return None
            answered = value_points.count_answered(conn, project_id)
            last_seq = judgements.last_seq(conn, project_id)
        if answered[Part.DEV] < FEWEST_DEVELOPMENT or answered[Part.TRAIN] == 0:
            return None
        return self.engine.enqueue_alone(project_id, RunKind.METER, {"last_seq": last_seq})
