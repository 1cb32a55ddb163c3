"""The examples of docs/formats.md, imported as they stand, and its table against the forms there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.ingest.export import Form
from core.ingest.read import import_path
from core.model import Anchor, Document
from core.store import corpus, projects
from core.workspace import Workspace

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", TEXT, re.M | re.S))
COUNTS = {
    "pairs.jsonl": (2, 1, 2),
    "graded.jsonl": (1, 0, 2),
    "triplets.jsonl": (2, 1, 2),
    "tuples.jsonl": (3, 1, 3),
    "flag.jsonl": (2, 1, 2),
    "corpus.jsonl": (1, 0, 0),
    "queries.jsonl": (0, 1, 0),
    "documents.table.csv": (2, 0, 0),
    "pairs.table.csv": (2, 1, 2),
    "clause.md": (1, 0, 0),
    "judgements.qrels": (0, 0, 1),
    "log.jsonl": (0, 0, 1),
}


def test_every_example_is_counted() -> None:
    assert set(EXAMPLES) == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_an_example_comes_in_as_it_stands_and_once(workspace: Workspace, tmp_path: Path, name: str) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="none")
        corpus.put_documents(conn, "p", [Document("d1", "An older text of the clause.")])
        corpus.put_anchors(conn, "p", [Anchor("q1", "Who insures?" if name == "graded.jsonl" else "An older question?")])
    path = tmp_path / name
    path.write_text(EXAMPLES[name], encoding="utf-8")
    stored = import_path(workspace, "p", path).changed
    documents = COUNTS[name][0] + (name == "graded.jsonl")  # its d1 is the older text's, changed
    assert tuple(stored.values()) == (documents, *COUNTS[name][1:])
    assert sum(import_path(workspace, "p", path).changed.values()) == 0


def test_the_table_has_every_form() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.M) == list(Form)
