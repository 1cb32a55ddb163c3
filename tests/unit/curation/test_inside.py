"""Review what is in here: which pairs of one part of the map are put next, and which never are."""

from __future__ import annotations

import numpy as np
import pytest

from core.curation.fan_out import Twins
from core.curation.inside import MOST, Inside, propose_inside
from core.curation.review_queue import apply_events, next_records
from core.curation.shown import INSIDE
from core.model import Candidate, CandidateStatus, Judgement, Label, ModelKind, ModelRecord, PairsmithError, Part, Source
from core.retrieval.vectors import VectorCache
from core.store import artefacts, candidates, corpus, judgements
from core.workspace import Workspace

TWINS = Twins({"d2": "d2", "d3": "d2", "d4": "d4", "d5": "d4"})
HERE = [f"d{n}" for n in range(9)]
"""Nine documents, in which `a0` is answered by d0, `a4` by d4, and d1 answers the held-out `a1`."""


@pytest.fixture
def project(workspace: Workspace, small_project: str) -> str:
    """The small project; `a0` and `a4` are in training, all other anchors are held out or have no part."""
    with workspace.store.write() as conn:
        corpus.set_parts(conn, small_project, {"a0": Part.TRAIN, "a4": Part.TRAIN, "a1": Part.TEST})
    return small_project


def embed(workspace: Workspace, project: str, *, questions: bool = True) -> ModelRecord:
    """Vectors by hand: document n at n degrees, `a0` at 8 degrees and `a4` at 4, where `questions` are embedded."""
    record = ModelRecord("m" * 64, "base", ModelKind.BASE, "none", 2, 64)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, project, record)
        documents = corpus.read_documents(conn, project)
        anchors = corpus.get_anchors(conn, project, ["a0", "a4"])
    angles = {doc.content: float(doc.id[1:]) for doc in documents}
    angles |= {anchors["a0"].text: 8.0, anchors["a4"].text: 4.0} if questions else {}
    cache = VectorCache(workspace.folder("vectors", record.id[:32]), 2)
    cache.fill(list(angles), "", lambda texts: np.array([[np.cos(np.radians(angles[t])), np.sin(np.radians(angles[t]))] for t in texts], np.float32))
    return record


def ask(workspace: Workspace, project: str, documents: list[str] = HERE, **more: object) -> Inside:
    return propose_inside(workspace, project, "ann", documents, TWINS, lease_s=900, now=100.0, **more)


def test_each_training_anchor_answered_there_gets_the_nearest_documents_there_at_the_head_of_the_queue(workspace: Workspace, project: str):
    embed(workspace, project)
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, project, [Candidate("a0", "d20", CandidateStatus.PROPOSED, "near", 7.0, 0.5, 0.9, 1, None, "m")])
    found = ask(workspace, project)
    # d1 answers the held-out a1; d3 is a near-duplicate of the nearer d2 for a4 and d2 one of the nearer d3 for a0; d5 is one of a4's own answer
    a0, a4 = ["d8", "d7", "d6", "d5", "d3"], ["d3", "d6", "d7", "d0", "d8"]
    assert list(found.pairs) == [("a0", item) for item in a0] + [("a4", item) for item in a4]
    assert (found.anchors, found.queued, found.note) == (2, 10, "")
    assert found.told == "10 pairs of 2 questions answered there come next."
    records = next_records(workspace, project, "ann", now=101.0)
    assert [(record.anchor_id, record.document_id) for record in records] == [*found.pairs, ("a0", "d20")]
    assert records[0].figures.startswith(f"{INSIDE} · ratio ")
    assert next_records(workspace, project, "bob", now=101.0) == []


def test_where_the_question_has_no_vector_its_answer_in_there_says_what_is_near(workspace: Workspace, project: str):
    embed(workspace, project, questions=False)
    found = ask(workspace, project)
    assert [document for anchor, document in found.pairs if anchor == "a0"] == ["d2", "d4", "d6", "d7", "d8"]


def test_what_was_judged_is_not_asked_again_nor_its_near_duplicate(workspace: Workspace, project: str):
    embed(workspace, project)
    with workspace.store.write() as conn:
        events = [Judgement("no-a0-d3", "a0", "d3", Label.HARD_NEGATIVE, 0), Judgement("skip-a0-d8", "a0", "d8", Label.SKIPPED, 0)]
        judgements.append_judgements(conn, project, events)
    assert [document for anchor, document in ask(workspace, project).pairs if anchor == "a0"] == ["d7", "d6", "d5"]


def test_an_answer_of_a_paraphrase_is_no_candidate(workspace: Workspace, project: str):
    embed(workspace, project)
    with workspace.store.write() as conn:
        corpus.set_groups(conn, project, {"a7": "a0"})
        corpus.set_parts(conn, project, {"a7": Part.TRAIN})
    assert "d7" not in [document for anchor, document in ask(workspace, project).pairs if anchor == "a0"]


def test_asking_again_changes_nothing_and_says_so(workspace: Workspace, project: str):
    embed(workspace, project)
    first = ask(workspace, project)
    apply_events(workspace, project, "ann", [{"client_id": "decision-d8", "anchor_id": "a0", "document_id": "d8", "label": "hard_negative"}])
    again = ask(workspace, project)
    assert again.queued == 0
    assert set(again.pairs) <= set(first.pairs) - {("a0", "d8")}
    assert again.told == "The 9 pairs of 2 questions answered there are in the queue already."


def test_without_vectors_words_are_compared_and_the_reason_is_said(workspace: Workspace, project: str):
    found = ask(workspace, project)
    assert found.queued
    assert found.note == "The documents are not embedded yet, so only words were compared."


def test_where_only_held_out_anchors_are_answered_nothing_is_hunted_for(workspace: Workspace, project: str):
    embed(workspace, project)
    with pytest.raises(PairsmithError, match="None of these 2 documents answers a question in training"):
        ask(workspace, project, ["d1", "d20"])
    with pytest.raises(PairsmithError, match="near-duplicates is not known"):
        propose_inside(workspace, project, "ann", HERE, Twins(None), lease_s=900)


def test_of_many_anchors_each_has_its_turn_before_any_has_a_second(workspace: Workspace, project: str):
    embed(workspace, project)
    with workspace.store.write() as conn:
        corpus.set_parts(conn, project, {f"a{n}": Part.TRAIN for n in range(12)})
        events = [Judgement(f"answers-{n}", f"a{n}", f"d{n + 12}", Label.POSITIVE, 3, Source.IMPORT) for n in (10, 11)]
        judgements.append_judgements(conn, project, events)
    found = propose_inside(workspace, project, "ann", [f"d{n}" for n in range(24)], Twins({}), lease_s=900)
    counts = [sum(anchor == f"a{n}" for anchor, _ in found.pairs) for n in range(12)]
    assert sum(counts) == MOST
    assert max(counts) - min(counts) == 1
