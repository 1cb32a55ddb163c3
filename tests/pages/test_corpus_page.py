"""Corpus: paged tables, filtering by words, and imports that show everything before they store anything."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.ingest.export import Form, render_pairs
from core.model import Document, Judgement, Label, RunKind
from core.store import corpus, judgements, projects, runs
from core.workspace import Workspace

OpenScreen = Callable[..., AppTest]


def to_lines(*rows: dict[str, object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def zip_files(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def count(workspace: Workspace, project_id: str = "small") -> dict[str, int]:
    with workspace.store.read() as conn:
        found = projects.count_contents(conn, project_id)
    return {name: found[name] for name in ("documents", "anchors", "positives", "hard_negatives")}


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    """Choose a file on the import tab."""
    if not app.file_uploader:
        app.session_state["corpus_view"] = ":material/upload: Import"
        app.run()
    return app.file_uploader[0].upload(name, content).run()


@pytest.fixture
def empty_project(workspace: Workspace) -> str:
    with workspace.store.write() as conn:
        projects.add_project(conn, "small", base_model="embedded:all-MiniLM-L6-v2")
    return "small"


def test_documents_are_shown_a_page_at_a_time(open_screen: OpenScreen, small_project: str) -> None:
    app = open_screen("corpus")
    assert [metric.value for metric in app.metric] == ["24", "12", "10", "0"]
    assert list(app.dataframe[0].value["Id"]) == [f"d{n}" for n in range(10)]
    assert list(app.dataframe[0].value.columns) == ["Id", "Text", "Topic"]


def test_filtering_by_words_keeps_the_documents_that_share_one(open_screen: OpenScreen, small_project: str) -> None:
    app = open_screen("corpus")
    app.text_input(key="words").set_value("insurance").run()
    assert not app.exception
    assert sorted(app.dataframe[0].value["Id"]) == ["d15", "d3"]
    app.text_input(key="words").set_value("zebra").run()
    assert not app.dataframe
    assert "No document" in app.info[0].value


def test_anchors_are_shown_with_their_answers(open_screen: OpenScreen, small_project: str) -> None:
    app = open_screen("corpus")
    app.session_state["corpus_view"] = ":material/help_center: Anchors"
    app.run()
    assert list(app.dataframe[0].value["Answers"]) == [2] * 10
    app.toggle(key="unlabelled").set_value(True).run()
    assert list(app.dataframe[0].value["Id"]) == ["a10", "a11"]


def test_a_pair_file_is_previewed_and_stored_only_on_import(open_screen: OpenScreen, workspace: Workspace, empty_project: str) -> None:
    content = to_lines({"anchor": "Who insures?", "positive": "The carrier insures.", "hard_negatives": ["The carrier delivers."]})
    app = upload(open_screen("corpus"), "pairs.jsonl", content)
    assert not app.exception
    assert app.dataframe[0].value[["", "In the file", "New"]].to_numpy().tolist() == [["Documents", 2, 2], ["Anchors", 1, 1], ["Judgements", 2, 2]]
    assert count(workspace) == {"documents": 0, "anchors": 0, "positives": 0, "hard_negatives": 0}
    app.button(key="import_now").click().run()
    assert not app.exception
    assert count(workspace) == {"documents": 2, "anchors": 1, "positives": 1, "hard_negatives": 1}
    with workspace.store.read() as conn:
        assert [run.kind for run in runs.list_runs(conn, "small", active=True)] == [RunKind.EMBED]


def test_what_was_exported_comes_back_as_nothing_new(open_screen: OpenScreen, workspace: Workspace, empty_project: str) -> None:
    content = to_lines({"anchor": "Who insures?", "positive": ["The carrier insures."], "hard_negatives": ["The carrier delivers."]})
    upload(open_screen("corpus"), "pairs.jsonl", content).button(key="import_now").click().run()
    assert json.loads(render_pairs(workspace, "small")).items() >= json.loads(content).items()
    app = upload(open_screen("corpus"), "again.jsonl", render_pairs(workspace, "small"))
    assert "already" in app.info[-1].value
    assert [button.key for button in app.button if button.key == "import_now"] == []


def test_every_fault_is_named_with_its_line_and_nothing_can_be_imported(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    content = b'{"_id": "n1", "text": "fine"}\n{"_id": "n2"}\nnot json\n'
    app = upload(open_screen("corpus"), "corpus.jsonl", content)
    assert not app.exception
    assert app.error[0].value.startswith("2 faults to mend")
    assert list(app.dataframe[0].value["Line"]) == [2, 3]
    assert [button.key for button in app.button if button.key == "import_now"] == []
    assert count(workspace)["documents"] == 24


def test_a_table_that_changes_a_document_says_so_before_it_does(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    app = upload(open_screen("corpus"), "new.csv", b"id,text,topic\nd3,Quite another text,insurance\nn1,New text,audit\n")
    assert app.dataframe[1].value.to_numpy().tolist() == [["Documents", 2, 1, 1, 0]]
    app.button(key="import_now").click().run()
    with workspace.store.read() as conn:
        assert corpus.get_documents(conn, "small", ["d3", "n1"]) == {
            "d3": Document("d3", "Quite another text", fields={"topic": "insurance"}),
            "n1": Document("n1", "New text", fields={"topic": "audit"}),
        }


def test_a_person_says_which_column_is_what(open_screen: OpenScreen, workspace: Workspace, empty_project: str) -> None:
    app = upload(open_screen("corpus"), "clauses.csv", b"Ref;Klausel;Area\nc1;The carrier insures.;north\n")
    assert not app.exception
    assert "This is a table." in [item.value for item in app.caption]
    assert app.dataframe[0].value.to_dict("records") == [{"Ref": "c1", "Klausel": "The carrier insures.", "Area": "north"}]
    assert any("which column holds the text" in item.value for item in app.text)
    assert [button.key for button in app.button if button.key == "import_now"] == []
    next(box for box in app.selectbox if box.label == "Klausel").set_value("text").run()
    app.button(key="import_now").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        assert corpus.read_documents(conn, "small") == [Document("c1", "The carrier insures.", fields={"Area": "north"})]


def test_every_form_is_offered_and_those_that_would_be_empty_are_not(open_screen: OpenScreen, small_project: str) -> None:
    app = open_screen("corpus")
    app.session_state["corpus_view"] = ":material/download: Export"
    app.run()
    assert not app.exception
    buttons = app.get("download_button")
    assert len(buttons) == len(Form)
    assert sum(button.proto.disabled for button in buttons) == 1  # there is no hard negative for a triplet yet


def test_a_zipped_folder_comes_in_and_contradictions_are_counted(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement("by-an-expert", "a1", "d7", Label.HARD_NEGATIVE)])
    files = {
        "set/corpus.jsonl": to_lines({"_id": "d7", "text": "Another seven"}),
        "set/queries.jsonl": to_lines({"_id": "a1", "text": "One?"}),
        "set/qrels/test.tsv": b"query-id\tcorpus-id\tscore\na1\td7\t2\n",
    }
    app = upload(open_screen("corpus"), "set.zip", zip_files(files))
    assert not app.exception
    assert app.dataframe[0].value.to_numpy().tolist() == [["Documents", 1, 0, 1, 0], ["Anchors", 1, 0, 1, 0], ["Judgements", 1, 0, 1, 0]]
    assert app.warning[0].value.startswith("1 pairs are judged otherwise here")
    app.button(key="import_now").click().run()
    with workspace.store.read() as conn:
        assert judgements.read_qrels(conn, "small")["a1"]["d7"] == 2


def test_a_zip_that_points_outside_is_refused_with_words(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    app = upload(open_screen("corpus"), "evil.zip", zip_files({"../../corpus.jsonl": to_lines({"_id": "x", "text": "y"})}))
    assert not app.exception
    assert any("points outside" in item.value for item in app.text)
    assert count(workspace)["documents"] == 24


def test_corpus_text_is_shown_letter_for_letter(open_screen: OpenScreen, workspace: Workspace, empty_project: str) -> None:
    hostile = "<img src=x onerror=alert(1)> **bold** $x$ :red[x]"
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "small", [Document("d1", hostile)])
    app = open_screen("corpus")
    assert list(app.dataframe[0].value["Text"]) == [hostile]
    assert all(hostile not in item.value for item in [*app.markdown, *app.caption])


def test_a_pair_file_meets_the_anchors_and_documents_that_are_there_under_other_ids(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    app = upload(open_screen("corpus"), "pairs.jsonl", render_pairs(workspace, small_project))
    table = app.dataframe[0].value.to_numpy().tolist()
    assert table == [["Anchors", 10, 0, 0, 10], ["Judgements", 20, 0, 0, 20]]  # a pair file has no grades, so an answer of any grade is the same word
    assert not app.warning


def test_fields_named_like_the_own_columns_hide_neither_id_nor_title_nor_text(open_screen: OpenScreen, workspace: Workspace, empty_project: str) -> None:
    fields = {"id": "other id", "title": "other title", "text": "other text", "clause_no": "4", "clause no": "5"}
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "small", [Document("d1", "The text.", "The title", fields), Document("d2", "Untitled text.", fields={"Title": "a field"})])
    app = open_screen("corpus")
    first, second = app.dataframe[0].value.fillna("").to_dict("records")
    assert first == {
        "Id": "d1",
        "Title": "The title",
        "Text": "The text.",
        "Field: id": "other id",
        "Field: title": "other title",
        "Field: text": "other text",
        "Clause no": "4",
        "Field: clause no": "5",
        "Field: Title": "",
    }
    assert (second["Id"], second["Title"], second["Text"], second["Field: Title"]) == ("d2", "", "Untitled text.", "a field")


def test_the_preview_of_a_file_keeps_its_own_columns_too(open_screen: OpenScreen, empty_project: str) -> None:
    line = {"_id": "n1", "title": "The title", "text": "The text.", "metadata": {"Id": "other id", "Text": "other text"}}
    app = upload(open_screen("corpus"), "corpus.jsonl", to_lines(line))
    assert app.dataframe[1].value.to_dict("records") == [
        {"Id": "n1", "Title": "The title", "Text": "The text.", "Field: Id": "other id", "Field: Text": "other text"}
    ]
