"""The value meter on real vectors of a small model: a curve, its next point, a changed truth, and a worker that follows the judgements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.curation.oracle import answer_queue
from core.curation.split import ensure_split
from core.ingest.sample import create_sample, read_oracle
from core.jobs.engine import LocalEngine, start_worker
from core.jobs.handlers import meter
from core.jobs.reporter import Cancelled, Reporter
from core.model import Candidate, CandidateStatus, Judgement, Label, Part, RunKind, RunStatus
from core.retrieval.models import ensure_base_model
from core.settings import Settings
from core.store import candidates, corpus, judgements, open_store, runs, value_points
from core.tuning.adapter import AdapterConfig
from core.tuning.value_meter import measure_value
from core.workspace import Workspace
from sample_data import CONTRACTS

QUICK = AdapterConfig(steps=6, measure_every=2)


def keep_quiet(message: str, step: int, total: int) -> None:
    """No progress is wanted."""


@pytest.fixture
def sample(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The sample project on the tiny model, split, with the documents after each training anchor's answer in the queue."""
    for name, value in {"POLL_S": "0.1", "THREADS": "1"}.items():
        monkeypatch.setenv(f"PAIRSMITH_{name}", value)
    settings = Settings(home=tmp_path / "home", base_model=str(tiny_model))
    workspace = Workspace(settings, open_store(settings.url))
    create_sample(workspace)
    ensure_base_model(workspace, "contracts", str(tiny_model))
    ensure_split(workspace, "contracts")
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, "contracts", part=Part.TRAIN)
        documents = [document.id for document in corpus.read_documents(conn, "contracts")]
        known = {(item.anchor_id, item.document_id) for item in judgements.read_state(conn, "contracts")}
    pairs = [(anchor.id, documents[(7 * n + turn) % len(documents)]) for n, anchor in enumerate(anchors) for turn in range(2)]
    found = [Candidate(anchor, doc, CandidateStatus.PROPOSED, "near", -place, 0.5, 0.8, 1, None, "m") for place, (anchor, doc) in enumerate(pairs)]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "contracts", [item for item in found if (item.anchor_id, item.document_id) not in known])
    yield workspace
    workspace.store.close()


def read_points(workspace: Workspace) -> list[tuple[int, str]]:
    with workspace.store.read() as conn:
        return [(point.judged, point.truth) for point in value_points.list_points(conn, "contracts")]


def test_a_first_run_draws_a_curve_the_next_adds_a_point_and_a_changed_truth_draws_it_anew_once_it_stands(sample: Workspace) -> None:
    oracle = read_oracle(CONTRACTS / "oracle.tsv")
    answer_queue(sample, "contracts", oracle, limit=120)
    result = measure_value(sample, "contracts", keep_quiet, config=QUICK)
    first = read_points(sample)
    assert (result["points"], len(first), first[0][0], first[-1][0]) == (12, 12, 0, 120)
    assert len({truth for _, truth in first}) == 1
    with sample.store.read() as conn:
        points = value_points.list_points(conn, "contracts")
        dev = value_points.count_answered(conn, "contracts")[Part.DEV]
    assert {point.anchors for point in points} == {dev} == {len(points[0].scores)}
    assert len({point.base for point in points}) == 1
    assert all(point.low <= point.value - point.base <= point.high for point in points)
    assert points[0].added is None
    assert points[-1].added is not None
    assert points[-1].added.judgements == 120 - max(point.judged for point in points if point.judged <= 20)
    answer_queue(sample, "contracts", oracle, limit=30)
    assert measure_value(sample, "contracts", keep_quiet, config=QUICK)["points"] == 1
    assert measure_value(sample, "contracts", keep_quiet, config=QUICK)["points"] == 1
    assert [judged for judged, _ in read_points(sample)] == [*(judged for judged, _ in first), 150]
    with sample.store.write() as conn:
        anchor = corpus.read_anchors(conn, "contracts", part=Part.DEV)[0]
        taken = {item.document_id for item in judgements.read_state(conn, "contracts", anchor_ids=[anchor.id])}
        other = next(document.id for document in corpus.read_documents(conn, "contracts") if document.id not in taken)
        judgements.append_judgements(conn, "contracts", [Judgement("new", anchor.id, other, Label.HARD_NEGATIVE)])
    assert measure_value(sample, "contracts", keep_quiet, config=QUICK)["points"] == 1
    assert [judged for judged, _ in read_points(sample)] == [151]
    assert measure_value(sample, "contracts", keep_quiet, config=QUICK)["points"] == 12
    again = read_points(sample)
    assert (len(again), again[-1][0]) == (12, 151)
    assert {truth for _, truth in again}.isdisjoint({truth for _, truth in first})


def test_a_run_that_is_stopped_half_way_stores_nothing(sample: Workspace) -> None:
    answer_queue(sample, "contracts", read_oracle(CONTRACTS / "oracle.tsv"), limit=30)

    def stop_late(message: str, step: int, total: int) -> None:
        if total > 1 and step > total // 2:
            raise Cancelled("x")

    with pytest.raises(Cancelled):
        measure_value(sample, "contracts", stop_late, config=QUICK)
    assert read_points(sample) == []


def test_too_few_development_anchors_end_in_words_and_without_a_point(workspace: Workspace, small_project: str) -> None:
    engine = LocalEngine(workspace)
    engine.enqueue(small_project, RunKind.METER, {})
    run = engine.claim("w")
    assert run is not None
    result = meter(workspace, run, Reporter(engine, run))
    assert result["points"] == 0
    assert "12 are needed" in result["words"]
    with workspace.store.read() as conn:
        assert value_points.list_points(conn, small_project) == []


@pytest.mark.slow
def test_a_worker_measures_after_a_batch_without_being_asked(sample: Workspace) -> None:
    worker = start_worker(sample)
    try:
        answer_queue(sample, "contracts", read_oracle(CONTRACTS / "oracle.tsv"), limit=30)
        deadline = time.monotonic() + 400
        found: list[RunStatus] = []
        while time.monotonic() < deadline and found != [RunStatus.SUCCEEDED]:
            time.sleep(0.2)
            with sample.store.read() as conn:
                found = [run.status for run in runs.list_runs(conn, "contracts", kind=RunKind.METER)]
    finally:
        worker.terminate()
        worker.wait(timeout=60)
    assert found == [RunStatus.SUCCEEDED]
    assert [judged for judged, _ in read_points(sample)][-1] == 30
