"""What a drawn map is used for afterwards: hotspots by number, neighbours and anchors of a document, a file for Embedding Atlas, the commands."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.cli import main
from core.curation.twins import write_twins
from core.geometry.around import AnsweredAnchor, read_answered, read_neighbours, read_standing
from core.geometry.atlas import make_atlas, name_command
from core.geometry.projection import place_between
from core.geometry.stored_map import name_hotspot, newest_map, read_hotspot
from core.model import Evaluation, Judgement, Label, ModelKind, ModelRecord, PairsmithError, Part, Projection
from core.retrieval.vectors import VectorCache
from core.settings import load_settings
from core.store import artefacts, corpus, judgements, projects
from core.workspace import Workspace

BASE, TUNED = "b" * 64, "c" * 64
IDS = [f"d{n}" for n in range(24)]


@pytest.fixture
def mapped(workspace: Workspace, small_project: str) -> str:
    """The small project with a map of 23 documents and one that has left since; `d1` and `d13` came together, `d2` and `d3` with them."""
    layout = np.arange(48, dtype=np.float32).reshape(24, 2)
    path = workspace.folder("maps") / "one.npz"
    ids = np.array([*IDS[:-1], "gone"])
    np.savez(path, ids=ids, anchors=np.array(["a0"]), base=layout, tuned=layout[::-1], overlap=np.linspace(0, 1, 24, dtype=np.float32))
    figures = {"hotspots": [{"ids": ["d1", "d13", "d2", "d3"], "terms": ["assignment", "schedule"], "closer": 1.8}], "duplicates": ["d9"]}
    with workspace.store.write() as conn:
        for model_id, kind in ((BASE, ModelKind.BASE), (TUNED, ModelKind.TUNED)):
            artefacts.put_model(conn, small_project, ModelRecord(model_id, kind.value, kind, "/nowhere", 2, 64, created_at=1.0))
        artefacts.put_projection(conn, small_project, Projection("one", BASE, TUNED, str(path), figures, 10.0))
        corpus.set_parts(conn, small_project, {"a1": Part.TRAIN, "a3": Part.TEST})
        revision = projects.get_project(conn, small_project).corpus_revision
    write_twins(workspace, small_project, {}, revision)
    return small_project


def test_a_hotspot_is_read_by_its_number_and_what_is_not_there_is_said(workspace: Workspace, mapped: str):
    with workspace.store.read() as conn:
        projection = newest_map(conn, mapped)
    assert read_hotspot(projection, 1) == ["d1", "d13", "d2", "d3"]
    for number, words in ((0, "There is no group 0: the newest map has 1"), (2, "no group 2")):
        with pytest.raises(PairsmithError, match=words):
            read_hotspot(projection, number)
    with pytest.raises(PairsmithError, match="No map has been drawn yet"):
        read_hotspot(None, 1)
    assert name_hotspot(2, {"terms": ["rent", "tenant", "lease", "landlord"]}) == "Group 2: rent, tenant, lease"
    assert name_hotspot(3, {}) == "Group 3"


def test_the_file_for_embedding_atlas_has_a_row_for_each_document_that_is_still_there(workspace: Workspace, mapped: str):
    data, rows = make_atlas(workspace, mapped)
    table = pq.read_table(io.BytesIO(data)).to_pydict()
    assert rows == len(table["id"]) == 23
    assert set(table) == {"id", "title", "text", "field_topic", "base_x", "base_y", "tuned_x", "tuned_y", "hotspot", "duplicate", "neighbours_kept"}
    row = table["id"].index("d13")
    assert [table[name][row] for name in ("field_topic", "base_x", "tuned_y", "hotspot", "duplicate")] == [
        "assignment",
        26.0,
        21.0,
        "Group 1: assignment, schedule",
        False,
    ]
    assert [item for item, flag in zip(table["id"], table["duplicate"], strict=True) if flag] == ["d9"]
    assert name_command(Path("map.parquet")) == "embedding-atlas map.parquet --text text --x tuned_x --y tuned_y"


def test_neighbours_are_the_nearest_under_the_model_and_none_where_it_has_no_vectors(workspace: Workspace, mapped: str):
    assert read_neighbours(workspace, mapped, TUNED, "d4") == []
    with workspace.store.read() as conn:
        angles = {doc.content: np.radians(int(doc.id[1:])) for doc in corpus.read_documents(conn, mapped)}
    cache = VectorCache(workspace.folder("vectors", BASE[:32]), 2)
    cache.fill(list(angles), "", lambda texts: np.array([[np.cos(angles[t]), np.sin(angles[t])] for t in texts], np.float32))
    assert set(read_neighbours(workspace, mapped, BASE, "d4", k=2)) == {"d3", "d5"}
    assert read_neighbours(workspace, mapped, BASE, "d0", k=3) == ["d1", "d2", "d3"]
    assert read_neighbours(workspace, mapped, BASE, "gone") == []


def test_a_document_stands_where_the_anchors_that_it_answers_stand(workspace: Workspace, mapped: str):
    with workspace.store.write() as conn:
        events = [
            Judgement("also-d3", "a1", "d3", Label.POSITIVE, 3),
            Judgement("no-d3", "a2", "d3", Label.HARD_NEGATIVE),
            Judgement("no", "a2", "d23", Label.HARD_NEGATIVE),
        ]
        judgements.append_judgements(conn, mapped, events)
        for model, value in ((BASE, 0.5), (TUNED, 0.25)):
            artefacts.put_evaluation(conn, mapped, Evaluation(model[:12], "x", model, "test", {}, 1, 1, None, 1.0), {"a3": {"ndcg@5": value}})
        standing = read_standing(conn, mapped)
        answered = read_answered(conn, mapped, "d3", [BASE, TUNED])
    assert (standing.labels["d3"], standing.labels["d23"], standing.labels.get("d22")) == ("Answer", "Hard negative", None)
    assert [standing.parts.get(item) for item in ("d1", "d15", "d3", "d0", "d23")] == ["train", "test", "several parts", "no part yet", None]
    assert [(item.id, item.grade, item.change) for item in answered] == [("a3", 3, -0.25), ("a1", 3, None)]
    assert AnsweredAnchor("a", "", None, 3, 0.5, None).change is None


def test_a_question_lies_between_the_three_documents_nearest_to_it():
    documents = np.eye(4, dtype=np.float32)
    layout = np.array([[0, 0], [3, 0], [0, 3], [100, 100]], np.float32)
    question = np.array([[0.6, 0.6, 0.5, 0.1]], np.float32)
    assert place_between(question, documents, layout).tolist() == [[1.0, 1.0]]
    assert place_between(np.zeros((0, 4), np.float32), documents, layout).shape == (0, 2)


def test_the_commands_review_a_hotspot_and_write_the_map(
    workspace: Workspace, mapped: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PAIRSMITH_HOME", str(workspace.home))
    load_settings.cache_clear()

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["pairsmith", *arguments, "--json"])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out or said.err

    code, out = call("map", mapped, "--parquet", str(tmp_path / "out" / "map.parquet"))
    assert (code, json.loads(out)["documents"], pq.read_table(tmp_path / "out" / "map.parquet").num_rows) == (0, 23, 23)
    code, out = call("inside", mapped, "--hotspot", "1")
    assert code == 0, out
    assert json.loads(out)["pairs"] == [{"anchor": "a1", "document": "d2"}]  # d3 answers the held-out a3
    (tmp_path / "ids.txt").write_text("d1\n\n d2 \n", encoding="utf-8")
    code, out = call("inside", mapped, "--documents", str(tmp_path / "ids.txt"))
    assert (code, json.loads(out)["queued"]) == (0, 0)
    assert call("inside", mapped)[0] == 2
    assert call("inside", mapped, "--hotspot", "7")[0] == 1
    assert "cannot be read as a list" in call("inside", mapped, "--documents", str(tmp_path / "none.txt"))[1]
    load_settings.cache_clear()
