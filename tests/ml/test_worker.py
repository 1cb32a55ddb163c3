"""The worker as the real processes it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.cli import output as cli_output
from core.ingest.sample import create_sample
from core.jobs.encoder_server import EncoderServer
from core.jobs.engine import LocalEngine, start_worker
from core.model import Run, RunKind, RunStatus
from core.retrieval.encoder import Encoder
from core.retrieval.models import ensure_base_model
from core.retrieval.query_client import EncoderAway, encode_query
from core.settings import Settings
from core.store import open_store, runs, workers
from core.workspace import Workspace

pytestmark = pytest.mark.slow
TUNE = {"epochs": 6, "batch": 16, "learning_rate": 1e-3, "evaluations": 6, "generic_share": 0.0, "merge": False}


@pytest.fixture
def sample(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The sample project on the tiny model, in a home whose processes look for work often."""
    for name, value in {"POLL_S": "0.1", "CANCEL_GRACE_S": "20", "THREADS": "1"}.items():
        monkeypatch.setenv(f"PAIRSMITH_{name}", value)
    settings = Settings(home=tmp_path / "home", base_model=str(tiny_model))
    workspace = Workspace(settings, open_store(settings.url))
    create_sample(workspace)
    yield workspace
    workspace.store.close()


def get(workspace: Workspace, run_id: str) -> Run:
    with workspace.store.read() as conn:
        return runs.get_run(conn, run_id)


def wait_for(what: Callable[[], object], seconds: float = 120.0) -> object:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def child_of(worker_pid: int, run_id: str) -> psutil.Process | None:
    try:
        children = psutil.Process(worker_pid).children()
        return next((child for child in children if run_id in child.cmdline()), None)
    except psutil.NoSuchProcess:
        return None


def test_two_workers_share_a_queue_and_every_run_ends_in_a_state_with_words(sample: Workspace):
    engine = LocalEngine(sample)
    good = [engine.enqueue("contracts", RunKind.EMBED, {}), engine.enqueue("contracts", RunKind.MINE, {"per_anchor": 4})]
    bad = [engine.enqueue("contracts", RunKind.EMBED, {"system": "bm25"}), engine.enqueue("contracts", RunKind.MINE, {"nonsense": 1})]
    pair = [start_worker(sample, until_idle=True) for _ in range(2)]
    for worker in pair:
        assert worker.wait(timeout=200) == 0
    ended = {run_id: get(sample, run_id) for run_id in [*good, *bad]}
    assert [ended[run_id].status for run_id in good] == [RunStatus.SUCCEEDED] * 2
    assert ended[good[0]].result["documents"] == 563
    assert ended[good[1]].result["candidates"] > 100
    assert [ended[run_id].status for run_id in bad] == [RunStatus.FAILED] * 2
    assert ended[bad[0]].error.startswith("BM25 has no vectors")
    assert "The log has the details" in ended[bad[1]].error
    assert "Traceback" in (sample.run_folder(bad[1]) / "log.txt").read_text()
    assert {run.attempt for run in ended.values()} == {1}
    with sample.store.read() as conn:
        assert workers.live_workers(conn) == []


def test_a_run_whose_process_is_killed_goes_on_from_its_checkpoint_and_finishes(sample: Workspace):
    run_id = LocalEngine(sample).enqueue("contracts", RunKind.TUNE, TUNE)
    worker = start_worker(sample, until_idle=True)
    checkpoints = sample.run_folder(run_id) / "checkpoints"
    wait_for(lambda: list(checkpoints.glob("checkpoint-*/trainer_state.json")))
    child = child_of(worker.pid, run_id)
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    reached = max(int(path.parent.name.split("-")[1]) for path in checkpoints.glob("checkpoint-*/trainer_state.json"))
    assert worker.wait(timeout=240) == 0
    run = get(sample, run_id)
    assert (run.status, run.attempt, run.error) == (RunStatus.SUCCEEDED, 2, None)
    steps = [step for step, _ in run.progress.figures["loss"]]
    assert steps == list(range(1, run.result["train"]["steps"] + 1))
    log = (sample.run_folder(run_id) / "log.txt").read_text()
    assert log.count("--- attempt") == 2
    assert 0 < reached < run.result["train"]["steps"]
    assert not checkpoints.exists()


def test_a_running_run_that_is_cancelled_stops_and_says_so(sample: Workspace):
    engine = LocalEngine(sample)
    run_id = engine.enqueue("contracts", RunKind.TUNE, TUNE | {"epochs": 50})
    worker = start_worker(sample, until_idle=True)
    wait_for(lambda: get(sample, run_id).progress.figures.get("loss"))
    child = child_of(worker.pid, run_id)
    engine.request_cancel(run_id)
    assert worker.wait(timeout=60) == 0
    run = get(sample, run_id)
    assert (run.status, run.result, run.attempt) == (RunStatus.CANCELLED, None, 1)
    assert not (sample.run_folder(run_id) / "checkpoints").exists()
    assert child is not None
    assert not child.is_running()


def test_a_run_that_is_told_to_stop_though_nobody_cancelled_it_goes_on_in_another_attempt(sample: Workspace):
    """A machine that goes down sends SIGTERM: that is no cancelling."""
    run_id = LocalEngine(sample).enqueue("contracts", RunKind.TUNE, TUNE)
    worker = start_worker(sample, until_idle=True)
    wait_for(lambda: get(sample, run_id).progress.figures.get("loss"))
    child = child_of(worker.pid, run_id)
    assert child is not None
    child.terminate()
    assert worker.wait(timeout=240) == 0
    run = get(sample, run_id)
    assert (run.status, run.attempt) == (RunStatus.SUCCEEDED, 2)


def test_a_run_that_worker_and_child_left_behind_is_taken_up_by_who_follows_it(sample: Workspace, monkeypatch: pytest.MonkeyPatch):
    """Once only a waiting run got a worker, and following one whose processes had all died waited for ever."""
    run_id = LocalEngine(sample).enqueue("contracts", RunKind.EMBED, {})
    with sample.store.write() as conn:
        assert runs.claim_run(conn, "dead", lease_s=10.0, now=1.0).id == run_id
    helpers: list[subprocess.Popen[bytes]] = []

    def start_and_keep(workspace: Workspace, *, until_idle: bool) -> subprocess.Popen[bytes]:
        helpers.append(start_worker(workspace, until_idle=until_idle))
        return helpers[-1]

    monkeypatch.setattr(cli_output, "start_worker", start_and_keep)
    ended: list[Run] = []
    follower = threading.Thread(target=lambda: ended.append(cli_output.follow_run(sample, run_id)), daemon=True)
    follower.start()
    follower.join(timeout=120)
    assert [(run.status, run.attempt) for run in ended] == [(RunStatus.SUCCEEDED, 2)]
    assert [helper.wait(timeout=60) for helper in helpers] == [0]


def ask(url: str, token: str | None, body: bytes, path: str = "/encode") -> tuple[int, dict]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url + path, body, headers), timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_warm_encoder_answers_who_has_the_token_and_nobody_else(
    workspace: Workspace, small_project: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
):
    record = ensure_base_model(workspace, small_project, str(tiny_model))
    with pytest.raises(EncoderAway, match="No worker is running"):
        encode_query(workspace, small_project, record, "payment")
    server = EncoderServer(workspace)
    server.start()
    try:
        wanted = Encoder(record).encode_queries(["payment"])
        good = json.dumps({"project": small_project, "model": record.id, "texts": ["payment"]}).encode()
        status, answer = ask(server.url, server.token, good)
        assert status == 200
        assert np.allclose(answer["vectors"], wanted, atol=1e-5)
        for token in (None, "", "wrong", server.token[:-1]):
            assert ask(server.url, token, good)[0] == 403
        assert ask(server.url, server.token, good, "/other")[0] == 403
        for body in (b"{", b"[]", b"{}", b'{"project": "small", "model": "x", "texts": 5}', b"\xff"):
            status, answer = ask(server.url, server.token, body)
            assert status == 400
            assert answer["error"]
        assert ask(server.url, server.token, b"")[0] == 413
        assert server.url.startswith("http://127.0.0.1:")
        import platform

        with workspace.store.write() as conn:
            workers.beat_worker(conn, "w", host=platform.node(), pid=os.getpid(), encoder_url=server.url, encoder_token=server.token)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # once the query and its token went to the environment's proxy
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert np.allclose(encode_query(workspace, small_project, record, "payment"), wanted[0], atol=1e-5)
    finally:
        server.stop()
    with pytest.raises(EncoderAway, match="does not answer"):
        encode_query(workspace, small_project, record, "payment")
