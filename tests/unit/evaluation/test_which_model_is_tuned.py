"""Which model answers to the names `tuned` and `unblended`."""

from __future__ import annotations

import pytest

from core.evaluation.systems import TUNED, UNBLENDED, find_system
from core.model import Evaluation, ModelKind, ModelRecord, NotFound, Part
from core.store import artefacts
from core.workspace import Workspace


def put_models(workspace: Workspace, *names: str, kind: ModelKind = ModelKind.TUNED) -> None:
    """Models in the order they were made; one is of the run before its hyphen."""
    with workspace.store.write() as conn:
        at = 1.0 + len(artefacts.list_models(conn, "small"))
        for place, name in enumerate(names):
            run_id = name.partition("-")[0]
            artefacts.put_model(conn, "small", ModelRecord(name.ljust(64, "0"), name, kind, "/nowhere", 32, 64, "", "", run_id=run_id, created_at=at + place))


def measure(workspace: Workspace, name: str, part: Part = Part.TEST) -> None:
    with workspace.store.write() as conn:
        evaluation = Evaluation(artefacts.new_id(), name, name.ljust(64, "0"), part.value, {"ndcg@5": 0.5}, 40, 1, None, 1.0)
        artefacts.put_evaluation(conn, "small", evaluation, {})


def find(workspace: Workspace, name: str) -> str:
    record = find_system(workspace, "small", name)
    assert record is not None
    return record.name


@pytest.mark.usefixtures("small_project")
def test_the_newest_model_that_was_measured_on_the_test_part_is_the_tuned_one(workspace: Workspace) -> None:
    """Once what a cancelled run left, or an adapter without a verdict, took the place of a good model by being newer."""
    put_models(workspace, "first", "second-whole", "second-blend")
    assert find(workspace, TUNED) == "second-blend"
    measure(workspace, "first")
    measure(workspace, "second-blend", Part.DEV)
    assert find(workspace, TUNED) == "first"
    measure(workspace, "second-blend")
    put_models(workspace, "third")
    put_models(workspace, "fitted", kind=ModelKind.ADAPTER)
    assert find(workspace, TUNED) == "second-blend"
    measure(workspace, "fitted")
    assert find(workspace, TUNED) == "fitted"
    with workspace.store.read() as conn:
        drawn = artefacts.find_tuned(conn, "small", whole=True)
    assert drawn is not None
    assert drawn.name == "second-blend"


@pytest.mark.usefixtures("small_project")
def test_the_unblended_model_is_that_of_the_same_run_as_the_measured_one(workspace: Workspace) -> None:
    put_models(workspace, "one-whole", "one-blend", "two")
    with pytest.raises(NotFound, match="was not blended with the base"):
        find(workspace, UNBLENDED)
    measure(workspace, "one-blend")
    assert (find(workspace, TUNED), find(workspace, UNBLENDED)) == ("one-blend", "one-whole")
