"""How a running job speaks, with a clock that the test turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.jobs.child import explain
from core.jobs.engine import LocalEngine, child_environment, has_worker
from core.jobs.reporter import INTERVAL_S, Cancelled, Reporter, Superseded
from core.model import PairsmithError, Run, RunKind, RunStatus
from core.store import runs, workers
from core.workspace import Workspace


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine(workspace: Workspace) -> LocalEngine:
    return LocalEngine(workspace)


@pytest.fixture
def claimed(engine: LocalEngine, small_project: str) -> Run:
    engine.enqueue(small_project, RunKind.EMBED, {})
    run = engine.claim("w")
    assert run is not None
    return run


def stored(engine: LocalEngine, run: Run) -> Run:
    with engine.workspace.store.read() as conn:
        return runs.get_run(conn, run.id)


def test_progress_is_written_at_most_twice_a_second_and_a_stage_at_once(engine: LocalEngine, claimed: Run):
    clock = Clock()
    reporter = Reporter(engine, claimed, clock)
    reporter.stage("Encoding", total=10)
    reporter.report(1)
    assert stored(engine, claimed).progress.step == 0
    clock.now = INTERVAL_S
    reporter.report(4, figures={"loss": [[4, 0.5]]})
    seen = stored(engine, claimed).progress
    assert (seen.step, seen.total, seen.message, seen.left_s, seen.figures) == (4, 10, "Encoding", pytest.approx(0.75), {"loss": [[4, 0.5]]})
    reporter.report(5, message="More")
    reporter.flush()
    seen = stored(engine, claimed).progress
    assert (seen.step, seen.message, seen.figures) == (5, "More", {"loss": [[4, 0.5]]})
    reporter.stage("Saving")
    assert (stored(engine, claimed).progress.message, stored(engine, claimed).progress.left_s) == ("Saving", None)


def test_a_job_hears_that_it_is_cancelled_at_its_next_report(engine: LocalEngine, claimed: Run):
    clock = Clock()
    reporter = Reporter(engine, claimed, clock)
    reporter.report(1)
    engine.request_cancel(claimed.id)
    clock.now = 1.0
    with pytest.raises(Cancelled):
        reporter.report(2)
    assert reporter.should_stop
    reporter.report(3, check=False)


def test_a_job_that_was_taken_over_stops_and_writes_nothing_more(engine: LocalEngine, claimed: Run):
    """Once a training that was taken over went on to its end, into the same folder as its successor."""
    clock = Clock()
    reporter = Reporter(engine, claimed, clock)
    with engine.workspace.store.write() as conn:
        assert runs.claim_run(conn, "w2", lease_s=60.0, now=1e12).attempt == 2
    clock.now = 1.0
    reporter.report(2, message="ghost", check=False)
    assert reporter.should_stop
    with pytest.raises(Superseded):
        reporter.check()
    assert not engine.finish(claimed.id, claimed.attempt, RunStatus.SUCCEEDED)
    assert stored(engine, claimed).progress.message == ""


def make_checkpoint(engine: LocalEngine, run: Run) -> Path:
    folder = engine.workspace.folder("runs", run.id, "checkpoints", "checkpoint-7")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder.parent


@pytest.mark.parametrize("end", [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST])
def test_no_checkpoint_outlives_its_run_however_it_ends(engine: LocalEngine, claimed: Run, end: RunStatus):
    """Once only success cleared them, and each failed run kept its weights for good."""
    checkpoints = make_checkpoint(engine, claimed)
    assert not engine.finish(claimed.id, claimed.attempt + 1, end)
    assert checkpoints.is_dir()
    assert engine.finish(claimed.id, claimed.attempt, end)
    assert not checkpoints.exists()
    assert checkpoints.parent.is_dir()


def test_a_run_cancelled_while_it_waits_for_its_next_attempt_leaves_no_checkpoint(engine: LocalEngine, claimed: Run):
    checkpoints = make_checkpoint(engine, claimed)
    engine.request_cancel(claimed.id)
    assert checkpoints.is_dir()
    with engine.workspace.store.write() as conn:
        assert runs.requeue_run(conn, claimed.id, claimed.attempt)
    engine.request_cancel(claimed.id)
    assert stored(engine, claimed).status == RunStatus.CANCELLED
    assert not checkpoints.exists()


@pytest.mark.parametrize("end", [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST])
def test_a_model_that_a_kill_left_half_written_goes_with_its_run_and_no_other_does(engine: LocalEngine, claimed: Run, end: RunStatus):
    """Once it lay among the models for good, as only another attempt of the same run took it away."""
    mine, other, whole = (engine.workspace.folder("models", name) for name in (f".{claimed.id}.unfinished", ".other.unfinished", "0123"))
    (mine / "model.safetensors").write_bytes(b"half of the weights")
    assert not engine.finish(claimed.id, claimed.attempt + 1, end)
    assert mine.is_dir()
    assert engine.finish(claimed.id, claimed.attempt, end)
    assert [folder.exists() for folder in (mine, other, whole)] == [False, True, True]


def test_the_time_left_of_a_stage_that_goes_on_counts_only_what_was_done_since(engine: LocalEngine, claimed: Run):
    clock = Clock()
    reporter = Reporter(engine, claimed, clock)
    reporter.stage("Training", 100, 80)
    clock.now = 10.0
    reporter.report(90)
    assert stored(engine, claimed).progress.left_s == pytest.approx(10.0)


def test_failures_are_told_in_words():
    assert explain(PairsmithError("do this")) == "do this"
    assert explain(OSError(28, "No space left on device")) == "The disk is full. Free some space, then start a new run: it begins from the start."
    assert "smaller batch" in explain(MemoryError())
    assert "smaller batch" in explain(RuntimeError("CUDA out of memory. Tried"))
    assert "(KeyError). The log has the details" in explain(KeyError("secret"))
    assert "secret" not in explain(KeyError("secret"))


def test_a_worker_is_known_by_its_report_and_its_children_get_the_same_home(workspace: Workspace):
    assert not has_worker(workspace)
    with workspace.store.write() as conn:
        workers.beat_worker(conn, "w", host="h", pid=1)
    assert has_worker(workspace)
    environment = child_environment(workspace)
    assert environment["PAIRSMITH_HOME"] == str(workspace.home)
    assert environment["PAIRSMITH_DATABASE_URL"] == workspace.settings.url
