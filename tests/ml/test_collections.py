"""The published figures of two real collections, with the model that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.curation.split import ensure_split
from core.evaluation.evaluate import evaluate_system
from core.ingest.read import import_path
from core.retrieval.models import EMBEDDED_DEFAULT
from core.store import judgements, projects
from core.workspace import Workspace

pytestmark = pytest.mark.slow


def bring_in(workspace: Workspace, folder: Path) -> str:
    with workspace.store.write() as conn:
        projects.add_project(conn, folder.name, base_model=EMBEDDED_DEFAULT)
    import_path(workspace, folder.name, folder)
    return folder.name


@pytest.mark.usefixtures("every_thread")
@pytest.mark.parametrize(("name", "ndcg"), [("cranfield", 0.482), ("stackfaq", 0.735)])
def test_the_untuned_model_finds_what_it_is_known_to_find(workspace: Workspace, collections: Path, name: str, ndcg: float):
    project = bring_in(workspace, collections / name)
    figures = evaluate_system(workspace, project, "base")
    assert figures.measures["ndcg@5"] == pytest.approx(ndcg, abs=0.005)
    assert figures.interval[0] < figures.measures["ndcg@5"] < figures.interval[1]
    assert len(figures.scores) == figures.n


def test_no_rephrasing_of_a_question_stands_on_another_side_of_the_split(workspace: Workspace, collections: Path):
    project = bring_in(workspace, collections / "stackfaq")
    split = ensure_split(workspace, project)
    assert split.warning == ""
    with workspace.store.read() as conn:
        qrels = judgements.read_qrels(conn, project)
    sides: dict[str, set] = {}
    for anchor, grades in qrels.items():
        for document, grade in grades.items():
            if grade > 0:
                sides.setdefault(document, set()).add(split.parts[anchor])
    assert len(sides) > 50
    assert {len(found) for found in sides.values()} == {1}
    assert len(set(split.parts.values())) == 3
