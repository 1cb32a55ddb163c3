"""What is next, over the counts of a project."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.curation.next_step import ENOUGH_LABELLED, FEWEST_LABELLED, MANY_NEW, Standing, list_steps, next_step, read_standing
from core.curation.split import SHARES
from core.model import Judgement, Label, ModelKind, ModelRecord, Part, RunKind, RunStatus, Snapshot
from core.store import artefacts, judgements, projects, runs
from core.tuning.config import MIN_TRAIN_ANCHORS
from core.workspace import Workspace

TUNED = Standing(documents=500, anchors=300, labelled_anchors=200, hard_negatives=150, to_review=40, mined=True, tuned=True, measured=True, mapped=True)


@pytest.mark.parametrize(
    ("standing", "page"),
    [
        (Standing(), "corpus"),
        (Standing(documents=500), "label"),
        (Standing(documents=500, anchors=300), "label"),
        (Standing(documents=500, anchors=300, labelled_anchors=30), "label"),
        (Standing(documents=500, anchors=300, labelled_anchors=90), "negatives"),
        (Standing(documents=500, anchors=300, labelled_anchors=90, mined=True, to_review=400, hard_negatives=12), "negatives"),
        (Standing(documents=500, anchors=300, labelled_anchors=90, mined=True, to_review=310, hard_negatives=90), "tune"),
        (Standing(documents=500, anchors=300, labelled_anchors=90, mined=True, to_review=0, hard_negatives=3), "tune"),
        (dataclasses.replace(TUNED, measured=False, mapped=False), "compare"),
        (dataclasses.replace(TUNED, mapped=False), "map"),
        (TUNED, "negatives"),
        (dataclasses.replace(TUNED, to_review=0), "label"),
    ],
)
def test_the_next_step_leads_to_the_page_where_it_is_done(standing: Standing, page: str) -> None:
    assert next_step(standing).page == page


def test_enough_labelled_anchors_are_as_many_as_fill_the_training_part() -> None:
    assert ENOUGH_LABELLED * SHARES[Part.TRAIN] >= MIN_TRAIN_ANCHORS > (ENOUGH_LABELLED - 1) * SHARES[Part.TRAIN]


def test_many_judgements_since_the_newest_model_ask_for_another_run() -> None:
    assert next_step(dataclasses.replace(TUNED, judged_since=MANY_NEW)).action == "Tune again"
    assert next_step(dataclasses.replace(TUNED, judged_since=MANY_NEW - 1)).page == "negatives"


def test_a_run_that_goes_on_is_watched() -> None:
    ready = Standing(documents=500, anchors=300, labelled_anchors=90, mined=True, hard_negatives=90, active=frozenset([RunKind.TUNE]))
    assert (next_step(ready).page, next_step(ready).action) == ("tune", "Watch the run")


def test_a_small_project_that_was_tuned_is_not_sent_back_to_labelling() -> None:
    assert next_step(dataclasses.replace(TUNED, labelled_anchors=FEWEST_LABELLED, mapped=False)).page == "map"


@given(st.integers(0, 500), st.integers(0, 400), st.integers(0, 400), st.integers(0, 400), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_there_is_always_exactly_one_next_step_and_it_says_what_to_do(documents, labelled, negatives, waiting, mined, tuned, measured, mapped) -> None:
    standing = Standing(documents, 400, labelled, negatives, waiting, mined, tuned, measured, mapped)
    step = next_step(standing)
    open_steps = [item for item in list_steps(standing) if not item.done]
    assert step == open_steps[0] if open_steps else step.page in ("negatives", "label")
    assert step.words.endswith(".")
    assert step.action


def test_the_steps_go_from_import_to_map() -> None:
    assert [step.name for step in list_steps(Standing())] == ["Import", "Label", "Review", "Tune", "Compare", "Map"]


def test_the_standing_is_read_from_the_store(workspace: Workspace, small_project: str) -> None:
    assert read_standing(workspace, small_project) == Standing(documents=24, anchors=12, labelled_anchors=10)


def test_a_tuned_model_and_what_was_judged_since_are_part_of_the_standing(workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        seq = judgements.last_seq(conn, small_project)
        artefacts.put_snapshot(conn, small_project, Snapshot("s" * 64, 1.0, seq, {}))
        model = ModelRecord("m" * 64, "tuned", ModelKind.TUNED, "/nowhere", 32, 64, base_id="b" * 64, snapshot_id="s" * 64, created_at=2.0)
        artefacts.put_model(conn, small_project, model)
        judgements.append_judgements(conn, small_project, [Judgement("later-one", "a3", "d5", Label.HARD_NEGATIVE)])
        run_id = runs.add_run(conn, small_project, RunKind.MINE, {})
        run = runs.claim_run(conn, "w", lease_s=30)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result={})
        runs.add_run(conn, small_project, RunKind.TUNE, {})
    expected = Standing(
        documents=24, anchors=12, labelled_anchors=10, hard_negatives=1, mined=True, tuned=True, judged_since=1, active=frozenset([RunKind.TUNE])
    )
    assert read_standing(workspace, small_project) == expected


def test_an_empty_project_stands_at_the_beginning(workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "empty", base_model="embedded:all-MiniLM-L6-v2")
    assert read_standing(workspace, "empty") == Standing()


def test_an_adapter_needs_no_map_as_it_leaves_documents_where_they_are(workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        artefacts.put_model(conn, small_project, ModelRecord("m" * 64, "adapter", ModelKind.ADAPTER, "/nowhere", 32, 64, base_id="b" * 64, created_at=2.0))
    standing = read_standing(workspace, small_project)
    assert (standing.tuned, standing.mapped) == (True, True)
