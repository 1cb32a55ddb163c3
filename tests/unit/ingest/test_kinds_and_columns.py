"""What a file is taken for, and what its columns are, said and not guessed in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.ingest.kinds import Kind, find_kinds, recognise
from core.ingest.read import import_path, preview_path, read_source
from core.store import projects
from core.workspace import Workspace


@pytest.mark.parametrize("header", ["question,text", "frage,antwort", "query,context", "Question,Answer", "anchor,passage", "query,positive"])
def test_a_question_beside_a_passage_is_a_pair_whatever_they_are_called(tmp_path: Path, header: str):
    path = tmp_path / "rows.csv"
    path.write_text(f"{header}\nWho pays?,The buyer pays.\n", encoding="utf-8")
    bundle = read_source(path)
    assert bundle.counts == {"documents": 1, "anchors": 1, "judgements": 1}
    assert dict(bundle.columns) == dict(zip(header.split(","), ("anchor", "document"), strict=True))


def test_a_question_of_which_a_column_would_become_a_field_says_so_and_an_import_keeps_the_notes(workspace: Workspace, tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.write_text("question,response\nWho pays?,The buyer pays.\n", encoding="utf-8")
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="m")
    told = preview_path(workspace, "p", path)
    done = import_path(workspace, "p", path)
    assert (
        done.notes
        == told.notes
        == ("Each row is taken for a question, and response for fields of it. Where one holds the answer, say so (--map document=COLUMN).",)
    )
    assert done.columns == told.columns == {"question": "text", "response": "field"}
    assert dict(import_path(workspace, "p", path, choices={"document": "response"}).changed) == {"documents": 1, "anchors": 0, "judgements": 1}


def test_the_id_of_a_question_beside_a_text_is_a_question(tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.write_text("query_id,text\nq1,Who pays?\n", encoding="utf-8")
    assert [anchor.id for anchor in read_source(path).anchors] == []
    path = path.rename(tmp_path / "queries.csv")
    assert [(anchor.id, anchor.text) for anchor in read_source(path).anchors] == [("q1", "Who pays?")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("question\tpassage\tscore\nWho pays?\tThe buyer pays.\t3\n", Kind.TABLE),
        ("Who pays?\tThe buyer pays.\t3\n", Kind.TABLE),
        ("query-id\tcorpus-id\tscore\nq1\td1\t3\n", Kind.QRELS),
        ("query_id\tcorpus_id\trelevance\nq1\td1\t3\n", Kind.QRELS),
        ("q1\t0\td1\t3\n", Kind.QRELS),
        ("q1\td1\t3\n", Kind.QRELS),
    ],
)
def test_a_table_of_pairs_with_scores_is_no_file_of_judgements(tmp_path: Path, text: str, kind: Kind):
    path = tmp_path / "rows.tsv"
    path.write_text(text, encoding="utf-8")
    assert recognise(path) == kind
    assert find_kinds(path) == ([Kind.TABLE, Kind.QRELS] if kind == Kind.TABLE else [Kind.QRELS, Kind.TABLE])
