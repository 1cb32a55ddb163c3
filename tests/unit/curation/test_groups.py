"""Groups of paraphrases: made, grown, taken apart; answers carried over and taken back with what caused them."""

from __future__ import annotations

import pytest

from core.curation.fan_out import Twins, apply_decision, undo_decision
from core.curation.groups import dissolve_group, leave_group, make_group
from core.curation.paraphrases import read_refused, refuse_proposal
from core.curation.split import ensure_split
from core.model import Judgement, Label, NotFound, PairsmithError, Source
from core.store import corpus, judgements, projects
from core.workspace import Workspace

WHO = {"author": "ada"}


def words(workspace: Workspace, *anchor_ids: str) -> dict[tuple[str, str], tuple[Label, int]]:
    with workspace.store.read() as conn:
        return {(item.anchor_id, item.document_id): (item.label, item.grade) for item in judgements.read_state(conn, "small", anchor_ids=anchor_ids)}


def groups(workspace: Workspace) -> dict[str, str]:
    with workspace.store.read() as conn:
        return {anchor.id: anchor.group for anchor in corpus.read_anchors(conn, "small") if anchor.group is not None}


def say(workspace: Workspace, client_id: str, anchor_id: str, document_id: str, label: Label, grade: int = 0) -> None:
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement(client_id, anchor_id, document_id, label, grade, Source.SEARCH, "bob")])


@pytest.mark.usefixtures("small_project")
def test_answers_of_each_member_become_those_of_all_and_name_the_decision_they_follow_from(workspace: Workspace):
    change = make_group(workspace, "small", ["a11", "a3"], now=50.0, **WHO)
    assert (change.group, change.members, change.disputed) == ("a11", ["a11", "a3"], [])
    assert groups(workspace) == {"a11": "a11", "a3": "a11"}
    assert words(workspace, "a11") == {("a11", "d15"): (Label.POSITIVE, 2), ("a11", "d3"): (Label.POSITIVE, 3)}
    assert [(item.anchor_id, item.document_id, item.caused_by, item.author) for item in change.carried] == [
        ("a11", "d15", "made-3-15", "ada"),
        ("a11", "d3", "made-3-3", "ada"),
    ]
    with workspace.store.read() as conn:
        event = judgements.find_event(conn, "small", change.carried[0].client_id)
    assert event is not None
    assert event.shown is not None
    assert (event.shown["view"], event.shown["group"], event.source) == ("group", "a11", Source.IMPORT)


@pytest.mark.usefixtures("small_project")
def test_a_group_grows_by_another_and_keeps_the_smallest_id(workspace: Workspace):
    make_group(workspace, "small", ["a5", "a6"], **WHO)
    make_group(workspace, "small", ["a3", "a4"], **WHO)
    change = make_group(workspace, "small", ["a6", "a4"], **WHO)
    assert change.members == ["a3", "a4", "a5", "a6"]
    assert groups(workspace) == dict.fromkeys(["a3", "a4", "a5", "a6"], "a3")
    assert len(words(workspace, "a5")) == 8


@pytest.mark.usefixtures("small_project")
def test_where_members_disagree_nothing_is_carried_and_the_document_is_named(workspace: Workspace):
    say(workspace, "said-no-no", "a10", "d3", Label.HARD_NEGATIVE)
    change = make_group(workspace, "small", ["a3", "a10", "a11"], **WHO)
    assert change.disputed == ["d3"]
    assert ("a11", "d3") not in words(workspace, "a11")
    assert words(workspace, "a10")["a10", "d3"] == (Label.HARD_NEGATIVE, 0)


@pytest.mark.usefixtures("small_project")
def test_a_skip_keeps_its_place_and_ambiguity_stays_where_it_is(workspace: Workspace):
    say(workspace, "skipped-it", "a10", "d3", Label.SKIPPED)
    say(workspace, "ambiguous-it", "a10", "d7", Label.AMBIGUOUS)
    change = make_group(workspace, "small", ["a3", "a10"], **WHO)
    assert change.disputed == []
    assert words(workspace, "a3", "a10") == {
        ("a3", "d3"): (Label.POSITIVE, 3),
        ("a3", "d15"): (Label.POSITIVE, 2),
        ("a10", "d3"): (Label.SKIPPED, 0),
        ("a10", "d7"): (Label.AMBIGUOUS, 0),
        ("a10", "d15"): (Label.POSITIVE, 2),
    }


@pytest.mark.usefixtures("small_project")
def test_dissolving_takes_back_what_was_carried_and_keeps_what_was_said_since(workspace: Workspace):
    before = words(workspace, "a3", "a4", "a10")
    make_group(workspace, "small", ["a3", "a4", "a10"], **WHO)
    say(workspace, "said-since", "a10", "d3", Label.POSITIVE, 1)
    change = dissolve_group(workspace, "small", "a4", **WHO)
    assert (change.group, change.members, len(change.undone)) == (None, [], 7)
    assert groups(workspace) == {}
    assert words(workspace, "a3", "a4", "a10") == before | {("a10", "d3"): (Label.POSITIVE, 1)}


@pytest.mark.usefixtures("small_project")
def test_one_who_leaves_takes_only_what_went_between_it_and_the_rest_and_the_name_moves_on(workspace: Workspace):
    make_group(workspace, "small", ["a3", "a4", "a5"], **WHO)
    change = leave_group(workspace, "small", ["a3"], **WHO)
    assert (change.group, change.members) == ("a4", ["a4", "a5"])
    assert groups(workspace) == {"a4": "a4", "a5": "a4"}
    assert {document for _, document in words(workspace, "a3")} == {"d3", "d15"}
    assert {document for _, document in words(workspace, "a4")} == {document for _, document in words(workspace, "a5")} == {"d4", "d16", "d5", "d17"}
    assert leave_group(workspace, "small", ["a5"], **WHO).members == []
    assert groups(workspace) == {}


@pytest.mark.usefixtures("small_project")
def test_a_dissolved_group_is_not_proposed_again_until_it_is_made_again(workspace: Workspace):
    def refused() -> list[list[str]]:
        with workspace.store.read() as conn:
            return read_refused(projects.get_project(conn, "small").options)

    make_group(workspace, "small", ["a3", "a4"], **WHO)
    dissolve_group(workspace, "small", "a3", **WHO)
    refuse_proposal(workspace, "small", ["a1", "a2"])
    assert refused() == [["a3", "a4"], ["a1", "a2"]]
    again = make_group(workspace, "small", ["a3", "a4"], **WHO)
    assert len(again.carried) == 4
    assert refused() == [["a1", "a2"]]


@pytest.mark.usefixtures("small_project")
def test_what_is_no_group_is_refused_and_nothing_changes(workspace: Workspace):
    with pytest.raises(PairsmithError, match="two or more"):
        make_group(workspace, "small", ["a3", "a3"], **WHO)
    with pytest.raises(NotFound, match="no anchor 'zzz'"):
        make_group(workspace, "small", ["a3", "zzz"], **WHO)
    with pytest.raises(PairsmithError, match="stands in no group"):
        dissolve_group(workspace, "small", "a3", **WHO)
    make_group(workspace, "small", ["a1", "a2"], **WHO)
    make_group(workspace, "small", ["a3", "a4"], **WHO)
    with pytest.raises(PairsmithError, match="different groups"):
        leave_group(workspace, "small", ["a1", "a3"], **WHO)
    assert groups(workspace) == {"a1": "a1", "a2": "a1", "a3": "a3", "a4": "a3"}


def test_a_group_stands_on_one_side_of_the_split(workspace: Workspace, small_project: str):
    pairs = [(f"a{n}", f"a{n + 5}") for n in range(5)]
    for pair in pairs:
        with workspace.store.write() as conn:  # as imported: grouped, nothing carried
            corpus.set_groups(conn, small_project, dict.fromkeys(pair, pair[0]))
    split = ensure_split(workspace, small_project)
    assert [sorted(component) for component in split.components] == [list(pair) for pair in pairs]
    assert all(split.parts[left] == split.parts[right] for left, right in pairs)
    assert len(set(split.parts.values())) > 1


@pytest.mark.usefixtures("small_project")
def test_a_word_that_an_undo_brought_back_is_carried_with_the_decision_it_was(workspace: Workspace):
    say(workspace, "first", "a3", "d7", Label.HARD_NEGATIVE)
    say(workspace, "second", "a3", "d7", Label.AMBIGUOUS)
    with workspace.store.write() as conn:
        judgements.undo_judgement(conn, "small", "second", author="bob")
    change = make_group(workspace, "small", ["a3", "a11"], **WHO)
    assert [item.caused_by for item in change.carried if item.document_id == "d7"] == ["first"]
    with workspace.store.write() as conn:
        undo_decision(conn, "small", "first", author="bob", undo_id="first-undo")
    assert ("a11", "d7") not in words(workspace, "a11")


@pytest.mark.usefixtures("small_project")
def test_one_who_leaves_a_group_leaves_its_disputes_and_what_lay_under_them(workspace: Workspace):
    make_group(workspace, "small", ["a3", "a11"], **WHO)
    for author, label in (("ann", Label.HARD_NEGATIVE), ("bob", Label.AMBIGUOUS)):
        with workspace.store.write() as conn:
            apply_decision(conn, "small", Judgement(author, "a3", "d7", label, author=author), Twins(None))
    assert words(workspace, "a11")["a11", "d7"] == (Label.AMBIGUOUS, 0)
    dissolve_group(workspace, "small", "a3", **WHO)
    assert words(workspace, "a11") == {}
