"""The run table, workers, and what runs leave behind."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from core.model import Anchor, Evaluation, ModelKind, ModelRecord, NotFound, Progress, Projection, RunKind, RunStatus, Snapshot
from core.store import Store, artefacts, corpus, open_store, runs, workers


def queue_run(store: Store, project: str, *, now: float = 0.0, kind: RunKind = RunKind.EMBED) -> str:
    with store.write() as conn:
        return runs.add_run(conn, project, kind, {"a": 1}, now=now)


def claim(store: Store, *, now: float, worker: str = "w", lease_s: float = 10.0):
    with store.write() as conn:
        return runs.claim_run(conn, worker, lease_s=lease_s, now=now)


def status_of(store: Store, run_id: str) -> RunStatus:
    with store.read() as conn:
        return runs.get_run(conn, run_id).status


def test_a_run_goes_from_queued_to_running_to_its_end(store: Store, project: str):
    run_id = queue_run(store, project, now=1.0)
    claimed = claim(store, now=2.0)
    assert (claimed.id, claimed.status, claimed.attempt, claimed.worker_id, claimed.started_at, claimed.config) == (
        run_id,
        RunStatus.RUNNING,
        1,
        "w",
        2.0,
        {"a": 1},
    )
    with store.write() as conn:
        seen = runs.beat_run(conn, run_id, 1, lease_s=10.0, progress=Progress(3, 9, "half", 1.5, {"loss": [[1, 0.5]]}), now=3.0)
        assert seen.progress == Progress(3, 9, "half", 1.5, {"loss": [[1, 0.5]]})
        assert runs.finish_run(conn, run_id, 1, RunStatus.SUCCEEDED, result={"x": [1]}, now=4.0)
        run = runs.get_run(conn, run_id)
    assert (run.status, run.result, run.error, run.finished_at, run.created_at) == (RunStatus.SUCCEEDED, {"x": [1]}, None, 4.0, 1.0)
    assert claim(store, now=99.0) is None


@pytest.mark.parametrize("end", [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST])
def test_a_run_that_is_over_stays_as_it_is(store: Store, project: str, end: RunStatus):
    run_id = queue_run(store, project)
    claim(store, now=0.0)
    with store.write() as conn:
        assert runs.finish_run(conn, run_id, 1, end, error="words")
        before = runs.get_run(conn, run_id)
        assert before.status.is_over
        assert not runs.finish_run(conn, run_id, 1, RunStatus.SUCCEEDED)
        assert not runs.requeue_run(conn, run_id, 1)
        assert runs.beat_run(conn, run_id, 1, lease_s=1.0) is None
        runs.request_cancel(conn, run_id)
        assert runs.get_run(conn, run_id) == before


def test_a_waiting_run_can_neither_beat_nor_finish_nor_be_given_back(store: Store, project: str):
    run_id = queue_run(store, project)
    with store.write() as conn:
        assert runs.beat_run(conn, run_id, 0, lease_s=1.0) is None
        assert not runs.finish_run(conn, run_id, 0, RunStatus.SUCCEEDED)
        assert not runs.requeue_run(conn, run_id, 0)
    assert status_of(store, run_id) == RunStatus.QUEUED


def test_runs_are_claimed_oldest_first(store: Store, project: str):
    late, early = queue_run(store, project, now=5.0), queue_run(store, project, now=1.0)
    assert [claim(store, now=6.0).id, claim(store, now=6.0).id, claim(store, now=6.0)] == [early, late, None]


def test_a_run_given_back_is_claimed_again_as_the_next_attempt(store: Store, project: str):
    run_id = queue_run(store, project)
    claim(store, now=0.0)
    with store.write() as conn:
        assert not runs.requeue_run(conn, run_id, 2)
        assert runs.requeue_run(conn, run_id, 1)
    assert status_of(store, run_id) == RunStatus.QUEUED
    again = claim(store, now=0.0, worker="w2")
    assert (again.id, again.attempt, again.worker_id) == (run_id, 2, "w2")


def test_a_run_whose_lease_ran_out_is_taken_over_and_its_old_process_writes_nothing_more(store: Store, project: str):
    run_id = queue_run(store, project)
    claim(store, now=0.0)
    with store.write() as conn:
        assert runs.beat_run(conn, run_id, 1, lease_s=10.0, now=8.0) is not None
    assert claim(store, now=17.9, worker="w2") is None
    taken = claim(store, now=18.0, worker="w2")
    assert (taken.id, taken.attempt) == (run_id, 2)
    with store.write() as conn:
        assert runs.beat_run(conn, run_id, 1, lease_s=10.0, progress=Progress(1, 1, "ghost")) is None
        assert not runs.finish_run(conn, run_id, 1, RunStatus.FAILED, error="ghost")
        assert not runs.requeue_run(conn, run_id, 1)
        run = runs.get_run(conn, run_id)
    assert (run.status, run.error, run.progress) == (RunStatus.RUNNING, None, Progress())


def test_cancelling_a_waiting_run_ends_it_and_a_running_one_is_told_at_its_next_beat(store: Store, project: str):
    waiting, running = queue_run(store, project, now=2.0), queue_run(store, project, now=1.0)
    claim(store, now=3.0)
    with store.write() as conn:
        runs.request_cancel(conn, waiting, now=4.0)
        runs.request_cancel(conn, running, now=4.0)
        assert runs.get_run(conn, waiting).status == RunStatus.CANCELLED
        assert runs.get_run(conn, waiting).finished_at == 4.0
        told = runs.beat_run(conn, running, 1, lease_s=10.0, now=4.5)
    assert (told.status, told.cancel_requested) == (RunStatus.RUNNING, True)
    assert claim(store, now=14.0) is None
    taken = claim(store, now=14.5)
    assert (taken.id, taken.attempt, taken.cancel_requested) == (running, 2, True)


def test_a_run_is_for_a_worker_to_take_while_it_waits_and_once_its_lease_ran_out(store: Store, project: str):
    run_id = queue_run(store, project)

    def is_claimable(now: float) -> bool:
        with store.read() as conn:
            return runs.is_claimable(conn, run_id, now=now)

    assert is_claimable(0.0)
    claim(store, now=0.0)
    assert [is_claimable(now) for now in (0.0, 9.9, 10.0, 99.0)] == [False, False, True, True]
    with store.write() as conn:
        runs.finish_run(conn, run_id, 1, RunStatus.FAILED)
        assert not runs.is_claimable(conn, "none")
    assert not is_claimable(99.0)


def test_runs_are_listed_newest_first_by_kind_and_by_being_active(store: Store, project: str):
    ids = [queue_run(store, project, now=float(n), kind=kind) for n, kind in enumerate([RunKind.MINE, RunKind.TUNE, RunKind.MINE])]
    claim(store, now=9.0)
    with store.write() as conn:
        runs.finish_run(conn, ids[0], 1, RunStatus.SUCCEEDED)
        assert [run.id for run in runs.list_runs(conn, project)] == ids[::-1]
        assert [run.id for run in runs.list_runs(conn, project, kind=RunKind.MINE)] == [ids[2], ids[0]]
        assert [run.id for run in runs.list_runs(conn, project, active=True, limit=1)] == [ids[2]]
        with pytest.raises(NotFound, match="no run 'none'"):
            runs.get_run(conn, "none")


def _claim_all(url: str, barrier, answers) -> None:
    store = open_store(url)
    barrier.wait(30)
    mine = []
    while run := claim(store, now=100.0, lease_s=1000.0):
        mine.append((run.id, run.attempt))
    store.close()
    answers.put(mine)


def test_processes_that_claim_at_once_give_each_run_to_one(store_url: str, store: Store, project: str):
    with store.write() as conn:
        ids = [runs.add_run(conn, project, RunKind.EMBED, {}, now=float(n)) for n in range(60)]
    store.engine.dispose()
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(6), context.Queue()
    children = [context.Process(target=_claim_all, args=(store_url, barrier, answers)) for _ in range(6)]
    for child in children:
        child.start()
    taken = [item for _ in children for item in answers.get(timeout=60)]
    for child in children:
        child.join(30)
    assert len(taken) == len(set(taken))
    rest = []
    while run := claim(store, now=100.0, lease_s=1000.0):
        rest.append((run.id, run.attempt))
    assert sorted(taken + rest) == sorted((run_id, 1) for run_id in ids)


def test_a_worker_is_alive_while_it_reports(store: Store):
    with store.write() as conn:
        workers.beat_worker(conn, "w1", host="h", pid=1, now=100.0)
        workers.beat_worker(conn, "w2", host="h", pid=2, encoder_url="http://x", encoder_token="t", now=110.0)
        workers.beat_worker(conn, "w1", host="h", pid=1, encoder_url="http://y", now=104.0)
        assert [(worker.id, worker.encoder_url) for worker in workers.live_workers(conn, now=111.0)] == [("w2", "http://x"), ("w1", "http://y")]
        assert [worker.id for worker in workers.live_workers(conn, now=119.5)] == ["w2"]
        workers.remove_worker(conn, "w2")
        assert workers.live_workers(conn, now=111.0)[0].id == "w1"


def model(fingerprint: str, name: str, at: float, kind: ModelKind = ModelKind.BASE) -> ModelRecord:
    return ModelRecord(fingerprint, name, kind, "/m", 8, 64, "q: ", "d: ", created_at=at)


def test_models_are_registered_once_and_found_by_fingerprint_prefix_or_name(store: Store, project: str):
    first, second = model("a" * 64, "base", 1.0), model("b" * 64, "tuned", 2.0, ModelKind.TUNED)
    with store.write() as conn:
        for record in (first, second, model("a" * 64, "another name", 9.0)):
            artefacts.put_model(conn, project, record)
        assert artefacts.list_models(conn, project) == [second, first]
        assert artefacts.get_model(conn, project, "bbbbbbbb") == second
        assert artefacts.get_model(conn, project, "base") == first
        for wrong in ("bbbbbbb", "", "none", "c" * 64):
            with pytest.raises(NotFound, match="has no model"):
                artefacts.get_model(conn, project, wrong)


def test_snapshots_are_stored_once_and_know_the_last_judgement_they_hold(store: Store, project: str):
    """Once a snapshot taken again kept its old last judgement, and those since were told as news though it held them."""
    with store.write() as conn:
        for created_at, last_seq in ((1.0, 5), (9.0, 9), (10.0, 7)):
            artefacts.put_snapshot(conn, project, Snapshot("s" * 64, created_at, last_seq, {"anchors": 2}))
        assert artefacts.list_snapshots(conn, project) == [Snapshot("s" * 64, 1.0, 9, {"anchors": 2})]


def test_evaluations_come_back_with_their_scores_and_openings_are_counted(store: Store, project: str):
    def figures(key: str, part: str, at: float, run: str | None = None) -> Evaluation:
        return Evaluation(key, "base", "m", part, {"ndcg@5": 0.5}, 2, 7, run, at)

    items = [figures("e1", "test", 1.0, "r"), figures("e2", "dev", 2.0), figures("e3", "test", 3.0)]
    with store.write() as conn:
        for item in items:
            artefacts.put_evaluation(conn, project, item, {"a0": {"ndcg@5": 0.25, "rr@10": 1.0}, "a1": {"ndcg@5": 0.75, "rr@10": 0.5}})
        assert artefacts.list_evaluations(conn, project) == items[::-1]
        assert artefacts.list_evaluations(conn, project, part="test", run_id="r") == [items[0]]
        assert artefacts.read_scores(conn, "e1", "ndcg@5") == {"a0": 0.25, "a1": 0.75}
        assert artefacts.count_openings(conn, project, "m") == 2


def test_openings_of_the_test_part_count_every_tuned_model_and_figures_on_all_anchors(store: Store, project: str):
    rows = [("b", "test"), ("t1", "test"), ("t1", "test"), ("t2", "all"), ("t2", "dev"), ("t3", "train"), ("bm25", "test")]
    with store.write() as conn:
        assert artefacts.count_test_openings(conn, project) == artefacts.Openings(0, 0)
        for name in ("b", "t1", "t2", "t3"):
            kind = ModelKind.BASE if name == "b" else ModelKind.TUNED
            artefacts.put_model(conn, project, ModelRecord(name, name, kind, "/nowhere", 32, 64))
        for place, (name, part) in enumerate(rows):
            artefacts.put_evaluation(conn, project, Evaluation(f"o{place}", name, name, part, {}, 2, 0, None, 1.0), {})
        assert artefacts.count_test_openings(conn, project) == artefacts.Openings(3, 2)


def test_all_figures_of_a_run_are_one_opening_and_an_adapter_is_trained_too(store: Store, project: str):
    rows = [("b", "r1"), ("t", "r1"), ("t", "r1"), ("adapter:1", "r2"), ("bm25", "r3"), ("t", "r2")]
    with store.write() as conn:
        for name, kind in (("b", ModelKind.BASE), ("t", ModelKind.TUNED)):
            artefacts.put_model(conn, project, ModelRecord(name, name, kind, "/nowhere", 32, 64))
        for place, (name, run_id) in enumerate(rows):
            artefacts.put_evaluation(conn, project, Evaluation(f"o{place}", name, name, "test", {}, 2, 0, run_id, 1.0), {})
        artefacts.put_evaluation(conn, project, Evaluation("dev", "t", "t", "dev", {}, 2, 0, "r4", 1.0), {})
        assert artefacts.count_test_openings(conn, project) == artefacts.Openings(2, 2)
        assert artefacts.count_part_openings(conn, project) == 3


def test_changes_between_two_evaluations_are_paged_from_the_worst_or_the_best(store: Store, project: str):
    scores = {"b": {"a0": 0.5, "a1": 0.5, "a2": 0.5}, "t": {"a0": 0.5, "a1": 0.0, "a2": 1.0}}
    with store.write() as conn:
        corpus.put_anchors(conn, project, [Anchor("a9", "only measured once")])
        for key, values in scores.items():
            evaluation = Evaluation(key, key, key, "test", {}, 3, 0, None, 1.0)
            artefacts.put_evaluation(conn, project, evaluation, {anchor: {"ndcg@5": value, "rr@10": 0.0} for anchor, value in values.items()})
        worst = artefacts.page_changes(conn, project, "b", "t", "ndcg@5")
        assert [(change.anchor_id, change.text, change.difference) for change in worst] == [
            ("a1", "question 1", -0.5),
            ("a0", "question 0", 0.0),
            ("a2", "question 2", 0.5),
        ]
        assert [change.anchor_id for change in artefacts.page_changes(conn, project, "b", "t", "ndcg@5", best_first=True, offset=1, limit=1)] == ["a0"]


def test_projections_come_newest_first(store: Store, project: str):
    items = [Projection(f"p{n}", "b", None if n else "t", "/maps/x.npz", {"verdict": "none", "x": [None, 1.5]}, float(n)) for n in range(2)]
    with store.write() as conn:
        for item in items:
            artefacts.put_projection(conn, project, item)
        assert artefacts.list_projections(conn, project) == items[::-1]


def test_places_in_the_home_are_found_wherever_the_home_lies(store: Store, project: str, tmp_path: Path):
    """Once absolute paths were stored, and a home that was moved or restored lost its models and maps."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (new / "models" / "abc", new / "maps"):
        folder.mkdir(parents=True)
    store.home = old
    with store.write() as conn:
        artefacts.put_model(conn, project, replace(model("a" * 64, "tuned", 2.0, ModelKind.TUNED), location=str(old / "models" / "abc")))
        artefacts.put_model(conn, project, replace(model("b" * 64, "base", 1.0), location=str(tmp_path / "elsewhere")))
        artefacts.put_projection(conn, project, Projection("p", "b" * 64, "a" * 64, str(old / "maps" / "p.npz"), {}, 1.0))
        assert [item.location for item in artefacts.list_models(conn, project)] == [str(old / "models" / "abc"), str(tmp_path / "elsewhere")]
    store.home = new
    with store.read() as conn:
        assert [item.location for item in artefacts.list_models(conn, project)] == [str(new / "models" / "abc"), str(tmp_path / "elsewhere")]
        assert [item.path for item in artefacts.list_projections(conn, project)] == [str(new / "maps" / "p.npz")]


def test_an_absolute_place_as_once_stored_is_looked_for_in_this_home_first(store: Store, project: str, tmp_path: Path):
    (tmp_path / "new" / "models" / "abc").mkdir(parents=True)
    with store.write() as conn:  # a store without a home stores places as they are
        for key, name in (("a", "abc"), ("b", "gone")):
            artefacts.put_model(conn, project, replace(model(key * 64, name, 1.0, ModelKind.TUNED), location=f"/old/models/{name}"))
    store.home = tmp_path / "new"
    with store.read() as conn:
        assert {item.name: item.location for item in artefacts.list_models(conn, project)} == {
            "abc": str(tmp_path / "new" / "models" / "abc"),
            "gone": "/old/models/gone",
        }
