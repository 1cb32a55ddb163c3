"""Everyday pairs from a file of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sample_data
from core.evaluation.guard import list_guard_texts
from core.model import PairsmithError
from core.tuning.config import TuneConfig
from core.tuning.generic import count_generic, read_generic, read_generic_for


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_in_the_style_of_ms_marco_are_read_with_their_negatives(tmp_path: Path):
    path = write(tmp_path / "g.jsonl", {"query": "q", "pos": ["p1", "p2"], "neg": ["n1", "P1", "n2", "n3"]}, {"anchor": "a", "positive": "b"})
    rows = read_generic(path, negatives=2)
    assert [(row.anchor, row.positive, list(row.negatives)) for row in rows] == [("q", "p1", ["n1", "n2"]), ("q", "p2", ["n1", "n2"]), ("a", "b", [])]
    assert rows[0].group == rows[1].group != rows[2].group
    assert rows[0].answers == rows[1].answers


def test_a_faulty_line_is_named_and_nothing_is_taken(tmp_path: Path):
    path = write(tmp_path / "g.jsonl", {"query": "q", "pos": "p"}, "{", {"query": 3, "pos": []}, {"query": "q", "pos": "p", "neg": [None]})
    with pytest.raises(PairsmithError, match=r"line 2: not valid JSON.*line 3: query must be a string.*line 3: pos is empty\. And 1 more"):
        read_generic(path)


def test_a_missing_or_an_empty_file_is_an_error_with_what_to_do(tmp_path: Path):
    with pytest.raises(PairsmithError, match="leave it empty for the bundled pairs"):
        count_generic(TuneConfig(generic_path=str(tmp_path / "none.jsonl")))
    with pytest.raises(PairsmithError, match="holds no pair"):
        read_generic(write(tmp_path / "g.jsonl"))


def test_a_row_that_quotes_the_guard_set_is_left_out(tmp_path: Path):
    question = json.loads((sample_data.GUARD / "queries.jsonl").read_text(encoding="utf-8").splitlines()[0])["text"]
    path = write(tmp_path / "g.jsonl", {"query": question.upper(), "pos": "p"}, {"query": "q", "pos": "p"})
    assert [row.anchor for row in read_generic_for(TuneConfig(generic_path=str(path)), list_guard_texts())] == ["q"]


def test_a_file_that_changed_is_counted_anew(tmp_path: Path):
    path = write(tmp_path / "g.jsonl", {"query": "q", "pos": "p"})
    config = TuneConfig(generic_path=str(path))
    assert count_generic(config) == 1
    write(path, {"query": "q", "pos": ["p", "r"]})
    import os

    os.utime(path, ns=(1, 1))
    assert count_generic(config) == 2
