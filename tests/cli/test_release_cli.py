"""The commands of release, on an index of files: what they print, and their exit codes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.jobs.engine import start_worker
from core.release.stores.faiss_files import FaissFiles
from core.release.target import read_target
from core.settings import load_settings
from core.workspace import Workspace
from tests.cli.test_every_command import Call, call, read_json

__all__ = ["call"]


@pytest.fixture(autouse=True)
def own_home() -> Iterator[None]:
    """Settings are read once a process: each test has them read anew, or it would work in the home of the first."""
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_a_target_is_shown_set_and_refused_where_it_cannot_be_used(call: Call, tmp_path: Path) -> None:
    assert read_json(call, "release", "target", "small")["store"] == "faiss"
    kept = read_json(call, "release", "target", "small", "--store", "qdrant", "--place", str(tmp_path / "q"), "--alias", "clauses")
    assert kept == {"project": "small", "store": "qdrant", "place": str(tmp_path / "q"), "alias": "clauses"} == read_json(call, "release", "target", "small")
    code, out, err = call("release", "target", "small", "--alias", "No Alias", "--json")
    assert (code, out) == (1, "")
    assert "cannot be used" in err
    assert call("release", "target", "small", "--store", "milvus")[0] == 2


@pytest.mark.parametrize(
    "arguments", [("status",), ("plan",), ("reindex",), ("rollback",), ("drop", "x"), ("search", "x"), ("target",), ("upload", "--repo", "a/b")]
)
def test_a_project_that_is_not_there_is_exit_code_1_with_one_line(call: Call, arguments: tuple[str, ...]) -> None:
    code, out, err = call("release", arguments[0], "nowhere", *arguments[1:], "--json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nowhere" in err


def test_before_anything_is_live_each_command_says_so(call: Call) -> None:
    assert read_json(call, "release", "status", "small")["live"] is None
    planned = read_json(call, "release", "plan", "small", "--system", "base")
    assert (planned["standing"], planned["documents"], planned["to_write"]) == ("new", 24, 24)
    assert "to encode" in call("release", "plan", "small", "--system", "base")[1]
    for arguments, words in (
        (("rollback", "small"), "no version to go back to"),
        (("drop", "small", "x"), "no version"),
        (("search", "small", "x"), "Nothing is live"),
    ):
        code, out, err = call("release", *arguments)
        assert (code, out) == (1, "")
        assert words in err
    assert "no tuned model yet" in call("release", "reindex", "small")[2]
    assert "BM25 has no vectors" in call("release", "plan", "small", "--system", "bm25")[2]


def test_the_guard_is_written_once(call: Call, tmp_path: Path) -> None:
    assert read_json(call, "release", "guard", "--out", str(tmp_path / "app"))["out"] == str(tmp_path / "app" / "pairsmith_guard")
    assert call("release", "guard", "--out", str(tmp_path / "app"))[0] == 1


@pytest.mark.slow
def test_a_release_from_plan_to_search_by_a_worker_and_the_way_back(call: Call, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    helpers: list[subprocess.Popen[bytes]] = []

    def start(home: Workspace, *, until_idle: bool) -> subprocess.Popen[bytes]:
        helpers.append(start_worker(home, until_idle=until_idle))
        return helpers[-1]

    monkeypatch.setattr("core.cli.output.start_worker", start)  # to see it end
    monkeypatch.setenv("PAIRSMITH_THREADS", "1")
    done = read_json(call, "release", "reindex", "small", "--system", "base")
    assert (done["documents"], done["written"], done["previous"], {check["holds"] for check in done["checks"]}) == (24, 24, None, {True})
    status: dict[str, Any] = read_json(call, "release", "status", "small")
    assert (status["live"], status["fault"], [version["documents"] for version in status["versions"]]) == (done["version"], "", [24])
    assert done["version"] in call("release", "status", "small")[1]
    assert len(read_json(call, "release", "search", "small", "What does the contract say on audit?", "--k", "3")["hits"]) == 3
    code, _, err = call("release", "drop", "small", done["version"])
    assert code == 1
    assert "is live" in err
    target = read_target(workspace, "small")
    (FaissFiles(target.place, target.alias).root / "CURRENT").unlink()
    assert "is gone" in read_json(call, "release", "status", "small")["fault"]
    assert read_json(call, "release", "rollback", "small", "--to", done["version"])["live"] == done["version"]
    assert [helper.wait(timeout=200) for helper in helpers] == [0] * len(helpers)
