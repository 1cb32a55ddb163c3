"""Components that would swallow every anchor, and near-duplicate groups on disk."""

from __future__ import annotations

from core.curation.split import loosen_components, plan_split
from core.curation.twins import read_twins, write_twins
from core.model import Document
from core.store import corpus
from core.workspace import Workspace


def test_components_that_can_be_split_are_left_alone() -> None:
    positives = {f"a{n}": [f"d{n}"] for n in range(12)}
    components, warning = loosen_components(positives, {"d0": "d0", "d1": "d0"})
    assert components[0] == ["a0", "a1"]
    assert len(components) == 11
    assert warning == ""


def test_near_duplicates_that_join_almost_everything_are_let_go_with_a_warning() -> None:
    positives = {f"a{n}": [f"d{n}"] for n in range(12)}
    components, warning = loosen_components(positives, {f"d{n}": "d0" for n in range(12)})
    assert len(components) == 12
    assert "twin may stand on both sides" in warning


def test_one_answer_shared_by_almost_all_places_each_anchor_by_itself_with_a_warning() -> None:
    positives = {f"a{n:02d}": ["everything", f"d{n}"] for n in range(12)}
    components, warning = loosen_components(positives, {})
    assert components == [[anchor_id] for anchor_id in sorted(positives)]
    assert "may flatter" in warning


def test_rephrasings_with_the_same_answers_stay_together_even_then() -> None:
    positives = {f"a{n:02d}": ["everything", f"d{n // 2}"] for n in range(12)}
    components, _ = loosen_components(positives, {})
    assert components[0] == ["a00", "a01"]
    assert len(components) == 6


def test_a_handful_of_anchors_is_never_loosened() -> None:
    components, warning = loosen_components({f"a{n}": ["d"] for n in range(5)}, {})
    assert len(components) == 1
    assert warning == ""


def test_groups_are_read_back_until_the_corpus_changes(workspace: Workspace, small_project: str) -> None:
    assert read_twins(workspace, small_project) is None
    write_twins(workspace, small_project, {"d0": "d0", "d1": "d0"}, 1)
    assert read_twins(workspace, small_project) == {"d0": "d0", "d1": "d0"}
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, [Document("new", "A document that came later.")])
    assert read_twins(workspace, small_project) is None


def test_the_plan_keeps_near_duplicate_answers_on_one_side(workspace: Workspace, small_project: str) -> None:
    write_twins(workspace, small_project, {"d0": "d0", "d1": "d0"}, 1)
    split = plan_split(workspace, small_project)
    assert split.parts["a0"] == split.parts["a1"]
    assert split.groups["a1"] == "a0"
