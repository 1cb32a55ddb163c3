"""Anchors from tables and pasted lines: what comes in, what is known, and where every fault stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ingest.anchors import MOST_CHARS, AnchorColumns, plan_anchors, read_anchor_columns, read_anchor_lines, read_anchor_table, store_anchors
from core.ingest.bundle import ImportRefused
from core.ingest.export import Form, export_project
from core.model import Anchor, hash_text
from core.store import corpus
from core.workspace import Workspace

COLUMNS = AnchorColumns("Question", "Id", "Topic")


def said(problems: object) -> list[str]:
    return [str(problem) for problem in problems]  # type: ignore[attr-defined]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_gives_anchors_with_the_chosen_id_and_group(separator: str):
    rows = [
        ["Id", "Topic", "Question", "Other"],
        ["q1", "t", "Who pays?", "x"],
        ["q2", "", f'"May {separator} we\nassign?"', ""],
        ["", "", " ", ""],
        ["q3", "t", "And when?", ""],
    ]
    text = "\ufeff" + "\r\n".join(separator.join(row) for row in rows)
    assert read_anchor_columns(text) == (["Id", "Topic", "Question", "Other"], AnchorColumns("Question", "Id"))
    found, problems = read_anchor_table(text, COLUMNS)
    assert problems == []
    assert [(item.line, item.anchor) for item in found] == [
        (2, Anchor("q1", "Who pays?", group="t")),
        (3, Anchor("q2", f"May {separator} we\nassign?")),
        (6, Anchor("q3", "And when?", group="t")),
    ]


def test_a_table_without_ids_names_anchors_by_their_text(tmp_path: Path):
    path = tmp_path / "asked.csv"
    path.write_text("Question\nWho pays?\n\nMay we assign?\n", encoding="utf-8")
    found, problems = read_anchor_table(path, AnchorColumns("Question"))
    assert (problems, [item.line for item in found]) == ([], [2, 4])
    assert found[0].anchor == Anchor("a-" + hash_text("Who pays?")[:16], "Who pays?")


def test_every_fault_of_a_table_is_named_with_its_line(tmp_path: Path):
    path = tmp_path / "asked.csv"
    path.write_bytes(b"Id,Topic,Question\nq1,t,\nq2,t,One,Two\n,t,Three\nq4,t," + b"x" * (MOST_CHARS + 1) + b"\n")
    _, problems = read_anchor_table(path, COLUMNS)
    assert sorted(said(problems)) == [
        "asked.csv, line 2: the question is empty.",
        "asked.csv, line 3: 4 cells where the header has 3; quote cells that hold the separator.",
        "asked.csv, line 4: the id is empty; fill it in, or choose no id column.",
        f"asked.csv, line 5: the question has {MOST_CHARS + 1:,} characters, {MOST_CHARS:,} at most; is it the right column?",
    ]
    path.write_bytes(b"Id,Topic,Question\nq5,t,\xff\nq6,t,\0\n")
    found, problems = read_anchor_table(path, COLUMNS)
    assert (found, [problem.line for problem in problems]) == ([], [2, 3])


def test_an_exported_table_of_anchors_is_all_known(workspace: Workspace, small_project: str, tmp_path: Path):
    """Once the apostrophe that guards a cell was taken for a part of the question, and these were all new."""
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, small_project, [Anchor("=1", "=SUM of what?", group="a1"), Anchor("m", "-- or; what\nelse, then?")])
    export_project(workspace, small_project, Form.CSV, tmp_path / "tables")
    file = tmp_path / "tables" / "anchors.csv"
    for source in (file, file.read_bytes().decode("utf-8")):
        found, problems = read_anchor_table(source)
        with workspace.store.read() as conn:
            plan = plan_anchors(conn, small_project, found, problems)
        assert (list(plan.problems), plan.new, plan.repeated, len(plan.known)) == ([], [], [], 14)
        assert read_anchor_columns(source)[1] == AnchorColumns("text", "id", "group")
    utf16 = tmp_path / "utf16.csv"
    utf16.write_text(file.read_text(encoding="utf-8-sig"), encoding="utf-16", newline="")
    assert [item.anchor for item in read_anchor_table(utf16)[0]] == [item.anchor for item in read_anchor_table(file)[0]]


def test_a_column_that_is_not_there_or_there_twice_is_refused_and_an_open_quote_is_named():
    assert said(read_anchor_table("A,B\n1,2", AnchorColumns("C"))[1]) == ["pasted text, line 1: the column 'C' is not there; its columns are: A, B."]
    assert "stands twice in the header" in said(read_anchor_table("A,A\n1,2", AnchorColumns("A"))[1])[0]
    assert "no column is named" in said(read_anchor_table("A\n1", AnchorColumns(""))[1])[0]
    assert "is never closed" in said(read_anchor_table('A\n"1\n2', AnchorColumns("A"))[1])[0]
    assert read_anchor_table("", AnchorColumns("A"))[1] != []
    assert read_anchor_columns("") == ([], AnchorColumns(""))


def test_pasted_lines_are_new_known_or_repeated_and_nothing_is_stored_before_it_is_asked_for(workspace: Workspace, small_project: str):
    pasted = "Who pays?\n\n  Who pays?  \nWhat does the contract say on notice?\n" + "May we \ud800 assign?"
    found, problems = read_anchor_lines(pasted)
    with workspace.store.write() as conn:
        plan = plan_anchors(conn, small_project, found, problems)
        assert [item.anchor.text for item in plan.new] == ["Who pays?"]
        assert [item.line for item in plan.known] == [4]
        assert [(item.line, first) for item, first in plan.repeated] == [(3, 1)]
        assert said(plan.problems) == ["pasted text, line 5: the question holds half a surrogate pair, which is no valid text; save the file as UTF-8 again."]
        with pytest.raises(ImportRefused, match="1 problem"):
            store_anchors(conn, small_project, plan)
        assert corpus.count_anchors(conn, small_project) == 12
        assert store_anchors(conn, small_project, plan_anchors(conn, small_project, found)) == 1
        assert plan_anchors(conn, small_project, found).new == []


def test_an_id_that_names_another_question_is_a_problem_and_replaces_nothing(workspace: Workspace, small_project: str):
    table = "Id,Question,Topic\na1,Something else?,\nn1,One?,\nn1,Two?,\nn2,One?,\n"
    found, problems = read_anchor_table(table, COLUMNS)
    with workspace.store.read() as conn:
        plan = plan_anchors(conn, small_project, found, problems)
    assert said(plan.problems) == [
        "questions, line 2: the id 'a1' names another question of the project; give this one an id of its own.",
        "questions, line 4: the id 'n1' names another question in line 3.",
    ]
    assert [(item.line, first) for item, first in plan.repeated] == [(5, 3)]


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_no_text_breaks_the_readers_and_whatever_they_give_can_be_stored(text: str):
    found, _ = read_anchor_lines(text)
    found += read_anchor_table("Question\n" + text, AnchorColumns("Question"))[0]
    for item in found:
        assert item.anchor.text.strip() == item.anchor.text != ""
        assert "\0" not in item.anchor.text
        item.anchor.text.encode("utf-8")
