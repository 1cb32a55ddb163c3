"""The command line as a script sees it: a real process, its exit code, its stdout and its stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sample_data

ROOT = Path(__file__).resolve().parents[2]


def call(home: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PAIRSMITH_HOME": str(home), "PAIRSMITH_POLL_S": "0.05"}
    done = subprocess.run([sys.executable, "-m", "core.cli", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def call_json(home: Path, *arguments: str) -> Any:
    return json.loads(call(home, *arguments, "--json").stdout)


@pytest.fixture
def pair_file(tmp_path: Path) -> Path:
    topics = ["termination", "assignment", "liability", "insurance", "audit", "payment", "interest", "renewal", "warranty", "delivery", "notice", "confidence"]
    rows = [
        {
            "anchor": f"What does the contract say on {topic}?",
            "positive": f"The parties agree on {topic} as the {topic} schedule says.",
            "hard_negatives": [f"This schedule names {topic} only to say that it has no part in it."],
        }
        for topic in topics
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_an_unknown_project_is_an_error_on_stderr_with_exit_code_1(tmp_path: Path) -> None:
    done = call(tmp_path / "home", "evaluate", "nowhere", code=1)
    assert done.stdout == ""
    assert "no project named 'nowhere'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("evaluate", "p", "--queries", "x"), ("nonsense",), ("tune", "p", "--epochs", "many"), ("clumps",)])
def test_wrong_usage_is_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    call(tmp_path / "home", *arguments, code=2)


def test_home_may_stand_before_or_behind_the_command(tmp_path: Path) -> None:
    other = tmp_path / "other"
    call(tmp_path / "home", "--home", str(other), "init", "one")
    call(tmp_path / "home", "init", "two", "--home", str(other))
    call(tmp_path / "home", "init", "three", f"--home={other}")
    assert [project["id"] for project in call_json(other, "project", "list")["projects"]] == ["one", "two", "three"]
    assert not (tmp_path / "home").exists()


def test_import_makes_the_project_and_a_second_import_changes_nothing(tmp_path: Path, pair_file: Path) -> None:
    home = tmp_path / "home"
    first = call_json(home, "import", "mine", str(pair_file))
    told = {"columns": {}, "notes": []}
    assert first == {"project": "mine", "created": True, "changed": {"documents": 24, "anchors": 12, "judgements": 24}, **told}
    assert call_json(home, "import", "mine", str(pair_file)) == {
        "project": "mine",
        "created": False,
        "changed": {"documents": 0, "anchors": 0, "judgements": 0},
        **told,
    }


def test_a_file_with_faults_is_refused_whole_with_each_line_and_makes_no_project(tmp_path: Path, pair_file: Path) -> None:
    pair_file.write_text(pair_file.read_text(encoding="utf-8") + '{"anchor": ""}\nnot json\n', encoding="utf-8")
    done = call(tmp_path / "home", "import", "broken", str(pair_file), code=1)
    assert "line 13: anchor is empty." in done.stderr
    assert "line 14: not valid JSON" in done.stderr
    assert call_json(tmp_path / "home", "project", "list") == {"projects": []}


def test_exported_pairs_import_again_as_the_same_judgements(tmp_path: Path, pair_file: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out.jsonl"
    call(home, "import", "one", str(pair_file))
    assert call_json(home, "export", "one", "--out", str(out))["rows"] == 12
    call(home, "import", "two", str(out))
    again = tmp_path / "again.jsonl"
    call(home, "export", "two", "--out", str(again))
    assert sorted(again.read_text(encoding="utf-8").splitlines()) == sorted(out.read_text(encoding="utf-8").splitlines())
    assert "exists already" in call(home, "export", "one", "--out", str(out), code=1).stderr


def test_judging_says_what_followed_and_the_guideline_is_replaced_from_a_file(tmp_path: Path, pair_file: Path) -> None:
    home, text = tmp_path / "home", tmp_path / "guideline.md"
    call(home, "import", "one", str(pair_file))
    text.write_text("**Only** clauses count.\n", encoding="utf-8")
    assert call_json(home, "guideline", "one", "--file", str(text), "--author", "ann")["versions"][0]["author"] == "ann"
    assert call(home, "guideline", "one").stdout == "**Only** clauses count.\n"
    text.write_bytes(b"Only cl\xe4uses count.")
    assert "is not UTF-8 (byte 8 " in call(home, "guideline", "one", "--file", str(text), code=1).stderr
    log = tmp_path / "log.jsonl"
    call(home, "export", "one", "--what", "log", "--out", str(log))
    first = json.loads(log.read_text(encoding="utf-8").splitlines()[0])
    pair = ("--anchor", first["anchor_id"], "--document", first["document_id"])
    judged = call_json(home, "judge", "one", *pair, "--label", "positive", "--more")
    assert (judged["also"], judged["warnings"]) == ([], [])
    assert "is not in training yet" in judged["more"]
    assert "is not in training yet" in call(home, "alike", "one", *pair, code=1).stderr
    assert call_json(home, "judge", "one", "--undo", judged["client_id"])["also"] == []


def test_the_sample_is_made_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    call(home, "init", "--sample")
    call(home, "init", "--sample")
    assert [project["documents"] for project in call_json(home, "project", "list")["projects"]] == [563]


def test_clumps_of_bare_arrays_prints_the_promised_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(400, 32)).astype(np.float32)
    np.save(tmp_path / "base.npy", base)
    np.save(tmp_path / "tuned.npy", base @ np.linalg.qr(rng.normal(size=(32, 32)))[0].astype(np.float32))
    value = call_json(tmp_path / "home", "clumps", "--base", str(tmp_path / "base.npy"), "--tuned", str(tmp_path / "tuned.npy"))
    assert value["verdict"] == "green"
    assert value["hotspots"] == []
    assert value["global"]["documents"]["participation_ratio"]["value"] == pytest.approx(1, abs=1e-3)
    np.save(tmp_path / "short.npy", base[:10])
    done = call(tmp_path / "home", "clumps", "--base", str(tmp_path / "base.npy"), "--tuned", str(tmp_path / "short.npy"), code=1)
    assert "400 rows" in done.stderr
    assert "has 10" in done.stderr


def test_doctor_finds_this_installation_in_order(tmp_path: Path) -> None:
    report = call_json(tmp_path / "home", "doctor")
    assert report["ok"] is True
    assert {check["name"] for check in report["checks"]} == {"home", "database", "embedded model", "worker", "versions"}


@pytest.mark.slow
def test_the_whole_job_runs_from_the_command_line(tmp_path: Path, tiny_model: Path) -> None:
    """Import, mine, let the oracle judge, tune, evaluate, measure clumps, draw the map, take the model: on the sample with a tiny model."""
    home = tmp_path / "home"
    call(home, "import", "c", str(sample_data.CONTRACTS), "--base-model", str(tiny_model))
    mined = call_json(home, "mine", "c", "--per-anchor", "3")
    assert mined["suspicious"] + mined["proposed"] > 0
    judged = call_json(home, "judge", "c", "--oracle", str(sample_data.CONTRACTS / "oracle.tsv"))
    assert judged["positives"] + judged["hard_negatives"] == mined["suspicious"] + mined["proposed"]
    assert call_json(home, "judge", "c")["records"] == []
    before = call_json(home, "evaluate", "c", "--system", "base", "--queries", "all")["systems"]["base"]
    assert 0 < before["ndcg@5"] < 1
    assert before["n"] >= 307
    done = call(home, "tune", "c", "--epochs", "1", "--evaluations", "2", "--json")
    assert "%" in done.stderr
    tuned = json.loads(done.stdout)
    assert tuned["verdict"]["outcome"] in ("better", "better_here_but_forgot", "not_distinguishable", "worse")
    test = call_json(home, "evaluate", "c", "--system", "base", "--system", "tuned", "--queries", "test")["systems"]
    assert test["tuned"]["model_id"] == tuned["model"] != test["base"]["model_id"]
    assert test["tuned"]["ndcg@5"] == pytest.approx(tuned["test"]["tuned"]["ndcg@5"])
    assert call_json(home, "clumps", "c")["verdict"] in ("green", "note", "amber", "red", "none")
    drawn = call_json(home, "map", "c")
    assert drawn["projection_id"]
    assert any("on the held-out anchors changed by" in sentence for sentence in drawn["said"]), drawn["said"]
    call(home, "export", "c", "--what", "model", "--out", str(tmp_path / "model"))
    assert (tmp_path / "model" / "model.safetensors").exists()
    assert {run["status"] for run in call_json(home, "runs", "c")["runs"]} == {"succeeded"}
    assert {model["kind"] for model in call_json(home, "project", "show", "c")["models"]} == {"base", "tuned"}
