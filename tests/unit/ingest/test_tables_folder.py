"""A folder of tables: what is mended in `documents.csv` and `anchors.csv` comes in, whatever `judgements.csv` still repeats."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.ingest.export import Form, export_project
from core.ingest.known import read_known
from core.ingest.preview import Change
from core.ingest.read import import_path, preview_path, read_source
from core.model import Anchor, Document, Part
from core.store import corpus
from core.workspace import Workspace


@pytest.fixture
def folder(workspace: Workspace, small_project: str, tmp_path: Path) -> Path:
    """The small project as tables; document `d3` has a title, anchor `a3` a group and a field."""
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, [Document("d3", "The carrier insures.", "Insurance", {"topic": "insurance"})])
        corpus.put_anchors(conn, small_project, [Anchor("a3", "Who insures?", group="a3", fields={"asked by": "ann"})])
    export_project(workspace, small_project, Form.CSV, tmp_path / "tables")
    return tmp_path / "tables"


def mend(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8-sig")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8-sig")


def test_a_clause_and_a_question_that_were_mended_come_in_with_title_fields_and_group(workspace: Workspace, small_project: str, folder: Path):
    """Once the old text in `judgements.csv` won, and title and fields were dropped."""
    mend(folder / "documents.csv", "The carrier insures.", "The carrier insures the goods.")
    mend(folder / "anchors.csv", "Who insures?", "Who insures the goods?")
    preview = preview_path(workspace, small_project, folder)
    assert (preview.documents, preview.anchors) == (Change(24, 0, 1), Change(12, 0, 1))
    assert preview.judgements == Change(20, 0, 0)
    assert [note.split(" (")[0] for note in preview.notes] == [
        "judgements.csv: 1 row has another text than documents.csv for the same id",
        "judgements.csv: 2 rows have another text than anchors.csv for the same id",
    ]
    import_path(workspace, small_project, folder)
    with workspace.store.read() as conn:
        assert corpus.get_documents(conn, small_project, ["d3"])["d3"] == Document("d3", "The carrier insures the goods.", "Insurance", {"topic": "insurance"})
        assert corpus.get_anchor(conn, small_project, "a3") == Anchor("a3", "Who insures the goods?", group="a3", fields={"asked by": "ann"})


def test_one_of_several_rows_of_judgements_that_was_mended_alone_is_passed_over_with_its_line(workspace: Workspace, small_project: str, folder: Path):
    path = folder / "judgements.csv"
    path.write_text(path.read_text(encoding="utf-8-sig").replace("Who insures?", "Who ensures?", 1), encoding="utf-8-sig")
    bundle = read_source(folder, read_known(workspace, small_project))
    line = next(n for n, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1) if "ensures" in text)
    assert list(bundle.problems) == []
    assert bundle.notes == [
        f"judgements.csv: 1 row has another text than anchors.csv for the same id (line {line} is the first); the text of anchors.csv counts."
    ]
    assert {anchor.text for anchor in bundle.anchors if anchor.id == "a3"} == {"Who insures?"}


@pytest.mark.parametrize("missing", [("documents.csv",), ("anchors.csv",), ("judgements.csv",), ("documents.csv", "anchors.csv")])
def test_a_folder_with_some_of_the_tables_comes_in(workspace: Workspace, small_project: str, folder: Path, missing: tuple[str, ...]):
    """Once judgements with anchors and without documents ended in a KeyError."""
    for name in missing:
        (folder / name).unlink()
    bundle = read_source(folder, read_known(workspace, small_project))
    assert list(bundle.problems) == []
    assert len(bundle.judgements) == (0 if "judgements.csv" in missing else 20)


def test_a_part_and_a_group_that_only_judgements_name_are_taken(tmp_path: Path):
    (tmp_path / "anchors.csv").write_text("id,text\nq1,Who pays?\n", encoding="utf-8")
    (tmp_path / "judgements.csv").write_text("anchor_id,anchor,document,grade,group,part\nq1,,The buyer pays.,3,q1, Validation\n", encoding="utf-8")
    bundle = read_source(tmp_path)
    assert (list(bundle.problems), list(bundle.anchors)) == ([], [Anchor("q1", "Who pays?", Part.DEV, "q1")])


def test_a_zip_of_the_folder_reads_like_the_folder(workspace: Workspace, small_project: str, folder: Path, tmp_path: Path):
    mend(folder / "documents.csv", "The carrier insures.", "The carrier insures the goods.")
    known = read_known(workspace, small_project)
    assert read_source(Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", folder)), known) == read_source(folder, known)
