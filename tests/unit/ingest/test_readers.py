"""Readers: every fault named with its file and line, all or nothing, twice changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sample_data
from core.ingest import bundle as bundle_module
from core.ingest.beir import read_beir
from core.ingest.bundle import Bundle, ImportRefused, Problem, store_bundle
from core.ingest.content import Content
from core.ingest.export_pairs import write_pairs
from core.ingest.pairs import read_pairs
from core.ingest.read import import_path, read_source
from core.ingest.sample import create_sample, read_oracle
from core.model import Anchor, Document, Judgement, Label, PairsmithError, Part
from core.store import corpus, judgements, projects
from core.workspace import Workspace


def doc(key: str = "d1", text: str = "text", **more: object) -> str:
    return json.dumps({"_id": key, "text": text, **more}) + "\n"


def problems_of(path: Path) -> list[tuple[str, int, str]]:
    return [(problem.file, problem.line, problem.message) for problem in read_source(path).problems]


CORPUS_FAULTS = {
    "bad UTF-8": (b'{"_id": "d1", "text": "ok"}\n{"_id": "d2", "text": "caf\xe9"}\n', 2, "byte 0xe9 is not UTF-8"),
    "a NUL byte": (b'{"_id": "d1", "text": "a\x00b"}\n', 1, "NUL byte"),
    "an escaped NUL": (b'{"_id": "d1", "text": "a\\u0000b"}\n', 1, "text holds a NUL character"),
    "half a surrogate pair": (b'{"_id": "d1", "text": "\\ud83d"}\n', 1, "half a surrogate pair"),
    "half a surrogate pair in a field": (b'{"_id": "d1", "text": "a", "metadata": {"k": "\\ud83d"}}\n', 1, "metadata holds half a surrogate pair"),
    "a NUL in a field's name": (b'{"_id": "d1", "text": "a", "metadata": {"k\\u0000": "v"}}\n', 1, "metadata holds a NUL"),
    "UTF-16 without a byte order mark": (doc().encode("utf-16-le"), 1, "UTF-16 without a byte order mark"),
    "broken JSON": (doc().encode() + b'{"_id": "d2", "text": \n', 2, "not valid JSON"),
    "JSON nested too deep": (doc().encode() + b"[" * 100_000 + b"\n", 2, "not valid JSON"),
    "a number of too many digits": (doc().encode() + b'{"_id": ' + b"9" * 5000 + b"}\n", 2, "not valid JSON"),
    "no object": (doc().encode() + b"\n[1, 2]\n", 3, "expected a JSON object, found list"),
    "missing text": (doc().encode() + b'{"_id": "d2"}\n', 2, "text is missing"),
    "blank text": (doc("d1", " \t ").encode(), 1, "text is empty"),
    "a number for text": (b'{"_id": "d1", "text": 5}\n', 1, "text must be a string, found int"),
    "a number for a title": (doc(title=7).encode(), 1, "title must be a string, found int"),
    "a missing id": (b'{"text": "a"}\n', 1, "_id is missing"),
    "a blank id": (doc(" ").encode(), 1, "_id is empty"),
    "an id used twice": (doc().encode() + doc("d1", "other").encode(), 2, "the id 'd1' was used above"),
    "a number that is an id used above": (b'{"_id": "1", "text": "a"}\n{"_id": 1, "text": "b"}\n', 2, "the id '1' was used above"),
}


@pytest.mark.parametrize("name", CORPUS_FAULTS)
def test_a_fault_in_a_corpus_is_named_by_its_line(tmp_path: Path, name: str):
    content, line, message = CORPUS_FAULTS[name]
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    found = problems_of(path)
    assert [(file, number) for file, number, _ in found] == [("corpus.jsonl", line)]
    assert message in found[0][2]


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path):
    path = tmp_path / "corpus.jsonl"
    path.write_text(doc() + "{\n" + doc("d3", "") + doc("d4") + "7\n", encoding="utf-8")
    assert [line for _, line, _ in problems_of(path)] == [2, 3, 5]
    refusal = ImportRefused([Problem("f", n, "wrong") for n in range(1, 31)])
    assert "30 problem(s)" in str(refusal)
    assert "f, line 20: wrong" in str(refusal)
    assert "line 21" not in str(refusal)
    assert "and 10 more" in str(refusal)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path):
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + doc("1").strip().encode() + b"\r\n\r\n" + doc("2", "ü☃").strip().encode())
    found = read_source(path)
    assert (found.documents, found.problems) == ([Document("1", "text"), Document("2", "ü☃")], [])


def test_an_over_long_line_is_refused_unread(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("core.ingest.lines.MAX_LINE_BYTES", 100)
    path = tmp_path / "corpus.jsonl"
    path.write_text(doc() + doc("d2", "x" * 200) + doc("d3"), encoding="utf-8")
    ((_, line, message),) = problems_of(path)
    assert (line, "longer than 100 bytes" in message) == (2, True)
    assert bundle_module.MAX_LINE_BYTES == 4_000_000


def test_plain_values_of_metadata_become_fields(tmp_path: Path):
    path = tmp_path / "corpus.jsonl"
    path.write_text(doc(title=None, metadata={"a": "x", "b": 2, "c": True, "d": [1], "e": None, "f": {"g": 1}}), encoding="utf-8")
    assert read_source(path).documents == [Document("d1", "text", "", {"a": "x", "b": "2", "c": "True"})]


@pytest.mark.parametrize(("name", "message"), [("empty.jsonl", "the file is empty"), ("other.jsonl", "expected the keys anchor")])
def test_a_jsonl_file_of_no_known_kind_is_a_problem(tmp_path: Path, name: str, message: str):
    (tmp_path / name).write_text("" if name.startswith("empty") else '{"x": 1}\n')
    ((_, _, found),) = problems_of(tmp_path / name)
    assert message in found


def test_a_path_that_is_nothing_readable_is_refused(tmp_path: Path):
    (tmp_path / "a.pdf").write_text("x")
    for path, message in ((tmp_path, "no corpus.jsonl"), (tmp_path / "none.csv", "no file or folder"), (tmp_path / "a.pdf", "no kind that can be read")):
        with pytest.raises(PairsmithError, match=message):
            read_source(path)


def beir(folder: Path, qrels: str, **more: str) -> Path:
    (folder / "corpus.jsonl").write_text(doc("d1") + doc("d2"), encoding="utf-8")
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "what"}\n{"id": 2, "text": "why"}\n', encoding="utf-8")
    (folder / "qrels").mkdir()
    for name, content in ({"all": qrels} | more).items():
        (folder / "qrels" / f"{name}.tsv").write_text(content, encoding="utf-8")
    return folder


def test_a_beir_folder_is_read_whole(tmp_path: Path):
    found = read_beir(beir(tmp_path, "query-id\tcorpus-id\tscore\nq1\td1\t2\n\nq1\td2\t0\n2\td2\t1\n"))
    assert found.problems == []
    assert found.anchors == [Anchor("q1", "what"), Anchor("2", "why")]
    assert [(item.anchor_id, item.document_id, item.label, item.grade) for item in found.judgements] == [
        ("q1", "d1", Label.POSITIVE, 2),
        ("q1", "d2", Label.HARD_NEGATIVE, 0),
        ("2", "d2", Label.POSITIVE, 1),
    ]
    assert found.counts == {"documents": 2, "anchors": 2, "judgements": 3}


def test_trec_columns_are_read_too(tmp_path: Path):
    assert [item.grade for item in read_beir(beir(tmp_path, "q1 0 d1 1\nq1 0 d2 0\n")).judgements] == [1, 0]


QRELS_FAULTS = {
    "q1\td1\t-1": "the score -1 is negative",
    "q1\td1\t0.5": "the score '0.5' is not a whole number",
    "q1\td1\tx": "the score 'x' is not a whole number",
    "q1\td1\t99999999999999999999": "is above 1000",
    "q1\td1": "expected 3 columns",
    "q1\td1\t1\t2\t3": "expected 3 columns",
    "q9\td1\t1": "query 'q9' is not in queries.jsonl",
    "q1\td9\t1": "document 'd9' is not in corpus.jsonl",
    "q1\td2\t0": "'q1' and 'd2' were graded 1 above and 0 here",
}


@pytest.mark.parametrize("row", QRELS_FAULTS)
def test_a_fault_in_qrels_is_named_by_its_line(tmp_path: Path, row: str):
    found = read_beir(beir(tmp_path, f"query-id\tcorpus-id\tscore\nq1\td2\t1\n{row}\n")).problems
    assert [(problem.file, problem.line) for problem in found] == [("all.tsv", 3)]
    assert QRELS_FAULTS[row] in found[0].message


def test_two_qrels_files_must_not_contradict_each_other(tmp_path: Path):
    """Once each file was checked by itself, and the last to be read silently won."""
    found = read_beir(beir(tmp_path, "q1\td1\t1\n", dev="q1\td1\t1\n", test="q1\td1\t0\n"))
    assert [str(problem) for problem in found.problems] == ["test.tsv, line 1: 'q1' and 'd1' were graded 1 above and 0 here."]


def csv_file(folder: Path, content: str, name: str = "t.csv") -> Path:
    (folder / name).write_bytes(content.encode())
    return folder / name


def test_a_table_becomes_documents_with_fields(tmp_path: Path):
    path = csv_file(tmp_path, '\ufeffID,Title,Text,Area\r\n1,One,"first, with comma",north\r\n\r\n2,,"second ""x""",\r\n')
    found = read_source(path)
    assert found.documents == [Document("1", "first, with comma", "One", {"Area": "north"}), Document("2", 'second "x"')]
    assert found.problems == []
    tab = csv_file(tmp_path, "_id\ttext\na\tsome, text\n", "t.tsv")
    assert read_source(tab).documents == [Document("a", "some, text")]


def test_a_quoted_cell_keeps_its_line_breaks_and_blank_lines(tmp_path: Path):
    """Once the lines of a quoted cell were joined without anything between them."""
    path = csv_file(tmp_path, 'id,text\n1,"first line\nsecond line\n\nlast"\n2,plain\n')
    assert read_source(path).documents == [Document("1", "first line\nsecond line\n\nlast"), Document("2", "plain")]


TABLE_FAULTS = {
    "id,text\n1,a\n2\n": (3, "1 cells where the header has 2"),
    "id,text\n1,a,b\n": (2, "3 cells where the header has 2"),
    "id,text\n1,a\n1,b\n": (3, "the id '1' was used above"),
    "id,text\n,a\n": (2, "the id is empty"),
    "id,text\n1,  \n": (2, "the text is empty"),
    'id,text\n1,a\n2,"open\n': (3, "the table cannot be read"),
    'id,text\n1,"a"b\n': (2, "the table cannot be read"),
    "x,y\n1,a\n": (1, "cannot be told which column holds the text; found: x, y"),
    "": (1, "found: nothing"),
    'id,text\n1,"two\nlines"\n2\n': (4, "1 cells where"),
}


@pytest.mark.parametrize("content", TABLE_FAULTS)
def test_a_fault_in_a_table_is_named_by_its_line(tmp_path: Path, content: str):
    line, message = TABLE_FAULTS[content]
    ((_, number, found),) = problems_of(csv_file(tmp_path, content))
    assert number == line
    assert message in found


def test_a_table_with_bad_utf8_names_the_line(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b"id,text\n1,ok\n2,caf\xe9\n")
    assert [line for _, line, _ in problems_of(tmp_path / "t.csv")] == [3]


PAIR_FAULTS = {
    '{"positive": "b"}': "anchor is missing",
    '{"anchor": "a"}': "positive is missing",
    '{"anchor": "a", "positive": []}': "positive is an empty list",
    '{"anchor": "a", "positive": ["b", 3]}': "positive must be a string, found int",
    '{"anchor": "a", "positive": "b", "hard_negatives": [""]}': "hard_negatives is empty",
    '{"anchor": 4, "positive": "b"}': "anchor must be a string",
    '{"anchor": "a", "positive": "b", "hard_negatives": ["b"]}': "the same text is given as positive and as hard negative",
    '{"anchor": "a", "positive": "b ", "hard_negatives": ["b"]}': "the same text is given as positive and as hard negative",
    '{"anchor": "x", "positive": "z"}': "the same text is given as positive and as hard negative",
}


@pytest.mark.parametrize("row", PAIR_FAULTS)
def test_a_fault_in_a_pair_file_is_named_by_its_line(tmp_path: Path, row: str):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"anchor": "x", "positive": "y", "hard_negatives": ["z"]}\n' + row + "\n", encoding="utf-8")
    found = read_source(path).problems
    assert [(problem.file, problem.line) for problem in found] == [("pairs.jsonl", 2)]
    assert PAIR_FAULTS[row] in found[0].message


def test_a_pair_file_uses_the_documents_the_project_has(tmp_path: Path, workspace: Workspace):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"anchor": "x", "positive": "A title its text", "hard_negatives": null}\n', encoding="utf-8")
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="m")
        corpus.put_documents(conn, "p", [Document("known", "its text", "A title")])
    assert import_path(workspace, "p", path).changed == {"documents": 0, "anchors": 1, "judgements": 1}
    with workspace.store.read() as conn:
        assert [item.document_id for item in judgements.read_state(conn, "p")] == ["known"]


def stored(workspace: Workspace, project: str) -> tuple:
    with workspace.store.read() as conn:
        return (
            projects.get_project(conn, project),
            corpus.read_documents(conn, project),
            corpus.read_anchors(conn, project),
            judgements.read_log(conn, project),
        )


@pytest.mark.parametrize("kind", ["beir", "pairs", "csv"])
def test_importing_twice_changes_nothing(tmp_path: Path, workspace: Workspace, kind: str):
    if kind == "beir":
        path = beir(tmp_path, "q1\td1\t2\nq1\td2\t0\n")
    elif kind == "pairs":
        path = tmp_path / "pairs.jsonl"
        path.write_text('{"anchor": "x", "positive": ["y", " y2 "], "hard_negatives": ["z"]}\n', encoding="utf-8")
    else:
        path = csv_file(tmp_path, "id,text,x\n1,a,b\n2,c,d\n")
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="m")
    assert sum(import_path(workspace, "p", path).changed.values()) > 0
    first = stored(workspace, "p")
    assert import_path(workspace, "p", path).changed == {"documents": 0, "anchors": 0, "judgements": 0}
    assert stored(workspace, "p") == first


def test_a_file_with_one_fault_leaves_nothing_behind(tmp_path: Path, workspace: Workspace):
    path = beir(tmp_path, "q1\td1\t2\nq1\td9\t1\n")
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="m")
    before = stored(workspace, "p")
    with pytest.raises(ImportRefused, match="d9"):
        import_path(workspace, "p", path)
    orphan = Bundle([Document("d", "x")], [Anchor("a", "y")], [Judgement("e1", "a", "nowhere", Label.POSITIVE, 1)])
    with pytest.raises(PairsmithError, match="nowhere"), workspace.store.write() as conn:
        store_bundle(conn, "p", orphan)
    assert stored(workspace, "p") == before


def test_reimporting_does_not_overrule_what_an_expert_said_since(tmp_path: Path, workspace: Workspace):
    path = beir(tmp_path, "q1\td1\t2\n")
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="m")
    import_path(workspace, "p", path)
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "p", [Judgement("expert-1", "q1", "d1", Label.HARD_NEGATIVE)])
    import_path(workspace, "p", path)
    with workspace.store.read() as conn:
        assert judgements.read_qrels(conn, "p") == {"q1": {"d1": 0}}


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30).filter(lambda text: text.strip())


@given(groups=st.dictionaries(TEXT, st.tuples(st.lists(TEXT, min_size=1, max_size=3), st.lists(TEXT, max_size=3)), max_size=4))
@settings(max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pairs_that_are_written_and_read_back_are_the_same(tmp_path: Path, groups: dict[str, tuple[list[str], list[str]]]):
    anchors, documents, state, wanted = [], {}, [], {}
    for n, (text, (positives, negatives)) in enumerate(groups.items()):
        answers = {item.strip() for item in positives}
        others = {item.strip() for item in negatives} - answers
        wanted[text] = (answers, others)
        anchors.append(Anchor(f"a{n}", text))
        for place, (passage, grade) in enumerate([(item, 3) for item in sorted(answers)] + [(item, 0) for item in sorted(others)]):
            documents[f"d{n}-{place}"] = Document(f"d{n}-{place}", passage)
            state.append(Judgement(f"e{n}-{place}", f"a{n}", f"d{n}-{place}", Label.POSITIVE if grade else Label.HARD_NEGATIVE, grade))
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in write_pairs(Content(documents, anchors, state))), encoding="utf-8")
    found = read_pairs(path)
    assert found.problems == []
    content = {document.id: document.text for document in found.documents}
    read: dict[str, tuple[set[str], set[str]]] = {}
    texts = {anchor.id: anchor.text for anchor in found.anchors}
    for item in found.judgements:
        read.setdefault(texts[item.anchor_id], (set(), set()))[0 if item.grade else 1].add(content[item.document_id])
    assert read == wanted


def test_only_anchors_with_an_answer_are_written_best_answer_first():
    documents = {f"d{n}": Document(f"d{n}", f"text {n}", "T" if n == 0 else "") for n in range(4)}
    state = [
        Judgement("1", "a", "d0", Label.POSITIVE, 1),
        Judgement("2", "a", "d1", Label.POSITIVE, 3),
        Judgement("3", "a", "d2", Label.HARD_NEGATIVE),
        Judgement("4", "a", "d3", Label.AMBIGUOUS),
        Judgement("5", "b", "d0", Label.HARD_NEGATIVE),
    ]
    known = [item for item in state if item.label != Label.AMBIGUOUS]
    rows = list(write_pairs(Content(documents, [Anchor("b", "no answer"), Anchor("a", "what", group="g")], known)))
    assert rows == [
        {
            "anchor": "what",
            "positive": ["text 1", "T text 0"],
            "hard_negatives": ["text 2"],
            "grades": [3, 1],
            "anchor_id": "a",
            "positive_ids": ["d1", "d0"],
            "hard_negative_ids": ["d2"],
            "group": "g",
        }
    ]


def test_the_sample_project_is_made_once(workspace: Workspace):
    first = create_sample(workspace)
    assert create_sample(workspace) == first
    with workspace.store.read() as conn:
        counts = projects.count_contents(conn, first.id)
    assert counts["documents"] >= 500
    assert 0 < counts["labelled_anchors"] < counts["anchors"]


def test_the_oracle_is_read_and_a_faulty_one_refused(tmp_path: Path):
    assert len(read_oracle(sample_data.CONTRACTS / "oracle.tsv")) > 200
    (tmp_path / "bad.tsv").write_text("a\tb\tx\n")
    with pytest.raises(ImportRefused, match=r"bad\.tsv, line 1"):
        read_oracle(tmp_path / "bad.tsv")


@pytest.mark.parametrize(
    ("written", "part"), [("Train", Part.TRAIN), (" TEST ", Part.TEST), ("validation", Part.DEV), ("Val", Part.DEV), ("valid", Part.DEV), ("", None)]
)
def test_a_part_is_read_however_it_is_written(tmp_path: Path, written: str, part: Part | None):
    """Once anything but train, dev and test letter for letter was dropped silently."""
    pairs, table = tmp_path / "pairs.jsonl", tmp_path / "questions.csv"
    pairs.write_text(json.dumps({"anchor": "Who?", "positive": "They.", "part": written}), encoding="utf-8")
    table.write_text(f"text,part\nWho?,{written}\n", encoding="utf-8")
    for path in (pairs, table):
        bundle = read_source(path)
        assert (list(bundle.problems), [anchor.part for anchor in bundle.anchors]) == ([], [part])


def test_another_word_for_a_part_is_a_fault_with_its_line(tmp_path: Path):
    pairs, table = tmp_path / "pairs.jsonl", tmp_path / "questions.csv"
    pairs.write_text('{"anchor": "Who?", "positive": "They."}\n{"anchor": "When?", "positive": "Now.", "part": "trian"}\n', encoding="utf-8")
    table.write_text("text,part\nWho?,train\nWhen?,chapter 3\n", encoding="utf-8")
    said = "none of train, dev and test; mend it, leave it empty, or leave the column out."
    assert [str(item) for item in read_source(pairs).problems] == [f"pairs.jsonl, line 2: the part 'trian' is {said}"]
    assert [str(item) for item in read_source(table).problems] == [f"questions.csv, line 3: the part 'chapter 3' is {said}"]


def test_a_part_in_the_metadata_of_a_question_that_is_none_of_the_split_stays_a_field(tmp_path: Path):
    path = tmp_path / "queries.jsonl"
    path.write_text(
        '{"_id": "q1", "text": "Who?", "metadata": {"part": "chapter 3"}}\n{"_id": "q2", "text": "When?", "metadata": {"part": "Dev"}}', encoding="utf-8"
    )
    assert list(read_source(path).anchors) == [Anchor("q1", "Who?", fields={"part": "chapter 3"}), Anchor("q2", "When?", Part.DEV)]
