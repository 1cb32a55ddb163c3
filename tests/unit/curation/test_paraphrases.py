"""Anchors that read alike: what is proposed, what never is, and what a refusal does."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.curation.paraphrases import ALIKE, REFUSED, group_alike, normalise_text, propose_groups, read_refused, refuse_proposal
from core.model import Anchor, NotFound, PairsmithError
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.retrieval.vectors import VectorCache, key_text
from core.store import corpus, projects
from core.workspace import Workspace

ANGLES = st.lists(st.integers(0, 359), min_size=0, max_size=14)


def make_anchors(n: int, **groups: str) -> list[Anchor]:
    return [Anchor(f"a{i}", f"question number {i}", group=groups.get(f"a{i}")) for i in range(n)]


def at_degrees(*degrees: float) -> np.ndarray:
    radians = np.radians(np.array(degrees, np.float32))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32).reshape(-1, 2)


def proposed(anchors: list[Anchor], vectors: np.ndarray | None, refused: list[list[str]] | None = None, **options: float) -> list[list[str]]:
    return [item.ids for item in group_alike(anchors, vectors, refused or [], **options)]


def test_a_chain_of_likenesses_is_no_group_and_the_nearest_two_of_it_are():
    vectors = at_degrees(0, 20, 39)  # cosines 0.940, 0.946 and 0.777
    assert proposed(make_anchors(3), vectors) == [["a1", "a2"]]


def test_the_threshold_itself_is_alike_and_a_hair_below_is_not():
    vectors = np.array([[1, 0], [0.5, 0.75**0.5]], np.float32)
    assert proposed(make_anchors(2), vectors, threshold=0.5) == [["a0", "a1"]]
    assert proposed(make_anchors(2), vectors, threshold=0.5 + 1e-6) == []


def test_the_surest_proposal_comes_first_and_ties_go_by_id():
    vectors = at_degrees(0, 10, 90, 91, 180, 181)
    assert proposed(make_anchors(6), vectors) == [["a2", "a3"], ["a4", "a5"], ["a0", "a1"]]
    assert group_alike(make_anchors(2), at_degrees(0, 60), threshold=0.1)[0].similarity == pytest.approx(0.5)


def test_equal_texts_are_proposed_without_any_vector():
    anchors = [Anchor("b", "Who pays?"), Anchor("a", "  WHO  pays "), Anchor("c", "Who pays whom?")]
    assert proposed(anchors, None) == [["a", "b"]]
    assert normalise_text("Straße, bitte?") == normalise_text("STRASSE,  bitte.")


def test_a_group_that_stands_is_proposed_only_with_somebody_new():
    vectors = at_degrees(0, 5, 10, 120)
    assert proposed(make_anchors(4, a0="a0", a1="a0", a2="a0"), vectors) == []
    assert proposed(make_anchors(4, a0="a0", a1="a0"), vectors) == [["a0", "a1", "a2"]]


def test_a_newcomer_must_be_like_every_member_of_a_group():
    assert proposed(make_anchors(3, a0="a0", a1="a0"), at_degrees(0, 30, 50)) == []  # like a1 (0.94), not like a0 (0.64)


def test_a_refused_pair_stays_apart_whoever_joins_and_the_others_are_still_proposed():
    vectors = at_degrees(0, 4, 9)
    assert proposed(make_anchors(3), vectors, [["a0", "a1"]]) == [["a1", "a2"]]
    assert proposed(make_anchors(3), vectors, [["a0", "a1", "a2"]]) == []
    assert proposed([Anchor("a0", "Same?"), Anchor("a1", "same")], None, [["a0", "a1", "gone"]]) == []


def test_a_model_that_finds_everything_alike_groups_only_equal_texts():
    anchors = [*make_anchors(40), Anchor("b", "Question number 7?")]
    assert proposed(anchors, np.tile(at_degrees(0), (41, 1))) == [["a7", "b"]]


def test_an_anchor_without_a_vector_is_like_none():
    vectors = at_degrees(0, 1)
    vectors[1] = 0
    assert proposed(make_anchors(2), vectors) == []


@given(degrees=ANGLES, grouped=st.integers(0, 3), seed=st.integers(0, 3))
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_proposals_are_disjoint_tight_and_independent_of_the_order_of_arrival(degrees: list[int], grouped: int, seed: int):
    anchors = [Anchor(item.id, item.text, group="a0" if i < grouped and grouped > 1 else None) for i, item in enumerate(make_anchors(len(degrees)))]
    vectors = at_degrees(*degrees)
    found = proposed(anchors, vectors)
    members = [anchor_id for group in found for anchor_id in group]
    assert len(members) == len(set(members))
    own = {anchor.id for anchor in anchors if anchor.group}
    rows = {anchor.id: row for row, anchor in enumerate(anchors)}
    for group in found:
        assert len(group) > 1
        assert not set(group) <= own
        for pair in itertools.combinations(group, 2):
            assert set(pair) <= own or vectors[rows[pair[0]]] @ vectors[rows[pair[1]]] >= ALIKE - 1e-6
    order = np.random.default_rng(seed).permutation(len(degrees))
    assert proposed([anchors[i] for i in order], vectors[order]) == found


@given(degrees=ANGLES, names=st.sets(st.integers(0, 13), min_size=2, max_size=4))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_no_two_of_a_refused_group_are_ever_in_one_proposal(degrees: list[int], names: set[int]):
    refused = [f"a{n}" for n in names]
    for group in proposed(make_anchors(len(degrees)), at_degrees(*degrees), [refused]):
        assert len(set(group) & set(refused)) < 2


def put_vectors(workspace: Workspace, project_id: str, vectors: dict[str, list[float]]) -> None:
    with workspace.store.read() as conn:
        record = describe_model(projects.get_project(conn, project_id).base_model)
    rows = np.zeros((len(vectors), record.dimension), np.float32)
    for row, values in zip(rows, vectors.values(), strict=True):
        row[: len(values)] = values
    VectorCache(workspace.folder("vectors", record.id[:32]), record.dimension).fill(
        list(vectors), record.query_prompt, lambda texts: rows[[list(vectors).index(t) for t in texts]]
    )


def test_the_vectors_come_from_the_cache_and_those_missing_are_counted(workspace: Workspace, small_project: str):
    with workspace.store.read() as conn:
        record = describe_model(projects.get_project(conn, small_project).base_model)
        texts = [anchor.text for anchor in corpus.read_anchors(conn, small_project)]
    assert propose_groups(workspace, small_project, None).missing == 12
    put_vectors(workspace, small_project, {texts[0]: [1.0], texts[3]: [0.9, 0.1], texts[5]: [0.0, 1.0]})
    found = propose_groups(workspace, small_project, record)
    assert ([item.ids for item in found.proposals], found.missing) == ([["a0", "a3"]], 9)
    refuse_proposal(workspace, small_project, ["a3", "a0", "a3"])
    refuse_proposal(workspace, small_project, ["a0", "a3"])
    assert propose_groups(workspace, small_project, record).proposals == []
    with workspace.store.read() as conn:
        assert read_refused(projects.get_project(conn, small_project).options) == [["a0", "a3"]]


def test_a_refusal_names_two_anchors_that_exist_and_leaves_other_options_alone(workspace: Workspace, small_project: str):
    with workspace.store.write() as conn:
        projects.update_options(conn, small_project, lambda _: {"negatives_target": 5, REFUSED: "not a list of lists"[:0]})
    with pytest.raises(PairsmithError, match="two or more"):
        refuse_proposal(workspace, small_project, ["a1", "a1"])
    with pytest.raises(NotFound, match="no anchor 'zzz'"):
        refuse_proposal(workspace, small_project, ["a1", "zzz"])
    refuse_proposal(workspace, small_project, ["a1", "a2"])
    with workspace.store.read() as conn:
        assert projects.get_project(conn, small_project).options == {"negatives_target": 5, REFUSED: [["a1", "a2"]]}


def test_on_a_collection_of_rephrasings_every_two_of_a_proposal_share_an_answer(collections: Path, workspace: Workspace):
    from core.retrieval.encoder import embed_anchors

    rows = [json.loads(line) for line in (collections / "stackfaq" / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if int(row["_id"].split("-")[0]) < 40]  # a question's number, then its wording's
    answers: dict[str, set[str]] = {}
    for line in (collections / "stackfaq" / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query_id, document_id, _ = line.split("\t")
        answers.setdefault(query_id, set()).add(document_id)
    anchors = [Anchor(row["_id"], row["text"]) for row in rows]
    vectors = embed_anchors(workspace, describe_model(EMBEDDED_DEFAULT), [anchor.text for anchor in anchors])
    found = group_alike(anchors, vectors)
    assert len(found) > 60
    assert sum(len(item.anchors) for item in found) > 150
    for item in found:
        for left, right in itertools.combinations(item.ids, 2):
            assert answers[left] & answers[right], item.ids
    assert key_text(anchors[0].text) != key_text(anchors[1].text)
