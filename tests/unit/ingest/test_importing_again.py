"""Importing over an earlier import: corrections come through, an expert's word since then stands, and the same file again changes nothing."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.ingest.beir import import_judgement
from core.ingest.bundle import Bundle, store_bundle
from core.ingest.pairs import read_pairs
from core.ingest.preview import Change, preview_bundle
from core.ingest.read import import_path
from core.model import Anchor, Document, Judgement, Label, Source
from core.store import corpus, judgements, projects
from core.workspace import Workspace

_SERIAL = itertools.count()


def import_grades(workspace: Workspace, grades: dict[str, int], *, graded: bool = True) -> int:
    """Import grades by document id for anchor `a1` and return how many judgements were new; the preview must have said the same."""
    bundle = Bundle(judgements=[import_judgement("a1", document_id, grade) for document_id, grade in grades.items()], graded=graded)
    with workspace.store.write() as conn:
        preview = preview_bundle(conn, "small", bundle).judgements
        stored = store_bundle(conn, "small", bundle)["judgements"]
    assert stored == preview.new + preview.changed
    return stored


def say(workspace: Workspace, label: Label, grade: int = 0, *, document: str = "d7") -> str:
    """An expert's word on `a1` and the document; returns its client id."""
    event = Judgement(f"expert-{next(_SERIAL)}", "a1", document, label, grade, Source.SEARCH, "ann")
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [event])
    return event.client_id


def word(workspace: Workspace, document: str = "d7") -> tuple[Label, int] | None:
    with workspace.store.read() as conn:
        state = judgements.read_state(conn, "small", anchor_ids=["a1"])
    return next(((item.label, item.grade) for item in state if item.document_id == document), None)


def test_a_grade_that_is_corrected_back_counts(workspace: Workspace, small_project: str):
    """Once the second 2 was taken for the first one, and 1 stayed."""
    for grade in (2, 1, 2, 1, 0, 2):
        assert import_grades(workspace, {"d7": grade}) == 1
        assert word(workspace) == (Label.POSITIVE if grade else Label.HARD_NEGATIVE, grade)
        assert import_grades(workspace, {"d7": grade}) == 0
    with workspace.store.read() as conn:
        log = judgements.read_pair(conn, small_project, "a1", "d7")
    assert [item.grade for item in log] == [2, 1, 2, 1, 0, 2]
    assert len({item.client_id for item in log}) == 6


def test_an_experts_word_since_the_import_stands_when_the_same_file_comes_again(workspace: Workspace, small_project: str):
    import_grades(workspace, {"d7": 2})
    say(workspace, Label.AMBIGUOUS)
    assert import_grades(workspace, {"d7": 2}) == 0
    assert word(workspace) == (Label.AMBIGUOUS, 0)


def test_an_experts_change_of_a_word_that_the_file_only_repeated_stands(workspace: Workspace, small_project: str):
    """Once a file that was passed over, because the pair said the same, left no trace, and its next import overruled the expert."""
    say(workspace, Label.POSITIVE, 2)
    assert import_grades(workspace, {"d7": 2}) == 0
    say(workspace, Label.HARD_NEGATIVE)
    assert import_grades(workspace, {"d7": 2}) == 0
    assert word(workspace) == (Label.HARD_NEGATIVE, 0)
    assert import_grades(workspace, {"d7": 1}) == 1


def test_a_slip_that_its_author_took_back_was_never_the_pairs_word(workspace: Workspace, small_project: str):
    slip = say(workspace, Label.POSITIVE, 2)
    with workspace.store.write() as conn:
        judgements.undo_judgement(conn, small_project, slip, author="ann")
    assert import_grades(workspace, {"d7": 2}) == 1
    assert word(workspace) == (Label.POSITIVE, 2)
    with workspace.store.write() as conn:
        judgements.undo_judgement(conn, small_project, import_judgement("a1", "d7", 2).client_id, author="ann")
    assert import_grades(workspace, {"d7": 2}) == 0
    assert word(workspace) is None


def test_a_pair_files_answer_does_not_return_once_an_expert_took_it_for_none(workspace: Workspace, small_project: str):
    """A file without grades says the same of an answer of any grade."""
    say(workspace, Label.POSITIVE, 1)
    assert import_grades(workspace, {"d7": 3}, graded=False) == 0
    say(workspace, Label.AMBIGUOUS)
    assert import_grades(workspace, {"d7": 3}, graded=False) == 0
    assert word(workspace) == (Label.AMBIGUOUS, 0)


def test_a_word_that_no_import_said_before_counts_over_an_experts(workspace: Workspace, small_project: str):
    say(workspace, Label.HARD_NEGATIVE)
    assert import_grades(workspace, {"d7": 2}) == 1
    assert word(workspace) == (Label.POSITIVE, 2)


def test_an_import_that_an_expert_took_back_stays_taken_back(workspace: Workspace, small_project: str):
    import_grades(workspace, {"d7": 2})
    import_grades(workspace, {"d7": 1})
    with workspace.store.write() as conn:
        judgements.undo_judgement(conn, small_project, import_judgement("a1", "d7", 1).client_id, author="ann")
    assert word(workspace) == (Label.POSITIVE, 2)
    assert import_grades(workspace, {"d7": 1}) == 0
    assert word(workspace) == (Label.POSITIVE, 2)


def test_a_pair_file_leaves_the_grade_of_an_answer_alone(workspace: Workspace, small_project: str, tmp_path: Path):
    """Once importing a project's own export turned partial answers into full ones."""
    import_grades(workspace, {"d7": 1})
    say(workspace, Label.POSITIVE, 2, document="d8")
    say(workspace, Label.HARD_NEGATIVE, document="d9")
    with workspace.store.read() as conn:
        held = corpus.get_documents(conn, small_project, ["d7", "d8", "d9", "d10"])
    path = tmp_path / "pairs.jsonl"
    row = {"anchor": "What does the contract say on assignment?", "positive": [doc.content for doc in held.values()]}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert import_path(workspace, small_project, path).changed == {"documents": 0, "anchors": 0, "judgements": 2}
    assert [word(workspace, f"d{n}") for n in (7, 8, 9, 10)] == [(Label.POSITIVE, grade) for grade in (1, 2, 3, 3)]
    assert import_path(workspace, small_project, path).changed["judgements"] == 0


def test_only_pair_files_are_without_grades(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"anchor": "a", "positive": "b"}\n', encoding="utf-8")
    assert not read_pairs(path).graded
    assert Bundle().graded


def test_a_pair_that_stands_in_two_files_of_a_folder_is_previewed_once(workspace: Workspace, small_project: str):
    bundle = Bundle(judgements=[import_judgement("a1", "d7", 2)] * 2)
    with workspace.store.write() as conn:
        assert preview_bundle(conn, small_project, bundle).judgements == Change(2, 1, 0)
        assert store_bundle(conn, small_project, bundle)["judgements"] == 1


PLACES = ["d0", "d1", "d2"]
FILE = st.tuples(st.just("file"), st.dictionaries(st.sampled_from(PLACES), st.integers(0, 3), min_size=1), st.booleans())
EXPERT = st.tuples(st.just("expert"), st.sampled_from(PLACES), st.sampled_from(list(Label)[:5]), st.integers(1, 3))
UNDO = st.tuples(st.just("undo"), st.sampled_from(PLACES))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(FILE, FILE, EXPERT, UNDO), max_size=12))
def test_any_file_imported_twice_in_a_row_changes_nothing_and_without_experts_the_last_file_stands(workspace: Workspace, steps: list):
    project = f"p{next(_SERIAL)}"
    by_experts: set[str] = set()
    with workspace.store.write() as conn:
        projects.add_project(conn, project, base_model="none")
        corpus.put_documents(conn, project, [Document(name, f"text {name}") for name in PLACES])
        corpus.put_anchors(conn, project, [Anchor("a", "question")])
        for step in steps:
            if step[0] == "file":
                bundle = Bundle(judgements=[import_judgement("a", name, grade) for name, grade in step[1].items()], graded=step[2])
                before = {item.document_id: item for item in judgements.read_state(conn, project)}
                preview = preview_bundle(conn, project, bundle).judgements
                assert store_bundle(conn, project, bundle)["judgements"] == preview.new + preview.changed
                after = {item.document_id: (item.label, item.grade) for item in judgements.read_state(conn, project)}
                for name, grade in step[1].items():
                    if name not in by_experts:
                        kept = before[name].grade if not step[2] and name in before and before[name].grade else grade
                        assert after[name] == ((Label.POSITIVE, kept if grade else 0) if grade else (Label.HARD_NEGATIVE, 0))
                assert preview_bundle(conn, project, bundle).is_empty
                assert store_bundle(conn, project, bundle)["judgements"] == 0
            elif step[0] == "expert":
                grade = step[3] if step[2] == Label.POSITIVE else 0
                event = Judgement(f"x{next(_SERIAL)}", "a", step[1], step[2], grade, Source.SEARCH, "ann")
                judgements.append_judgements(conn, project, [event])
                by_experts.add(step[1])
            elif standing := judgements.find_standing(conn, project, "a", step[1]):
                judgements.undo_judgement(conn, project, standing.client_id, author="ann")
                by_experts.add(step[1])


@pytest.mark.parametrize("source", [Source.SEARCH, Source.MINED, Source.ORACLE])
def test_only_an_imports_word_gives_way_to_an_import_that_came_before_it(workspace: Workspace, small_project: str, source: Source):
    import_grades(workspace, {"d7": 2})
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, small_project, [Judgement("later", "a1", "d7", Label.POSITIVE, 1, source)])
    assert import_grades(workspace, {"d7": 2}) == 0
    assert word(workspace) == (Label.POSITIVE, 1)
