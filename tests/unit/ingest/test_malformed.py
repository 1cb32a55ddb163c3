"""Malformed files, each its own case: refused with the file and the line, in words a person can act on, and nothing stored."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from core.ingest import texts as text_files
from core.ingest.bundle import ImportRefused
from core.ingest.lines import MAX_ID_CHARACTERS
from core.ingest.read import import_path
from core.model import PairsmithError
from core.store.tables import metadata
from core.workspace import Workspace

GOOD = '{"_id": "n1", "text": "fine"}\n'
PAIR = '{"anchor": "x", "positive": "y", "hard_negatives": ["z"]}\n'
EVENT = '{"client_id": "e1", "anchor_id": "a1", "document_id": "d1", "label": "%s", "source": "%s", "grade": %s}\n'

# name: (file, content, line, what is said)
FILES: dict[str, tuple[str, bytes, int, str]] = {
    "UTF-16 without a mark": ("c.jsonl", GOOD.encode("utf-16-be"), 1, "UTF-16 without a byte order mark; save it as UTF-8"),
    "UTF-16 cut within a character": ("c.jsonl", GOOD.encode("utf-16")[:-1], 1, "is not UTF-16 (byte 60 of the file)"),
    "UTF-16 table with half a pair": ("t.csv", "id,text\n1,a\n".encode("utf-16") + b"\x00\xd8\x0a\x00", 3, "is not UTF-16"),
    "latin-1 bytes": ("c.jsonl", (GOOD + '{"_id": "2", "text": "café"}\n').encode("latin-1"), 2, "byte 0xe9 is not UTF-8 (byte 55 of the file)"),
    "latin-1 table": ("t.csv", "id,text\n1,Kündigung\n".encode("latin-1"), 2, "byte 0xfc is not UTF-8 (byte 11 of the file)"),
    "UTF-8 cut within a character": ("c.jsonl", (GOOD + '{"_id": "2", "text": "é').encode()[:-1], 2, "byte 0xc3 is not UTF-8"),
    "overlong UTF-8": ("c.jsonl", b'{"_id": "1", "text": "\xc0\xaf"}\n', 1, "byte 0xc0 is not UTF-8 (byte 22 of the file)"),
    "a surrogate in UTF-8": ("c.jsonl", b'{"_id": "1", "text": "\xed\xa0\xbd"}\n', 1, "is not UTF-8"),
    "a mark in the middle": ("c.jsonl", (GOOD + "\ufeff" + GOOD.replace("n1", "n2")).encode(), 2, "two files were joined"),
    "a second header with a mark": ("t.csv", "\ufeffid,text\n1,a\n\ufeffid,text\n".encode(), 3, "two files were joined"),
    "a lone surrogate, escaped": ("c.jsonl", b'{"_id": "1", "text": "\\udc00"}\n', 1, "half a surrogate pair"),
    "a NUL byte in a table": ("t.csv", b"id,text\n1,abc\0d\n", 2, "NUL byte; remove it"),
    "an escaped NUL": ("p.jsonl", b'{"anchor": "a\\u0000", "positive": "b"}\n', 1, "NUL character"),
    "a ragged row": ("t.csv", b"id,text,x\n1,a,b\n2,c\n", 3, "2 cells where the header has 3"),
    "a row too long": ("t.csv", b"id,text\n1,a, b\n", 2, "3 cells where the header has 2; quote"),
    "a quote never closed": ("t.csv", b'id,text\n1,"open\n2,b\n', 2, "a quote that opens in this row is never closed"),
    "a quote within a cell": ("t.csv", b'id,text\n1,"say "so""\n', 2, "a quote within a cell is written as two"),
    "a doubled id in a table": ("t.csv", b"id,text\n1,a\n1,b\n", 3, "the id '1' was used above"),
    "a doubled id in lines": ("c.jsonl", (GOOD + GOOD).encode(), 2, "the id 'n1' was used above"),
    "a doubled header": ("t.csv", b"id,text,text\n1,a,b\n", 1, "the column 'text' stands twice"),
    "a column without a name": ("t.csv", b"id,text,\n1,a,b\n", 1, "column 3 of the header has no name"),
    "no header": ("t.csv", b"1,The first clause\n2,The second\n", 1, "cannot be told which column holds the text"),
    "a header alone": ("t.csv", b"id,text\n", 1, "a header and no rows"),
    "an empty table": ("t.csv", b"", 1, "found: nothing"),
    "an empty file": ("c.jsonl", b"", 0, "the file is empty"),
    "blank lines alone": ("c.jsonl", b"\n  \n", 0, "the file is empty"),
    "an empty text": ("c.jsonl", b'{"_id": "1", "text": ""}\n', 1, "text is empty"),
    "white space for a text": ("t.csv", " id,text\n1,\u00a0\u2003\n".encode(), 2, "the text is empty"),
    "an orphan judgement": ("j.qrels", b"a1 0 d1 1\na99 0 d1 1\n", 2, "query 'a99' is not in the project"),
    "an orphan document": ("j.qrels", b"a1 0 d99 1\n", 1, "document 'd99' is not in the project"),
    "contradictory judgements": ("j.qrels", b"a1 0 d1 1\na1 0 d1 0\n", 2, "were graded 1 above and 0 here"),
    "a negative grade": ("j.qrels", b"a1 0 d1 -1\n", 1, "the score -1 is negative"),
    "a huge grade": ("j.qrels", b"a1 0 d1 99999999\n", 1, "is above 1000"),
    "a float for a grade": ("j.qrels", b"a1 0 d2 1\na1 0 d1 0.75\n", 2, "'0.75' is not a whole number"),
    "an underscored grade": ("j.qrels", b"a1 0 d1 1_0\n", 1, "is not a whole number"),
    "NaN for a grade": ("j.qrels", b"a1 0 d1 NaN\n", 1, "is not a whole number"),
    "NaN in JSON": ("p.jsonl", b'{"anchor": "a", "positive": "b", "grades": [NaN]}\n', 1, "NaN is no JSON number"),
    "Infinity in JSON": ("c.jsonl", b'{"_id": "1", "text": "a", "metadata": {"x": -Infinity}}\n', 1, "-Infinity is no JSON number"),
    "grades that are floats": ("p.jsonl", b'{"anchor": "a", "positive": "b", "grades": [2.5]}\n', 1, "grades must be whole numbers from 1"),
    "a grade of 0 for a positive": ("p.jsonl", b'{"anchor": "a", "positive": "b", "grades": [0]}\n', 1, "grades must be whole numbers from 1"),
    "fewer grades than positives": ("p.jsonl", b'{"anchor": "a", "positive": ["b", "c"], "grades": [2]}\n', 1, "grades has 1 where there are 2"),
    "fewer ids than texts": ("p.jsonl", b'{"anchor": "a", "positive": ["b", "c"], "positive_ids": ["1"]}\n', 1, "names 1 where there are 2"),
    "an id for two texts": (
        "p.jsonl",
        b'{"anchor": "a", "positive": "b", "positive_ids": ["1"]}\n{"anchor": "a2", "positive": "c", "positive_ids": ["1"]}\n',
        2,
        "the id '1' stands for another text above",
    ),
    "a text that is both": ("p.jsonl", (PAIR + '{"anchor": "x", "pos": ["z"]}\n').encode(), 2, "as positive and as hard negative"),
    "two grades for one pair": (
        "p.jsonl",
        b'{"anchor": "a", "positive": "b", "grades": [1]}\n{"anchor": "a", "positive": "b", "grades": [2]}\n',
        2,
        "graded 1 above and 2 here",
    ),
    "a JSON array": ("c.json", b'[{"_id": "1", "text": "a"}]\n', 1, "write its objects one a line"),
    "a JSON array over lines": ("c.json", b'[\n{"_id": "1", "text": "a"},\n{"_id": "2", "text": "b"}\n]\n', 1, "write its objects one a line"),
    "deep nesting": ("c.jsonl", GOOD.encode() + b"[" * 200_000 + b"\n", 2, "nested too deep"),
    "a doubled key": ("c.jsonl", b'{"_id": "1", "text": "a", "text": "b"}\n', 1, "the key 'text' stands twice"),
    "keys of nothing": ("c.jsonl", b'{"prompt": "a", "completion": "b"}\n', 1, "expected the keys anchor"),
    "a line break in an id": ("c.jsonl", b'{"_id": "a\\nb", "text": "a"}\n', 1, "holds a tab, a line break"),
    "a control character in an id": ("c.jsonl", b'{"_id": "a\\u0007b", "text": "a"}\n', 1, "control character"),
    "white space around an id": ("c.jsonl", b'{"_id": " a", "text": "a"}\n', 1, "has white space around it; take it off"),
    "a very long id": ("c.jsonl", ('{"_id": "%s", "text": "a"}\n' % ("x" * (MAX_ID_CHARACTERS + 1))).encode(), 1, "has 501 characters"),
    "true for an id": ("c.jsonl", b'{"_id": true, "text": "a"}\n', 1, "_id must be a string"),
    "a formula for a grade": ("t.csv", b"question,answer,grade\nwhy,because,=1+1\n", 2, "the grade '=1+1' must be a whole number"),
    "an empty grade": ("t.csv", b"question,answer,grade\nwhy,because,\n", 2, "the grade '' must be a whole number"),
    "a table of pairs that names no document": ("t.csv", b"anchor_id,document_id,grade\na1,d1,1\na1,d99,1\n", 3, "document 'd99' is not in the project"),
    "a Parquet file cut short": ("t.parquet", b"PAR1\x15\x04\x15", 0, "no Parquet file that can be read"),
    "a Parquet file that is none": ("t.parquet", b"id,text\n1,a\n", 0, "no Parquet file that can be read"),
    "an event of no label": ("l.jsonl", (EVENT % ("good", "search", 1)).encode(), 1, "the label 'good' is none of"),
    "an event of no source": ("l.jsonl", (EVENT % ("positive", "guess", 1)).encode(), 1, "the source 'guess' is none of"),
    "an event with a grade of its own": ("l.jsonl", (EVENT % ("hard_negative", "search", 2)).encode(), 1, "do not go together"),
    "an event with a huge grade": ("l.jsonl", (EVENT % ("positive", "search", "1e400")).encode(), 1, "grade must be a whole number"),
    "an event of another corpus": ("l.jsonl", (EVENT % ("positive", "search", 1)).replace("d1", "d99").encode(), 1, "document 'd99' is not in the project"),
    "an event twice": ("l.jsonl", (EVENT % ("positive", "search", 1) * 2).encode(), 2, "stands above already"),
    "an event with a column of its own": ("l.jsonl", (EVENT % ("positive", "search", '1, "x": 1')).encode(), 1, "'x' is no column of the log"),
    "a log with an endless time": ("l.jsonl", (EVENT % ("positive", "search", '1, "decided_at": 1e999')).encode(), 1, "decided_at must be a number"),
    "an empty text file": ("t.md", b" \n", 0, "the text is empty"),
    "a text file in latin-1": ("t.txt", "Kündigung".encode("latin-1"), 0, "byte 0xfc is not UTF-8 (byte 1 of the file)"),
}  # fmt: skip


def count_rows(workspace: Workspace) -> dict[str, int]:
    with workspace.store.read() as conn:
        return {name: conn.execute(select(func.count()).select_from(table)).scalar_one() for name, table in metadata.tables.items()}


def refuse(workspace: Workspace, path: Path) -> PairsmithError:
    """The refusal of an import of `path`; not a row of any table may have come or gone."""
    before = count_rows(workspace)
    with pytest.raises(PairsmithError) as refusal:
        import_path(workspace, "small", path)
    assert count_rows(workspace) == before
    return refusal.value


@pytest.mark.parametrize("name", FILES)
def test_a_malformed_file_is_refused_at_its_line(workspace: Workspace, small_project: str, tmp_path: Path, name: str) -> None:
    file, content, line, said = FILES[name]
    (tmp_path / file).write_bytes(content)
    refusal = refuse(workspace, tmp_path / file)
    assert isinstance(refusal, ImportRefused)
    assert [(problem.file, problem.line) for problem in refusal.problems] == [(file, line)]
    assert said in refusal.problems[0].message


def write_parquet(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def write_texts(path: Path, texts: pa.Array) -> Path:
    return write_parquet(path / "t.parquet", id=pa.array([str(place) for place in range(len(texts))]), text=texts)


def make_link(path: Path) -> Path:
    (path / "a.txt").write_text("text")
    os.symlink("/etc/passwd", path / "b.txt")
    return path


def make_large(path: Path) -> Path:
    (path / "a.txt").write_bytes(b"x" * (text_files.MAX_TEXT_BYTES + 1))
    return path


def make_pipe(path: Path) -> Path:
    os.mkfifo(path / "c.jsonl")
    return path / "c.jsonl"


def make_folder(path: Path) -> Path:
    (path / "c.jsonl").mkdir()
    return path / "c.jsonl"


def make_tables(path: Path) -> Path:
    (path / "documents.csv").write_text("id,text\n1,a\n")
    (path / "anchors.csv").write_text("id,text\nq,b\n")
    (path / "judgements.csv").write_text("anchor_id,document_id,grade\nq,1,2\nq,1,0\n")
    return path


def make_zip(path: Path) -> Path:
    (path / "x.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    return path / "x.zip"


PLACES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a link in a folder of texts": (make_link, "b.txt: it is a link"),
    "a text file too large": (make_large, "a.txt: it is larger than 1 MB"),
    "a folder for a file": (make_folder, "is no BEIR folder"),
    "a pipe for a file": (make_pipe, "no file or folder"),
    "nothing at all": (lambda path: path / "none.csv", "no file or folder"),
    "an empty folder": (lambda path: path, "has no corpus.jsonl"),
    "an empty archive": (make_zip, "holds nothing that can be read"),
    "contradictory tables": (make_tables, "judgements.csv, line 3: the same text is given as positive and as hard negative"),
    "Parquet of nested texts": (lambda path: write_texts(path, pa.array([{"a": 1}])), "line 1: the text must be a string"),
    "Parquet of lists": (lambda path: write_texts(path, pa.array([["a"]])), "line 1: the text must be a string, found list"),
    "Parquet of bytes": (lambda path: write_texts(path, pa.array([b"\xff"])), "must be a string, found bytes"),
    "Parquet of nothing": (lambda path: write_texts(path, pa.array(["a", None])), "line 2: the text is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_what_cannot_be_a_source_is_refused_by_name(workspace: Workspace, small_project: str, tmp_path: Path, name: str) -> None:
    make, said = PLACES[name]
    folder = tmp_path / "given"
    folder.mkdir()
    assert said in str(refuse(workspace, make(folder)))


def test_a_file_that_may_not_be_read_is_refused(workspace: Workspace, small_project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything: have the system say what it says to others
        monkeypatch.setattr(Path, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    assert "c.jsonl: it cannot be opened: Permission denied" in str(refuse(workspace, path))


@pytest.mark.parametrize("name", ["c.jsonl", "t.csv", "j.qrels"])
def test_a_line_of_a_gigabyte_is_refused_without_reading_it(workspace: Workspace, small_project: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as stream:
        stream.write(b"id,text\n1," if name == "t.csv" else b'{"_id": "1", "text": "')
        stream.seek(1_000_000_000)
        stream.write(b"x\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "longer than 4,000,000 bytes" in str(refuse(workspace, path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB; the file is a thousand thousand


@pytest.mark.parametrize("ends", [b"\r\n", b"\r", b"\n"])
def test_any_line_ends_are_read_also_mixed(workspace: Workspace, small_project: str, tmp_path: Path, ends: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(b"id,text\r\nn1,a" + ends + b'n2,"b\r\nc\rd"\r\nn3,e' + ends)
    assert import_path(workspace, "small", tmp_path / "t.csv").changed["documents"] == 3
    from core.store import corpus

    with workspace.store.read() as conn:
        assert corpus.get_documents(conn, "small", ["n2"])["n2"].text == "b\r\nc\rd"


@pytest.mark.parametrize("name", ["latin-1 table", "a quote never closed", "an orphan judgement"])
def test_the_command_line_refuses_with_exit_code_1(workspace: Workspace, small_project: str, tmp_path: Path, name: str) -> None:
    file, content, line, said = FILES[name]
    (tmp_path / file).write_bytes(content)
    before = count_rows(workspace)
    command = [sys.executable, "-m", "core.cli", "import", "small", str(tmp_path / file)]
    done = subprocess.run(command, env=os.environ | {"PAIRSMITH_HOME": str(workspace.home)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}, line {line}: " in done.stderr
    assert said in done.stderr
    assert count_rows(workspace) == before
