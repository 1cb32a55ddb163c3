"""Taking a cross-encoder of a hub: by a run with progress that can be cancelled, refused before its weights come, and failing in words."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from core.jobs.engine import LocalEngine, start_worker
from core.model import Run, RunKind, RunStatus
from core.retrieval.hub import MEGABYTE
from core.retrieval.rerankers import list_rerankers
from core.store import runs, tables
from core.workspace import Workspace
from tests.ml.release.hub_double import HubDouble, running_hub

ROOT = Path(__file__).resolve().parents[2]
NAME = "someone/reader"
HANG_S = 280
LARGE = 30 * MEGABYTE


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def hub(tmp_path: Path, cross_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """A hub with a cross-encoder, for the processes that this test starts, whose cache is empty."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_hub() as made:
        made.shelf[NAME] = read_files(cross_encoder)
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        yield made


def run_to_end(workspace: Workspace, run_id: str) -> Run:
    assert start_worker(workspace, until_idle=True).wait(timeout=HANG_S) == 0
    return get(workspace, run_id)


def get(workspace: Workspace, run_id: str) -> Run:
    with workspace.store.read() as conn:
        return runs.get_run(conn, run_id)


def wait_for(what: Callable[[], object], seconds: float = HANG_S) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_run_fetches_it_and_again_takes_it_from_the_cache_with_no_hub(hub: HubDouble, workspace: Workspace, small_project: str, cross_encoder: Path):
    first = run_to_end(workspace, LocalEngine(workspace).enqueue(small_project, RunKind.TAKE, {"reference": NAME}))
    assert (first.status, first.error) == (RunStatus.SUCCEEDED, None)
    (record,) = list_rerankers(workspace, small_project)
    assert (record.id, record.name) == (first.result["model_id"], NAME)
    assert read_files(Path(record.location)) == read_files(cross_encoder)
    assert (first.progress.message, first.progress.step, first.progress.total) == ("Fetching from the hub, in MB", 1, 1)
    hub.server.server_close()
    again = run_to_end(workspace, LocalEngine(workspace).enqueue(small_project, RunKind.TAKE, {"reference": NAME}))
    assert (again.status, again.result) == (RunStatus.SUCCEEDED, first.result)


def test_a_fetch_that_is_cancelled_stops_in_the_middle_of_a_file_leaves_none_half_and_goes_on_from_the_others(
    hub: HubDouble, workspace: Workspace, small_project: str, tmp_path: Path
):
    hub.shelf[NAME]["large.safetensors"] = bytes(LARGE)
    hub.gate.clear()
    engine = LocalEngine(workspace)
    run_id = engine.enqueue(small_project, RunKind.TAKE, {"reference": NAME})
    worker = start_worker(workspace, until_idle=True)
    wait_for(lambda: get(workspace, run_id).progress.step >= 10)
    assert get(workspace, run_id).progress.total == 31
    engine.request_cancel(run_id)
    wait_for(lambda: "large" in hub.asked[-1])
    hub.gate.set()
    assert worker.wait(timeout=HANG_S) == 0
    assert get(workspace, run_id).status == RunStatus.CANCELLED
    assert list_rerankers(workspace, small_project) == []
    assert list((tmp_path / "hub-cache").rglob("*.incomplete")) == []
    hub.asked.clear()
    assert run_to_end(workspace, engine.enqueue(small_project, RunKind.TAKE, {"reference": NAME})).status == RunStatus.SUCCEEDED
    assert [path.rsplit("/", 1)[1] for path in hub.asked if path.startswith("GET") and "/resolve/" in path] == ["large.safetensors"]


EACH = """
import json, sys
from core.model import PairsmithError
from core.retrieval.rerankers import describe_reranker
for reference in sys.argv[1:]:
    try:
        describe_reranker(reference)
    except PairsmithError as error:
        print(json.dumps(str(error)))
"""


def say_each(*references: str) -> list[str]:
    """What a process of its own says of each, as hub settings are read once."""
    done = subprocess.run([sys.executable, "-c", EACH, *references], cwd=ROOT, capture_output=True, text=True, check=True, timeout=HANG_S)
    return [json.loads(line) for line in done.stdout.splitlines()]


LOOK = """
import json, sys
from core.retrieval.models import describe_model
from core.tuning.config import TuneConfig
from core.tuning.preflight import run_preflight
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_preflight import run_reranker_preflight
from core.workspace import open_workspace
if sys.argv[1:]:
    describe_model(sys.argv[1])
else:
    workspace = open_workspace()
    reports = run_preflight(workspace, "small", TuneConfig()), run_reranker_preflight(workspace, "small", RerankerConfig())
    print(json.dumps([[sorted(item.code for item in report.findings if item.code in ("absent", "model")), report.memory_gb > 0] for report in reports]))
"""


def test_what_a_training_would_find_is_looked_at_without_asking_the_hub_for_the_base_model(
    hub: HubDouble, workspace: Workspace, small_project: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
):
    hub.shelf["someone/embedder"] = read_files(tiny_model) | {"1_Pooling/config.json": (tiny_model / "1_Pooling" / "config.json").read_bytes()}
    monkeypatch.setenv("PAIRSMITH_HOME", str(workspace.home))
    with workspace.store.write() as conn:
        conn.execute(update(tables.projects).values(base_model="someone/embedder"))

    def look(*fetch: str) -> str:
        return subprocess.run([sys.executable, "-c", LOOK, *fetch], cwd=ROOT, capture_output=True, text=True, check=True, timeout=HANG_S).stdout

    assert json.loads(look()) == [[["absent"], False], [["absent"], False]]
    assert hub.asked == []
    look("someone/embedder")
    assert hub.asked
    hub.asked.clear()
    assert json.loads(look()) == [[[], True], [[], True]]
    assert hub.asked == []


def test_what_the_hub_does_not_have_and_what_is_none_is_said_before_any_weights_come(hub: HubDouble, tiny_model: Path):
    hub.shelf["someone/embedder"] = read_files(tiny_model)
    missing, other = say_each("someone/nothing", "someone/embedder")
    assert "the hub has no model of that name, or it is private" in missing
    assert "is no cross-encoder" in other
    assert [path for path in hub.asked if "safetensors" in path] == []


def test_with_no_network_it_is_said_what_to_do(hub: HubDouble, monkeypatch: pytest.MonkeyPatch):
    hub.server.shutdown()
    hub.server.server_close()
    (said,) = say_each(NAME)
    assert said == (
        f"The model {NAME!r} cannot be fetched: no model hub answers at {hub.url}, and it is not in the local cache. Look at the network, and try again. "
        "Or fetch it where there is a network, copy its folder here, and give the folder."
    )
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (said,) = say_each(NAME)
    assert "as HF_HUB_OFFLINE is set here" in said


def test_on_the_command_line_it_is_a_run_too(hub: HubDouble, workspace: Workspace, small_project: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAIRSMITH_HOME", str(workspace.home))
    command = [sys.executable, "-m", "core.cli", "reranker", "add", small_project]
    done = subprocess.run([*command, NAME, "--json"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    (record,) = list_rerankers(workspace, small_project)
    assert json.loads(done.stdout) == {"id": record.id, "name": NAME, "location": record.location}
    with workspace.store.read() as conn:
        assert [run.status for run in runs.list_runs(conn, small_project, kind=RunKind.TAKE)] == [RunStatus.SUCCEEDED]
    failed = subprocess.run([*command, "someone/nothing"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANG_S)
    assert (failed.returncode, "the hub has no model of that name" in failed.stderr, "Traceback" in failed.stderr) == (1, True, False)
