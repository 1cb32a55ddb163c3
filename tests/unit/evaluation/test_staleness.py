"""When figures that were measured no longer hold: labels, documents and models, with a cross-encoder or without."""

from __future__ import annotations

from typing import Any

import pytest

from core.evaluation.found import find_staleness
from core.model import Document, Judgement, Label, ModelKind, ModelRecord, Part
from core.store import artefacts, corpus, judgements, projects
from core.workspace import Workspace

BASE, CROSS = "b" * 64, "c" * 64


@pytest.fixture
def test(workspace: Workspace, small_project: str) -> dict[str, Any]:
    """What a measurement with the base model and the cross-encoder `cross` keeps of the project as it is."""
    put_model(workspace, BASE, ModelKind.BASE, "tiny", 1.0)
    put_model(workspace, CROSS, ModelKind.RERANKER, "cross", 2.0)
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "small", {"a1": Part.TEST, "a2": Part.TRAIN})
        revision = projects.get_project(conn, "small").corpus_revision
        last_seq = judgements.last_seq(conn, "small")
    facts = {"part": "test", "last_seq": last_seq, "corpus_revision": revision, "base_id": BASE, "reranker_id": CROSS, "settings": {"reranker": "cross"}}
    return {"facts": facts}


def put_model(workspace: Workspace, model_id: str, kind: ModelKind, name: str, created_at: float) -> None:
    with workspace.store.write() as conn:
        artefacts.put_model(conn, "small", ModelRecord(model_id, name, kind, "/nowhere", 32, 64, created_at=created_at))


def judge(workspace: Workspace, anchor_id: str) -> None:
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement(f"later-{anchor_id}", anchor_id, "d5", Label.HARD_NEGATIVE)])


def test_nothing_changed_is_not_stale_and_neither_is_another_anchor_or_another_model(workspace: Workspace, test: dict[str, Any]) -> None:
    judge(workspace, "a2")
    put_model(workspace, "d" * 64, ModelKind.TUNED, "tuned", 3.0)
    put_model(workspace, "e" * 64, ModelKind.RERANKER, "other", 4.0)
    assert find_staleness(workspace, "small", test) == []


def test_what_changed_is_said_each_in_words(workspace: Workspace, test: dict[str, Any]) -> None:
    judge(workspace, "a1")
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "small", [Document("new", "Another clause.")])
    put_model(workspace, "d" * 64, ModelKind.BASE, "tiny", 3.0)
    put_model(workspace, "e" * 64, ModelKind.RERANKER, "cross", 4.0)
    assert find_staleness(workspace, "small", test) == [
        "1 judgement of the measured anchors changed since.",
        "The documents changed since.",
        "The base model changed since.",
        "The cross-encoder of that name is another since.",
    ]


def test_a_measurement_from_before_models_were_noted_says_nothing_of_them(workspace: Workspace, test: dict[str, Any]) -> None:
    put_model(workspace, "d" * 64, ModelKind.BASE, "tiny", 3.0)
    facts = {name: value for name, value in test["facts"].items() if not name.endswith("_id")}
    assert find_staleness(workspace, "small", {"facts": facts}) == []
