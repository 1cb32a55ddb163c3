"""The split: components stay whole, training never becomes test."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from core.curation.held_out import forbid_documents, part_anchors
from core.curation.split import SHARES, Split, assign_parts, ensure_split, find_components, loosen_components, plan_split, read_positives
from core.model import Anchor, Judgement, Label, Part
from core.store import corpus, judgements
from core.store.anchor_groups import read_members
from core.workspace import Workspace

ANCHOR, DOCUMENT = st.integers(0, 11).map("a{}".format), st.integers(0, 9).map("d{}".format)
POSITIVES = st.dictionaries(ANCHOR, st.lists(DOCUMENT, min_size=1, max_size=3), max_size=12)
TWINS = st.dictionaries(DOCUMENT, st.sampled_from(["d0", "d1"]), max_size=5)


@given(positives=POSITIVES, twins=TWINS)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_components_are_exactly_what_shared_answers_reach(positives: dict[str, list[str]], twins: dict[str, str]):
    def answers(anchor: str) -> set[str]:
        return {"twin " + twins[document] if document in twins else document for document in positives[anchor]}

    rest, wanted = sorted(positives), []
    while rest:
        group, grown = {rest[0]}, True
        while grown:
            reached = set().union(*(answers(anchor) for anchor in group))
            more = {anchor for anchor in positives if answers(anchor) & reached}
            grown, group = more != group, more
        wanted.append(sorted(group))
        rest = [anchor for anchor in rest if anchor not in group]
    assert find_components(positives, twins) == sorted(wanted)


@given(rounds=st.lists(POSITIVES, min_size=1, max_size=4), seed=st.integers(0, 5))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_no_component_is_cut_and_training_never_becomes_test(rounds: list[dict[str, list[str]]], seed: int):
    positives: dict[str, list[str]] = {}
    standing: dict[str, Part] = {}
    exposure = {Part.TRAIN: 0, Part.DEV: 1, Part.TEST: 2}
    for labels in rounds:
        for anchor, documents in labels.items():
            positives[anchor] = positives.get(anchor, []) + documents
        components = find_components(positives)
        parts = assign_parts(components, standing, seed=seed)
        assert parts.keys() == positives.keys()
        assert all(len({parts[anchor] for anchor in component}) == 1 for component in components)
        assert all(exposure[parts[anchor]] <= exposure[part] for anchor, part in standing.items())
        standing = parts


def test_paraphrases_stay_in_one_part_though_only_one_names_the_group(workspace: Workspace, small_project: str):
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, small_project, [Anchor("q1", "The question"), Anchor("q2", "The question, otherwise put", group="q1")])
        said = [Judgement("answer-q1", "q1", "d20", Label.POSITIVE, 3), Judgement("answer-q2", "q2", "d21", Label.POSITIVE, 3)]
        judgements.append_judgements(conn, small_project, said)
        assert [[item.id for item in read_members(conn, small_project, name)] for name in ("q1", "q2")] == [["q1", "q2"]] * 2
    split = plan_split(workspace, small_project)
    assert split.groups["q1"] == split.groups["q2"]
    with workspace.store.write() as conn:
        corpus.set_parts(conn, small_project, {"q1": Part.TRAIN, "q2": Part.TEST})
        anchors = corpus.read_anchors(conn, small_project)
        labelled = read_positives(judgements.read_qrels(conn, small_project))
    training, held_out = part_anchors(anchors, labelled)
    assert ({"q1", "q2"} <= held_out, [item.id for item in training]) == (True, [])
    forbidden = forbid_documents(held_out, labelled, {"d5": "d5", "d20": "d5"})
    assert {"d20", "d21", "d5"} <= forbidden


def test_the_shares_are_about_right_on_a_hundred_components():
    rng = random.Random(4)
    components = [[f"c{n:03}-{place}" for place in range(rng.choice([1, 1, 1, 2, 3, 6]))] for n in range(100)]
    parts = assign_parts(components, {})
    for part, share in SHARES.items():
        assert abs(sum(value == part for value in parts.values()) / len(parts) - share) < 0.03


def test_the_split_does_not_depend_on_the_order_of_arrival_and_does_on_the_seed():
    components = [[f"a{n}"] for n in range(40)]
    shuffled = random.Random(1).sample(components, 40)
    assert assign_parts(components, {}) == assign_parts(shuffled, {})
    assert assign_parts(components, {}) != assign_parts(components, {}, seed=1)


def test_a_component_that_joins_parts_goes_to_the_most_exposed():
    standing = {"a": Part.TEST, "b": Part.DEV, "c": Part.TRAIN, "d": Part.TEST}
    assert assign_parts([["a", "b", "new"], ["c", "d"]], standing) == {"a": Part.DEV, "b": Part.DEV, "new": Part.DEV, "c": Part.TRAIN, "d": Part.TRAIN}


def test_nothing_to_split_is_no_split():
    assert find_components({}) == []
    assert assign_parts([], {"a": Part.TRAIN}) == {}


def test_answers_come_best_first_and_anchors_without_one_are_left_out():
    assert read_positives({"a": {"d2": 1, "d1": 3, "d0": 1, "d9": 0}, "b": {"d1": 0}, "c": {}}) == {"a": ["d1", "d0", "d2"]}


def test_a_split_names_groups_and_the_anchors_of_a_part():
    split = Split([["a", "b"], ["c"]], {"b": Part.DEV, "a": Part.DEV, "c": Part.TEST})
    assert split.groups == {"a": "a", "b": "a", "c": "c"}
    assert [split.ids(part) for part in Part] == [[], ["a", "b"], ["c"]]


def test_components_that_hold_almost_everything_are_loosened_and_it_is_said():
    shared = {f"a{n}": ["hub", f"d{n}"] for n in range(9)} | {f"b{n}": [f"e{n}"] for n in range(3)}
    components, warning = loosen_components(shared, {})
    assert components == [[anchor] for anchor in sorted(shared)]
    assert "may flatter" in warning
    apart = {f"a{n}": [f"d{n}"] for n in range(12)}
    components, warning = loosen_components(apart, {f"d{n}": "d0" for n in range(12)})
    assert components == [[anchor] for anchor in sorted(apart)]
    assert "twin" in warning
    half = {f"a{n}": ["hub" if n < 6 else f"d{n}"] for n in range(12)}
    assert loosen_components(half, {}) == (find_components(half), "")
    assert loosen_components({"a": ["x"], "b": ["x"]}, {}) == ([["a", "b"]], "")


def parts_of(workspace: Workspace, project: str) -> dict[str, Part | None]:
    with workspace.store.read() as conn:
        return {anchor.id: anchor.part for anchor in corpus.read_anchors(conn, project)}


def test_a_stored_split_is_stable_and_an_anchor_unlabelled_for_a_while_keeps_its_part(workspace: Workspace, small_project: str):
    components = ensure_split(workspace, small_project).components
    first = parts_of(workspace, small_project)
    assert [component for component in components if len(component) != 1] == []
    assert {anchor for anchor, part in first.items() if part is None} == {"a10", "a11"}
    trained = next(anchor for anchor, part in first.items() if part == Part.TRAIN)
    number = int(trained[1:])
    with workspace.store.write() as conn:
        for document in (number, number + 12):
            judgements.undo_judgement(conn, small_project, f"made-{number}-{document}", author="x")
    ensure_split(workspace, small_project)
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, small_project, [Judgement("again-1", trained, "d11", Label.POSITIVE, 3)])
    ensure_split(workspace, small_project)
    assert parts_of(workspace, small_project) == first


def test_a_plan_stores_nothing_and_is_what_is_then_stored(workspace: Workspace, small_project: str):
    plan = plan_split(workspace, small_project)
    assert set(parts_of(workspace, small_project).values()) == {None}
    assert ensure_split(workspace, small_project) == plan
    assert {anchor: part for anchor, part in parts_of(workspace, small_project).items() if part} == dict(plan.parts)


def make_rephrasings(questions: int, wordings: int) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Each question in several wordings, each wording labelled with one of its two answers only, and the groups that a person made of them."""
    positives = {f"{q:02}-{w}": [f"answer-{q:02}-{w % 2}"] for q in range(questions) for w in range(wordings)}
    return positives, {anchor_id: anchor_id.split("-")[0] + "-0" for anchor_id in positives}


def test_rephrasings_of_one_group_stay_together_where_their_answers_alone_would_cut_them():
    positives, groups = make_rephrasings(30, 6)
    assert len(find_components(positives)) == 60
    components = find_components(positives, groups=groups)
    assert components == [[f"{q:02}-{w}" for w in range(6)] for q in range(30)]
    parts = assign_parts(components, {})
    assert all(len({parts[f"{q:02}-{w}"] for w in range(6)}) == 1 for q in range(30))
    assert set(parts.values()) == set(Part)


def test_a_group_stays_whole_where_everything_shares_answers_and_components_are_loosened():
    positives, groups = make_rephrasings(10, 4)
    shared = {anchor_id: [*answers, "everywhere"] for anchor_id, answers in positives.items()}
    components, warning = loosen_components(shared, {}, groups)
    assert components == [[f"{q:02}-{w}" for w in range(4)] for q in range(10)]
    assert "exactly the same" in warning


@given(positives=POSITIVES, groups=st.dictionaries(ANCHOR, st.sampled_from(["g0", "g1"]), max_size=6))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_groups_only_ever_join_components_whole(positives: dict[str, list[str]], groups: dict[str, str]):
    joined = find_components(positives, groups=groups)
    assert sorted(anchor for component in joined for anchor in component) == sorted(positives)
    place = {anchor: n for n, component in enumerate(joined) for anchor in component}
    for component in find_components(positives):
        assert len({place[anchor] for anchor in component}) == 1
    for name in set(groups.values()):
        assert len({place[anchor] for anchor in positives if groups.get(anchor) == name}) <= 1
