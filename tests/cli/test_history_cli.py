"""The commands that look back, as a script sees them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_cli import call, call_json, pair_file

__all__ = ["pair_file"]


def test_the_log_is_filtered_shown_and_taken_back(tmp_path: Path, pair_file: Path) -> None:
    home = tmp_path / "home"
    call(home, "import", "mine", str(pair_file))
    told = call_json(home, "history", "mine", "--label", "hard_negative", "--anchor", "termination", "--limit", "5")
    assert (told["total"], len(told["events"])) == (1, 1)
    event = told["events"][0]
    assert (event["label"], event["label_before"], event["taken_back_by"]) == ("hard_negative", None, None)
    assert told["authors"][0]["decisions"] == 24
    assert call_json(home, "history", "mine", "--show", event["client_id"])["standing"] is True
    call(home, "history", "mine", "--take-back", event["client_id"], "--author", "ann")
    assert call_json(home, "history", "mine", "--show", event["client_id"])["past"]["taken_back_by"] == "ann"
    assert "taken back already" in call(home, "history", "mine", "--take-back", event["client_id"], code=1).stderr


def test_snapshots_are_taken_listed_compared_and_made_again_and_a_backup_holds_them(tmp_path: Path, pair_file: Path) -> None:
    home = tmp_path / "home"
    call(home, "import", "mine", str(pair_file))
    first = call_json(home, "snapshot", "take", "mine")
    event = call_json(home, "history", "mine", "--label", "hard_negative", "--limit", "1")["events"][0]
    call(home, "history", "mine", "--take-back", event["client_id"])
    second = call_json(home, "snapshot", "take", "mine")
    diff = call_json(home, "snapshot", "diff", "mine", first["id"][:8], second["id"])
    assert diff["pairs"] == [{"anchor_id": event["anchor_id"], "document_id": event["document_id"], "before": 0, "after": None}]
    content = Path(first["path"]).read_bytes()
    Path(first["path"]).unlink()
    assert [item["whole"] for item in call_json(home, "snapshot", "list", "mine")["snapshots"]] == [True, False]
    call(home, "snapshot", "rebuild", "mine", first["id"])
    assert Path(first["path"]).read_bytes() == content
    call(home, "backup", str(tmp_path / "copy"))
    assert len(call_json(tmp_path / "copy", "snapshot", "list", "mine")["snapshots"]) == 2
