"""The `anchors` commands as a script uses them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_cli import call, call_json


def test_anchors_are_added_listed_grouped_and_taken_apart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    call(home, "init", "p")
    assert call_json(home, "anchors", "add", "p", "Who pays?", "who PAYS", "Who pays?")["repeated"] == [{"line": 3, "text": "Who pays?", "first_line": 1}]
    table = tmp_path / "asked.csv"
    table.write_text("nr,question,topic\nq1,May we assign?,t\nq2,Can it be assigned?,t\nq3,And when?,\n", encoding="utf-8")
    columns = ("--file", str(table), "--id-column", "nr", "--group", "topic")
    assert call_json(home, "anchors", "add", "p", *columns, "--dry-run")["added"] == 0
    assert call_json(home, "anchors", "add", "p", *columns)["added"] == 3
    assert call_json(home, "anchors", "add", "p", *columns)["added"] == 0
    listed = call_json(home, "anchors", "list", "p", "--unanswered")
    assert [(row["text"], row["paraphrases"]) for row in listed["anchors"]] == [("Who pays?", 0), ("who PAYS", 0), ("May we assign?", 1), ("And when?", 0)]
    found = call_json(home, "anchors", "proposals", "p")
    assert (found["missing"], [item["texts"] for item in found["proposals"]]) in [(5, [["Who pays?", "who PAYS"]]), (5, [["who PAYS", "Who pays?"]])]
    ids = found["proposals"][0]["ids"]
    change = call_json(home, "anchors", "group", "p", *ids)
    assert (change["group"], change["members"], change["carried"]) == (ids[0], ids, [])
    assert call_json(home, "anchors", "proposals", "p")["proposals"] == []
    assert call_json(home, "anchors", "ungroup", "p", ids[0])["members"] == []
    assert call_json(home, "anchors", "proposals", "p")["proposals"] == []
    assert "stands in no group" in call(home, "anchors", "ungroup", "p", ids[0], code=1).stderr


def test_a_bad_table_is_refused_whole_with_its_lines(tmp_path: Path) -> None:
    home, table = tmp_path / "home", tmp_path / "asked.tsv"
    call(home, "init", "p")
    table.write_text("question\nGood?\n" + "x" * 5_000 + "\n", encoding="utf-8")
    assert "asked.tsv, line 3" in call(home, "anchors", "add", "p", "--file", str(table), code=1).stderr
    assert call_json(home, "anchors", "list", "p")["total"] == 0
    assert "asked.tsv, line 3" in call(home, "anchors", "add", "p", "--file", str(table), "--dry-run", code=1).stderr
    call(home, "anchors", "add", "p", code=2)
    assert "no file" in call(home, "anchors", "add", "p", "--file", str(tmp_path / "gone.csv"), code=1).stderr
