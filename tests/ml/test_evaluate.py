"""Evaluating on the real small model: what a split must know before anything is measured."""

from __future__ import annotations

from core.curation.twins import read_twins
from core.evaluation.evaluate import evaluate_system
from core.model import Anchor, Document, Judgement, Label, Part
from core.store import corpus, judgements
from core.workspace import Workspace


def test_an_anchor_answered_by_a_copy_of_a_training_answer_is_not_held_out(workspace: Workspace, small_project: str) -> None:
    evaluate_system(workspace, small_project, "base")
    with workspace.store.read() as conn:
        trained = corpus.read_anchors(conn, small_project, part=Part.TRAIN)
        answers = {item.anchor_id: item.document_id for item in judgements.read_state(conn, small_project, labels=[Label.POSITIVE])}
        originals = corpus.get_documents(conn, small_project, list(answers.values()))
    copies = [Document(f"copy-{anchor.id}", originals[answers[anchor.id]].text) for anchor in trained]
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, copies)
        corpus.put_anchors(conn, small_project, [Anchor(f"again-{anchor.id}", f"{anchor.text} Once more?") for anchor in trained])
        events = [Judgement(f"again-{anchor.id}", f"again-{anchor.id}", f"copy-{anchor.id}", Label.POSITIVE, 3) for anchor in trained]
        judgements.append_judgements(conn, small_project, events)
    assert read_twins(workspace, small_project) is None
    evaluate_system(workspace, small_project, "base")
    groups = read_twins(workspace, small_project)
    assert groups is not None
    assert all(groups[f"copy-{anchor.id}"] == groups[answers[anchor.id]] for anchor in trained)
