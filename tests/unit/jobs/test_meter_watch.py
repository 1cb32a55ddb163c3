"""The value meter after each batch: when a measurement is queued, and when it is not."""

from __future__ import annotations

import pytest

from core.jobs.engine import LocalEngine
from core.jobs.meter_watch import BATCH, LOOK_S, MeterWatch
from core.model import Anchor, Document, Judgement, Label, Part, RunKind, RunStatus, Source, ValuePoint
from core.store import corpus, judgements, projects, runs, value_points
from core.workspace import Workspace


class Clock:
    """Seconds that grow by a look's worth each time they are read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += LOOK_S
        return self.now


@pytest.fixture
def watch(workspace: Workspace) -> MeterWatch:
    """A watch over a project of 40 anchors with imported answers, the first 20 in training, the others for development."""
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="none")
        corpus.put_documents(conn, "p", [Document(f"d{n}", f"text {n}") for n in range(200)])
        corpus.put_anchors(conn, "p", [Anchor(f"a{n}", f"question {n}") for n in range(40)])
        judgements.append_judgements(conn, "p", [Judgement(f"i{n}", f"a{n}", f"d{n}", Label.POSITIVE, 3, Source.IMPORT) for n in range(40)])
        corpus.set_parts(conn, "p", {f"a{n}": Part.TRAIN if n < 20 else Part.DEV for n in range(40)})
    return MeterWatch(LocalEngine(workspace), Clock())


def judge(workspace: Workspace, first: int, count: int) -> None:
    events = [Judgement(f"j{n}", "a0", f"d{n + 1}", Label.HARD_NEGATIVE) for n in range(first, first + count)]
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "p", events)


def test_a_batch_queues_one_measurement_and_fewer_none(workspace: Workspace, watch: MeterWatch) -> None:
    assert watch.look() == []
    judge(workspace, 0, BATCH - 1)
    assert watch.look() == []
    judge(workspace, BATCH - 1, 1)
    (run_id,) = watch.look()
    with workspace.store.read() as conn:
        run = runs.get_run(conn, run_id)
        assert run.config == {"last_seq": judgements.last_seq(conn, "p")}
    assert (run.kind, run.status) == (RunKind.METER, RunStatus.QUEUED)
    assert watch.look() == []
    assert MeterWatch(watch.engine, Clock()).look() == []


def test_the_next_batch_counts_from_the_newest_point_or_measurement_that_failed(workspace: Workspace, watch: MeterWatch) -> None:
    judge(workspace, 0, BATCH)
    (run_id,) = watch.look()
    run = watch.engine.claim("w")
    assert run is not None
    watch.engine.finish(run_id, run.attempt, RunStatus.FAILED, error="It broke.")
    judge(workspace, BATCH, BATCH - 1)
    assert watch.look() == []
    judge(workspace, 2 * BATCH - 1, 1)
    (again,) = watch.look()
    assert again != run_id
    run = watch.engine.claim("w")
    assert run is not None
    watch.engine.finish(again, run.attempt, RunStatus.SUCCEEDED)
    judge(workspace, 2 * BATCH, BATCH)
    with workspace.store.write() as conn:
        value_points.put_point(conn, "p", ValuePoint(judgements.last_seq(conn, "p"), 75, 0.4, 0.4, 0, 0, 20, 1, 0))
    assert watch.look() == []


def test_a_batch_that_came_while_a_measurement_ran_is_found_when_it_is_over(workspace: Workspace, watch: MeterWatch) -> None:
    judge(workspace, 0, BATCH)
    (run_id,) = watch.look()
    run = watch.engine.claim("w")
    judge(workspace, BATCH, BATCH)
    assert watch.look() == []
    assert run is not None
    watch.engine.finish(run_id, run.attempt, RunStatus.SUCCEEDED)
    assert len(watch.look()) == 1


def test_too_few_development_anchors_queue_nothing(workspace: Workspace, watch: MeterWatch) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "p", {f"a{n}": Part.TEST for n in range(31, 40)})
    judge(workspace, 0, BATCH)
    assert watch.look() == []


def test_it_does_not_look_more_often_than_told(workspace: Workspace, watch: MeterWatch) -> None:
    patient = MeterWatch(watch.engine, lambda: 5.0)
    assert patient.look() == []
    judge(workspace, 0, BATCH)
    assert patient.look() == []
    assert len(watch.look()) == 1
