"""What a waiting worker queues after judgements, and what it does not: the value meter after each batch, an evaluation once its holes are judged."""

from __future__ import annotations

import pytest

from core.curation.review_queue import apply_events, next_records
from core.evaluation.again import judge_holes, repeat_settings
from core.evaluation.found import find_comparison
from core.jobs.engine import LocalEngine
from core.jobs.judgement_watch import BATCH, LOOK_S, JudgementWatch
from core.model import Anchor, Document, Judgement, Label, Part, Run, RunKind, RunStatus, Source, ValuePoint
from core.store import corpus, judgements, projects, runs, value_points
from core.workspace import Workspace
from tests.compared import TUNED, add_columns


class Clock:
    """Seconds that grow by a look's worth each time they are read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += LOOK_S
        return self.now


@pytest.fixture
def watch(workspace: Workspace) -> JudgementWatch:
    """A watch over a project of 40 anchors with imported answers, the first 20 in training, the others for development."""
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="none")
        corpus.put_documents(conn, "p", [Document(f"d{n}", f"text {n}") for n in range(200)])
        corpus.put_anchors(conn, "p", [Anchor(f"a{n}", f"question {n}") for n in range(40)])
        judgements.append_judgements(conn, "p", [Judgement(f"i{n}", f"a{n}", f"d{n}", Label.POSITIVE, 3, Source.IMPORT) for n in range(40)])
        corpus.set_parts(conn, "p", {f"a{n}": Part.TRAIN if n < 20 else Part.DEV for n in range(40)})
    return JudgementWatch(LocalEngine(workspace), Clock())


def judge(workspace: Workspace, first: int, count: int) -> None:
    events = [Judgement(f"j{n}", "a0", f"d{n + 1}", Label.HARD_NEGATIVE) for n in range(first, first + count)]
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "p", events)


def test_a_batch_queues_one_measurement_and_fewer_none(workspace: Workspace, watch: JudgementWatch) -> None:
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
    assert JudgementWatch(watch.engine, Clock()).look() == []


def test_the_next_batch_counts_from_the_newest_point_or_measurement_that_failed(workspace: Workspace, watch: JudgementWatch) -> None:
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


def test_a_batch_that_came_while_a_measurement_ran_is_found_when_it_is_over(workspace: Workspace, watch: JudgementWatch) -> None:
    judge(workspace, 0, BATCH)
    (run_id,) = watch.look()
    run = watch.engine.claim("w")
    judge(workspace, BATCH, BATCH)
    assert watch.look() == []
    assert run is not None
    watch.engine.finish(run_id, run.attempt, RunStatus.SUCCEEDED)
    assert len(watch.look()) == 1


def test_too_few_development_anchors_queue_nothing(workspace: Workspace, watch: JudgementWatch) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "p", {f"a{n}": Part.TEST for n in range(31, 40)})
    judge(workspace, 0, BATCH)
    assert watch.look() == []


def test_it_does_not_look_more_often_than_told(workspace: Workspace, watch: JudgementWatch) -> None:
    patient = JudgementWatch(watch.engine, lambda: 5.0)
    assert patient.look() == []
    judge(workspace, 0, BATCH)
    assert patient.look() == []
    assert len(watch.look()) == 1


@pytest.fixture
def holes(workspace: Workspace, small_project: str) -> JudgementWatch:
    """A watch over a project with a comparison whose holes wait in the queue."""
    add_columns(workspace, small_project, text="What does the contract say on assignment?")
    with workspace.store.write() as conn:
        corpus.set_parts(conn, small_project, {f"a{n}": Part.TEST for n in range(12)})
    assert judge_holes(workspace, small_project, find_comparison(workspace, small_project).test, "ann") > 100
    return JudgementWatch(LocalEngine(workspace), Clock())


def answer_holes(workspace: Workspace, *, label: str, leave: int = 0) -> None:
    records = next_records(workspace, "small", "ann", n=500)
    events = [
        {"client_id": f"hole-{label}-{n:04}", "anchor_id": item.anchor_id, "document_id": item.document_id, "label": label}
        for n, item in enumerate(records[: len(records) - leave])
    ]
    assert apply_events(workspace, "small", "ann", events).refused == {}


def test_the_last_judged_hole_queues_the_same_systems_once(workspace: Workspace, holes: JudgementWatch) -> None:
    answer_holes(workspace, label="hard_negative", leave=1)
    assert list_evaluations(workspace, holes.look()) == []
    answer_holes(workspace, label="skipped")
    (run,) = list_evaluations(workspace, holes.look())
    told = {"systems": ["base", TUNED, "bm25", "base+rerank"], "part": "test", "reference": "base", "reranker": "folder", "depth": 20, "send": False}
    assert run.config == told
    claimed = holes.engine.claim("w")
    assert claimed is not None
    holes.engine.finish(run.id, claimed.attempt, RunStatus.FAILED, error="It broke.")
    judge_again(workspace)
    assert list_evaluations(workspace, holes.look()) == []


def test_holes_that_were_only_skipped_open_the_test_part_no_second_time(workspace: Workspace, holes: JudgementWatch) -> None:
    answer_holes(workspace, label="skipped")
    assert list_evaluations(workspace, holes.look()) == []
    judge_again(workspace)
    assert list_evaluations(workspace, holes.look()) == []


def test_holes_that_are_all_judged_have_nothing_measured_again_when_an_answer_changes_later(workspace: Workspace, holes: JudgementWatch) -> None:
    answer_holes(workspace, label="hard_negative")
    (run,) = list_evaluations(workspace, holes.look())
    claimed = holes.engine.claim("w")
    assert claimed is not None
    holes.engine.finish(run.id, claimed.attempt, RunStatus.FAILED, error="It broke.")
    assert judge_holes(workspace, "small", find_comparison(workspace, "small").test, "ann") == 0
    judge_again(workspace)
    assert list_evaluations(workspace, holes.look()) == []


def test_a_comparison_with_settings_that_are_none_any_more_keeps_no_other_from_being_due(workspace: Workspace, holes: JudgementWatch) -> None:
    test = find_comparison(workspace, "small").test
    old = {**test, "facts": {**test["facts"], "settings": {"systems": ["base"], "depth": 5}}}
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.EVALUATE, {}, now=2000.0)
        run = runs.claim_run(conn, "w", lease_s=60, now=2001.0)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result={"test": old}, now=2002.0)
    answer_holes(workspace, label="hard_negative")
    assert len(list_evaluations(workspace, holes.look())) == 1


def test_a_trained_model_and_a_cross_encoder_of_the_project_are_measured_again_by_their_ids(workspace: Workspace, holes: JudgementWatch) -> None:
    test = find_comparison(workspace, "small").test
    settings = {**test["facts"]["settings"], "systems": ["base", "tuned+rerank"], "reference": "tuned"}
    systems = [{**test["systems"][1], "system": name} for name in ("tuned", "tuned+rerank")]
    told = repeat_settings({**test, "systems": systems, "facts": {**test["facts"], "settings": settings, "reranker_id": "e" * 64}})
    assert (told["systems"], told["reference"], told["reranker"]) == (["base", f"{TUNED}+rerank"], TUNED, "e" * 64)


def judge_again(workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement("once-more", "a3", "d20", Label.POSITIVE, 2)])


def list_evaluations(workspace: Workspace, queued: list[str]) -> list[Run]:
    with workspace.store.read() as conn:
        return [run for run in (runs.get_run(conn, run_id) for run_id in queued) if run.kind == RunKind.EVALUATE]
