"""The worker as the real processes it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.cli import output as cli_output
from core.ingest.sample import create_sample
from core.jobs.encoder_server import EncoderServer
from core.jobs.engine import LocalEngine, start_worker
from core.jobs.run_log import read_log
from core.model import Document, Part, Run, RunKind, RunStatus
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents
from core.retrieval.models import ensure_base_model
from core.retrieval.query_client import EncoderAway, encode_query, rerank_documents
from core.retrieval.ranking import search_dense
from core.retrieval.reranker import Reranker
from core.retrieval.rerankers import take_reranker
from core.retrieval.search import Hit, rerank_hits
from core.settings import Settings
from core.store import artefacts, corpus, open_store, projects, runs, workers
from core.workspace import Workspace
from tests.tiny_model import make_tiny_cross_encoder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # several waits of `HANG_S` in one test
HANG_S = 500
"""After which nothing more will come, on however loaded a machine."""
TUNE = {"epochs": 6, "batch": 16, "learning_rate": 1e-3, "evaluations": 6, "generic_share": 0.0, "merge": False}
SHORT = TUNE | {"epochs": 2, "evaluations": 4}
"""For what is run to its end."""


@pytest.fixture
def sample(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The sample project on the tiny model, in a home whose processes look for work often."""
    for name, value in {"POLL_S": "0.1", "CANCEL_GRACE_S": "20", "THREADS": "1"}.items():
        monkeypatch.setenv(f"PAIRSMITH_{name}", value)
    workspace = make_sample(tmp_path / "home", tiny_model)
    yield workspace
    workspace.store.close()
    for process in psutil.Process().children(recursive=True):  # a test that failed leaves its worker behind, which would slow down all that follow
        with suppress(psutil.Error):
            if any(word.startswith("core.jobs.") for word in process.cmdline()):
                process.kill()


def make_sample(home: Path, tiny_model: Path) -> Workspace:
    settings = Settings(home=home, base_model=str(tiny_model))
    workspace = Workspace(settings, open_store(settings.url))
    create_sample(workspace)
    return workspace


def get(workspace: Workspace, run_id: str) -> Run:
    with workspace.store.read() as conn:
        return runs.get_run(conn, run_id)


def wait_for(what: Callable[[], object], seconds: float = HANG_S) -> object:
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
        assert worker.wait(timeout=HANG_S) == 0
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
    run_id = LocalEngine(sample).enqueue("contracts", RunKind.TUNE, SHORT)
    worker = start_worker(sample, until_idle=True)
    checkpoints = sample.run_folder(run_id) / "checkpoints"
    wait_for(lambda: list(checkpoints.glob("checkpoint-*/trainer_state.json")))
    child = child_of(worker.pid, run_id)
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    reached = max(int(path.parent.name.split("-")[1]) for path in checkpoints.glob("checkpoint-*/trainer_state.json"))
    assert worker.wait(timeout=HANG_S) == 0
    run = get(sample, run_id)
    assert (run.status, run.attempt, run.error) == (RunStatus.SUCCEEDED, 2, None)
    steps = [step for step, _ in run.progress.figures["loss"]]
    assert steps == list(range(1, run.result["train"]["steps"] + 1))
    log = (sample.run_folder(run_id) / "log.txt").read_text()
    assert log.count("--- attempt") == 2
    assert 0 < reached < run.result["train"]["steps"]
    assert not checkpoints.exists()


def rank_held_out(workspace: Workspace, run: Run) -> dict[str, list[str]]:
    """The ranking of every held-out anchor under the model that the run left."""
    with workspace.store.read() as conn:
        record = artefacts.get_model(conn, "contracts", run.result["model_id"])
        anchors = corpus.read_anchors(conn, "contracts", part=Part.TEST)
        documents = corpus.read_documents(conn, "contracts")
    rows, _ = search_dense(embed_anchors(workspace, record, [anchor.text for anchor in anchors]), embed_documents(workspace, record, documents), 100)
    return {anchor.id: [documents[row].id for row in found] for anchor, found in zip(anchors, rows.tolist(), strict=True)}


def test_a_killed_run_is_reclaimed_by_its_lease_and_ends_with_the_test_ranking_of_an_undisturbed_one(
    sample: Workspace, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Worker and child die together by kill -9, so nobody gives the run back: only its lease, when it runs out, lets another worker take it up."""
    monkeypatch.setenv("PAIRSMITH_LEASE_S", "3")
    run_id = LocalEngine(sample).enqueue("contracts", RunKind.TUNE, SHORT)
    worker = start_worker(sample, until_idle=True)
    checkpoints = sample.run_folder(run_id) / "checkpoints"
    wait_for(lambda: len(list(checkpoints.glob("checkpoint-*/trainer_state.json"))) > 1)
    child = child_of(worker.pid, run_id)
    assert child is not None
    for pid in (worker.pid, child.pid):
        os.kill(pid, signal.SIGKILL)
    worker.wait(timeout=HANG_S)
    left = get(sample, run_id)
    assert (left.status, left.attempt) == (RunStatus.RUNNING, 1)
    wait_for(lambda: is_claimable(sample, run_id))
    undisturbed = make_sample(tmp_path / "undisturbed", tiny_model)
    try:
        other_id = LocalEngine(undisturbed).enqueue("contracts", RunKind.TUNE, SHORT)
        for workspace in (sample, undisturbed):
            assert start_worker(workspace, until_idle=True).wait(timeout=HANG_S) == 0
        killed, whole = get(sample, run_id), get(undisturbed, other_id)
        assert [(run.status, run.attempt) for run in (killed, whole)] == [(RunStatus.SUCCEEDED, 2), (RunStatus.SUCCEEDED, 1)]
        assert (sample.run_folder(run_id) / "log.txt").read_text().count("--- attempt") == 2
        ranking = rank_held_out(sample, killed)
        assert len(ranking) > 20
        assert ranking == rank_held_out(undisturbed, whole)
        assert killed.result["model_id"] == whole.result["model_id"]
        assert killed.result["test"]["difference"] == whole.result["test"]["difference"]
        assert killed.progress.figures == whole.progress.figures
    finally:
        undisturbed.store.close()


def is_claimable(workspace: Workspace, run_id: str) -> bool:
    with workspace.store.read() as conn:
        return runs.is_claimable(conn, run_id)


def end_of(workspace: Workspace, run_id: str) -> Run:
    """The run after a worker has done all there is."""
    assert start_worker(workspace, until_idle=True).wait(timeout=HANG_S) == 0
    return get(workspace, run_id)


def test_a_run_whose_model_is_gone_or_damaged_fails_in_words_and_keeps_its_log(sample: Workspace, tiny_model: Path, tmp_path: Path):
    damaged = shutil.copytree(tiny_model, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"not weights at all, but long enough to be read as a header")
    engine, queued = LocalEngine(sample), {}
    for name, folder in (("gone", tmp_path / "moved-away"), ("bad", damaged)):
        with sample.store.write() as conn:
            projects.add_project(conn, name, base_model=str(folder))
            corpus.put_documents(conn, name, [Document("d", "A clause.")])
        queued[name] = engine.enqueue(name, RunKind.TUNE, {})
    gone, bad = end_of(sample, queued["gone"]), get(sample, queued["bad"])
    assert [(run.status, run.attempt) for run in (gone, bad)] == [(RunStatus.FAILED, 1)] * 2
    assert gone.error.startswith(f"There is no model folder '{tmp_path / 'moved-away'}' on this machine.")
    assert bad.error.startswith("The model 'damaged' cannot be loaded from")
    assert all("Traceback" in read_log(sample, run.id) for run in (gone, bad))


def test_a_run_that_is_killed_every_time_fails_with_what_to_do_about_memory(sample: Workspace, monkeypatch: pytest.MonkeyPatch):
    """What the system does to the process where memory runs out is a kill -9: nothing of it can speak."""
    monkeypatch.setenv("PAIRSMITH_ATTEMPTS", "1")
    run_id = LocalEngine(sample).enqueue("contracts", RunKind.TUNE, TUNE)
    worker = start_worker(sample, until_idle=True)
    child = wait_for(lambda: child_of(worker.pid, run_id))
    child.kill()
    assert worker.wait(timeout=HANG_S) == 0
    run = get(sample, run_id)
    assert run.status == RunStatus.FAILED
    assert run.error.startswith("The run's process was killed from outside once: most often the system does that where memory runs out.")
    assert read_log(sample, run_id).startswith("--- attempt 1 of tune")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_ends_in_a_failed_run_that_says_so_and_gives_its_checkpoints_room_back(sample: Workspace, tiny_model: Path, small_disk: Path):
    workspace = make_sample(small_disk / "home", tiny_model)
    try:
        run_id = LocalEngine(workspace).enqueue("contracts", RunKind.TUNE, TUNE)
        free = shutil.disk_usage(small_disk).free
        (small_disk / "ballast").write_bytes(b"\0" * (free - 1_000_000))
        run = end_of(workspace, run_id)
        assert (run.status, run.error) == (RunStatus.FAILED, "The disk is full. Free some space, then start a new run: it begins from the start.")
        assert "Traceback" in read_log(workspace, run_id)
        assert not (workspace.run_folder(run_id) / "checkpoints").exists()
    finally:
        workspace.store.close()


def test_a_running_run_that_is_cancelled_stops_and_says_so(sample: Workspace):
    engine = LocalEngine(sample)
    run_id = engine.enqueue("contracts", RunKind.TUNE, TUNE | {"epochs": 50})
    worker = start_worker(sample, until_idle=True)
    wait_for(lambda: get(sample, run_id).progress.figures.get("loss"))
    child = child_of(worker.pid, run_id)
    engine.request_cancel(run_id)
    assert worker.wait(timeout=HANG_S) == 0
    run = get(sample, run_id)
    assert (run.status, run.result, run.attempt) == (RunStatus.CANCELLED, None, 1)
    assert not (sample.run_folder(run_id) / "checkpoints").exists()
    assert child is not None
    assert not child.is_running()


def test_a_run_that_is_told_to_stop_though_nobody_cancelled_it_goes_on_in_another_attempt(sample: Workspace):
    """A machine that goes down sends SIGTERM: that is no cancelling."""
    run_id = LocalEngine(sample).enqueue("contracts", RunKind.TUNE, SHORT)
    worker = start_worker(sample, until_idle=True)
    wait_for(lambda: get(sample, run_id).progress.figures.get("loss"))
    child = child_of(worker.pid, run_id)
    assert child is not None
    child.terminate()
    assert worker.wait(timeout=HANG_S) == 0
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
    follower.join(timeout=HANG_S)
    assert [(run.status, run.attempt) for run in ended] == [(RunStatus.SUCCEEDED, 2)]
    assert [helper.wait(timeout=HANG_S) for helper in helpers] == [0]


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
    workspace: Workspace, small_project: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        cross = take_reranker(workspace, small_project, str(make_tiny_cross_encoder(tmp_path / "cross", tiny_model)))
        with workspace.store.read() as conn:
            documents = corpus.get_documents(conn, small_project, ["d7", "d2", "d5"])
        scores = Reranker(cross.location).score([("payment", documents[item].content) for item in ("d7", "d2", "d5")])
        assert np.allclose(rerank_documents(workspace, small_project, cross.name, "payment", ["d7", "d2", "d5"]), scores, atol=1e-5)
        hits = rerank_hits(workspace, small_project, cross.id, "payment", [Hit(documents[item], place, 0.5) for place, item in enumerate(documents, 1)])
        order = np.array(["d7", "d2", "d5"])[np.argsort(-scores)].tolist()
        assert [(hit.rank, hit.document.id) for hit in hits] == list(enumerate(order, start=1))
        hits = rerank_hits(workspace, small_project, cross.id, "payment", [Hit(documents[item], place, 0.5) for place, item in enumerate(documents, 1)], 2)
        assert (hits[2], sorted(hit.rank for hit in hits)) == (Hit(list(documents.values())[2], 3, 0.5), [1, 2, 3])
        with pytest.raises(EncoderAway, match="Take it in first: pairsmith reranker add small owner/name"):
            rerank_documents(workspace, small_project, "owner/name", "payment", ["d7"])
        with pytest.raises(EncoderAway, match="has no document 'gone'"):
            rerank_documents(workspace, small_project, cross.name, "payment", ["gone"])
        with pytest.raises(EncoderAway, match="is an embedding model, no reranker"):
            rerank_documents(workspace, small_project, record.name, "payment", ["d7"])
    finally:
        server.stop()
    with pytest.raises(EncoderAway, match="does not answer"):
        encode_query(workspace, small_project, record, "payment")
