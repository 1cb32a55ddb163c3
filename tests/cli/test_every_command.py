"""Each command of curation called as a command, within this process, on a small project: what it prints as JSON, and its exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.jobs.engine import start_worker
from core.settings import load_settings
from core.store import projects
from core.workspace import Workspace
from tests.tiny_model import make_tiny_cross_encoder

PAIR = ("--anchor", "a1", "--document", "d5")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(workspace: Workspace, small_project: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command as a shell does: its exit code, its stdout and its stderr."""
    monkeypatch.setenv("PAIRSMITH_HOME", str(workspace.home))
    load_settings.cache_clear()  # else every test after the first worked in the first one's home

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pairsmith", *arguments])
        try:
            main()
            code: Any = 0
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def read_json(call: Call, *arguments: str) -> Any:
    code, out, err = call(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


REPORTS: list[tuple[tuple[str, ...], set[str]]] = [
    (("candidates", "small"), {"total", "candidates"}),
    (("candidates", "small", "--status", "proposed", "--audit"), {"total", "candidates"}),
    (("calibrate", "small"), {"project", "threshold", "reason", "left"}),
    (("agreement", "small", "--overlap", "0.2"), {"project", "judged_twice", "pairs", "ac1", "kappa", "disputes"}),
    (("stop", "small"), {"project"}),
    (("reranker", "list", "small"), {"project", "rerankers"}),
    (("reranker", "preflight", "small"), {"project", "findings", "answers", "negatives", "cut_share", "steps", "seconds", "memory_gb", "can_run"}),
    (("history", "small", "--limit", "3"), {"project", "total", "events", "authors"}),
    (("snapshot", "take", "small"), {"id", "counts", "path", "whole"}),
    (("snapshot", "list", "small"), {"project", "snapshots"}),
    (("guideline", "small"), {"guideline", "versions"}),
    (("queue", "small"), {"open", "held", "skipped", "holders"}),
    (("queue", "small", "--bring-back"), {"brought_back", "open"}),
    (("anchors", "list", "small"), {"total", "anchors"}),
    (("vectors", "small"), {"project", "brought", "systems"}),
    (("judge", "small", *PAIR, "--label", "positive"), {"client_id", "also", "warnings"}),
]


@pytest.mark.parametrize(("arguments", "keys"), REPORTS, ids=[" ".join(arguments) for arguments, _ in REPORTS])
def test_a_command_reports_as_json_and_in_words(call: Call, arguments: tuple[str, ...], keys: set[str]) -> None:
    assert keys <= set(read_json(call, *arguments))
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    assert out.strip() or arguments[0] == "judge"


@pytest.mark.parametrize("command", ["candidates", "calibrate", "agreement", "value", "embed", "stop", "history", "guideline", "queue"])
def test_a_project_that_is_not_there_is_exit_code_1_with_one_line(call: Call, command: str) -> None:
    code, out, err = call(command, "nowhere", "--json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nowhere" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("candidates", "small", "--status", "odd"),
        ("settle", "small", *PAIR),
        ("settle", "small", *PAIR, "--label", "odd"),
        ("history", "small", "--since", "yesterday"),
        ("history", "small", "--limit", "0"),
        ("export", "small", "--what", "odd", "--out", "x"),
        ("import", "small"),
        ("import", "small", "x.csv", "--kind", "odd"),
        ("import", "small", "x.csv", "--map", "text"),
        ("snapshot", "diff", "small"),
        ("alike", "small"),
        ("evaluate", "small", "--queries", "tset"),
        ("evaluate", "small", "--depth", "5"),
        ("evaluate", "small", "--again", "--system", "base"),
        ("evaluate", "small", "--again", "--queries", "test"),
        ("evaluate", "small", "--again", "--reference", "base"),
        ("evaluate", "small", "--again", "--reranker", "cross"),
        ("evaluate", "small", "--again", "--depth", "50"),
        ("vectors", "small", "--name", "x"),
        ("backup",),
        ("anchors", "add", "small"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2_and_prints_nothing_to_stdout(call: Call, arguments: tuple[str, ...]) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err


@pytest.mark.parametrize("what", ["pairs", "triplets", "tuples", "datasets", "beir", "qrels", "csv", "log"])
def test_every_form_is_written_and_never_over_what_is_there(call: Call, tmp_path: Path, what: str) -> None:
    read_json(call, "judge", "small", "--anchor", "a3", "--document", "d5", "--label", "hard_negative")
    out = tmp_path / "out"
    told = read_json(call, "export", "small", "--what", what, "--out", str(out))
    assert told["rows"] > 0
    assert out.exists()
    code, printed, err = call("export", "small", "--what", what, "--out", str(out))
    assert (code, printed) == (1, "")
    assert "exists already" in err


def test_an_import_says_its_columns_and_notes_is_tried_first_and_takes_a_map_and_a_kind(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,response\nWho pays?,The buyer pays.\n", encoding="utf-8")
    tried = read_json(call, "import", "small", str(path), "--dry-run")
    assert (tried["columns"], len(tried["notes"]), tried["anchors"]["new"]) == ({"question": "text", "response": "field"}, 1, 1)
    done = read_json(call, "import", "small", str(path), "--map", "document=response")
    assert done["changed"] == {"documents": 1, "anchors": 1, "judgements": 1}
    assert (done["columns"], done["notes"]) == ({"question": "anchor", "response": "document"}, [])
    assert "Columns: question is anchor, response is document." in call("import", "small", str(path), "--map", "document=response")[1]
    texts = tmp_path / "texts.txt"
    texts.write_text("a1 0 d9 3\na1 0 d8 0\n", encoding="utf-8")
    assert read_json(call, "import", "small", str(texts), "--kind", "texts", "--dry-run")["documents"]["new"] == 1
    assert read_json(call, "import", "small", str(texts))["changed"] == {"documents": 0, "anchors": 0, "judgements": 2}
    path.write_text("question,part\nWho?,trian\n", encoding="utf-8")
    code, out, err = call("import", "small", str(path), "--dry-run", "--json")
    assert (code, out) == (1, "")
    assert "rows.csv, line 2" in err


def test_a_dispute_is_listed_settled_and_then_none(call: Call) -> None:
    for name, label in (("ann", "hard_negative"), ("bob", "positive")):
        read_json(call, "judge", "small", *PAIR, "--label", label, "--author", name)
    found = read_json(call, "agreement", "small")
    assert [(item["anchor_id"], item["document_id"]) for item in found["disputes"]] == [("a1", "d5")]
    assert "client_id" in read_json(call, "settle", "small", *PAIR, "--label", "hard_negative", "--note", "read together")
    assert read_json(call, "agreement", "small")["disputes"] == []
    assert "Nothing is disputed" in call("settle", "small", *PAIR, "--label", "positive")[2]


def test_an_event_is_taken_back_in_the_name_that_is_given_else_the_command_lines(call: Call) -> None:
    for name, options in (("cli", ()), ("ann", ("--author", "ann"))):
        event = read_json(call, "judge", "small", *PAIR, "--label", "hard_negative")["client_id"]
        assert read_json(call, "history", "small", "--take-back", event, *options)["taken_back"] == event
        assert read_json(call, "history", "small", "--limit", "1")["events"][0]["author"] == name
        assert call("history", "small", "--take-back", event)[0] == 1


def test_a_guideline_is_put_in_force_and_a_file_that_is_not_there_is_an_error(call: Call, tmp_path: Path) -> None:
    (tmp_path / "g.md").write_text("Only clauses.", encoding="utf-8")
    assert read_json(call, "guideline", "small", "--file", str(tmp_path / "g.md"), "--author", "ann")["guideline"] == "Only clauses."
    assert call("guideline", "small", "--file", str(tmp_path / "gone.md"))[0] == 1


def test_a_backup_is_a_home_and_is_never_written_over(call: Call, workspace: Workspace, tmp_path: Path) -> None:
    assert read_json(call, "backup", str(tmp_path / "copy"))["out"] == str(tmp_path / "copy")
    assert call("backup", str(tmp_path / "copy"))[0] == 1
    assert [item["id"] for item in read_json(call, "--home", str(tmp_path / "copy"), "project", "list")["projects"]] == ["small"]


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sees the workers end that commands start."""
    started: list[subprocess.Popen[bytes]] = []

    def start(workspace: Workspace, *, until_idle: bool) -> subprocess.Popen[bytes]:
        started.append(start_worker(workspace, until_idle=until_idle))
        return started[-1]

    monkeypatch.setattr("core.cli.output.start_worker", start)
    yield
    assert started
    assert [helper.wait(timeout=60) for helper in started] == [0] * len(started)


@pytest.mark.usefixtures("helpers")
def test_embedding_and_the_value_meter_start_a_worker_and_wait_for_their_run(call: Call) -> None:
    for command, key in (("embed", "run"), ("value", "advice")):
        code, out, err = call(command, "small", "--json")
        assert code == 0, err
        assert key in json.loads(out)
        assert "%" in err


@pytest.mark.usefixtures("helpers")
def test_a_failed_run_is_told_with_the_command_that_prints_its_log(call: Call, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "empty", base_model="/nowhere")
    code, _, err = call("embed", "empty")
    assert code == 1
    found = re.search(r"Its log: pairsmith log empty --run (\w+)", err)
    assert found, err
    run_id = found[1]
    told = read_json(call, "log", "empty", "--run", run_id)
    assert (told["status"], told["id"], told["error"].split("'")[0]) == ("failed", run_id, "There is no model folder ")
    assert "Traceback" in told["log"]
    assert read_json(call, "log", "empty") == told
    _, out, _ = call("log", "empty", "--chars", "20")
    assert out.splitlines()[0].startswith(f"embed run {run_id}: failed. There is no model folder")
    assert call("log", "small", "--run", run_id)[2].startswith("pairsmith: Project 'small' has no run")
    assert call("log", "small")[2] == "pairsmith: Nothing has run yet.\n"


@pytest.mark.usefixtures("helpers")
def test_an_evaluation_waits_for_its_run_and_a_comparison_and_a_report_read_what_it_left(call: Call, tmp_path: Path) -> None:
    code, out, err = call("evaluate", "small", "--system", "base", "--system", "bm25", "--queries", "all", "--json")
    assert code == 0, err
    assert "comparisons" in json.loads(out)
    assert "%" in err
    found = read_json(call, "compare", "small", "--by", "document.topic", "--anchors", "3")
    assert (found["system"], len(found["anchors"]), len(found["slices"]), found["stale"]) == ("bm25", 3, 10, [])
    said = call("compare", "small")[1]
    assert found["comparisons"][0]["verdict"]["title"] in said
    assert "At least 10 unrelated held-out anchors" in said
    code, out, err = call("compare", "small", "--system", "tuned")
    assert (code, out) == (1, "")
    assert "was not measured in this run" in err
    counted = read_json(call, "holes", "small")
    judged = read_json(call, "holes", "small", "--judge")
    assert (counted["waiting"], judged["waiting"], judged["placed"]) == (0, counted["holes"], counted["holes"])
    assert f"{counted['holes']} wait in the review queue" in call("holes", "small")[1]
    again = read_json(call, "evaluate", "small", "--again")
    assert (list(again["systems"]), again["queries"], again["run"] != found["run"]) == (["base", "bm25"], "all", True)
    written = read_json(call, "report", "small", "--out", str(tmp_path / "verdict.html"))["files"]
    assert [Path(path).name for path in written] == ["verdict.html", "verdict.json"]
    assert all(Path(path).stat().st_size > 1_000 for path in written)


def test_a_search_names_a_model_and_says_what_it_lacks(call: Call) -> None:
    found = read_json(call, "search", "small", "late payment", "--k", "3")
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    alone = read_json(call, "search", "small", "late payment", "--system", "base", "--reranker", "cross")
    assert (alone["hits"], "24 of 24 documents are not embedded" in alone["note"]) == ([], True)
    assert "are not embedded" in call("search", "small", "late payment", "--system", "base")[1]
    assert call("search", "small", "late payment", "--reranker", "cross")[2].startswith("pairsmith: No worker is running")
    assert call("search", "small", "late payment", "--system", "bm25")[2].startswith("pairsmith: BM25 alone is not searched here.")


def test_a_cross_encoder_is_taken_in_and_listed(call: Call, tiny_model: Path, tmp_path: Path) -> None:
    folder = make_tiny_cross_encoder(tmp_path / "cross", tiny_model)
    added = read_json(call, "reranker", "add", "small", str(folder))
    (listed,) = read_json(call, "reranker", "list", "small")["rerankers"]
    assert (listed["id"], listed["name"], listed["location"]) == (added["id"], "cross", str(folder))
    code, _, err = call("reranker", "add", "small", str(tiny_model))
    assert (code, err.count("\n")) == (1, 1)
    assert "is no cross-encoder" in err
