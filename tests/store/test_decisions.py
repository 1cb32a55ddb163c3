"""The decisions behind the present words, on both databases."""

from __future__ import annotations

from typing import Any

from core.model import Candidate, CandidateStatus, Judgement, Label, Source
from core.store import Store, candidates, decisions, judgements

SAID = (Label.POSITIVE, Label.HARD_NEGATIVE)


def say(store: Store, project: str, *events: Judgement) -> None:
    with store.write() as conn:
        judgements.append_judgements(conn, project, events)


def word(name: str, document: str, label: Label = Label.HARD_NEGATIVE, author: str = "ann", source: Source = Source.MINED, **more: Any) -> Judgement:
    return Judgement(name, "a1", document, label, int(label == Label.POSITIVE), source, author, **more)


def read(store: Store, project: str, **more: Any) -> list[tuple[str, str]]:
    with store.read() as conn:
        return [(item.document_id, item.client_id) for item in decisions.read_decisions(conn, project, labels=SAID, source=Source.MINED, **more)]


def test_a_word_that_an_undo_brought_back_is_the_decision_it_was(store: Store, project: str):
    say(store, project, word("first", "d1", shown={"ratio": 0.8}), word("second", "d1", Label.POSITIVE, "bob"))
    with store.write() as conn:
        judgements.undo_judgement(conn, project, "second", author="bob")
    assert read(store, project) == [("d1", "first")]
    with store.read() as conn:
        assert [item.client_id for item in decisions.read_own(conn, project, "ann")] == ["first"]
        assert decisions.read_own(conn, project, "bob") == []


def test_a_word_said_again_after_a_skip_is_its_authors_and_what_followed_from_another_pair_is_nobodys(store: Store, project: str):
    say(store, project, word("first", "d1", shown={"ratio": 0.8}), word("skip", "d1", Label.SKIPPED, "bob"), word("again", "d1", caused_by="skip"))
    say(store, project, word("other", "d2"), word("carried", "d3", caused_by="other"))
    assert read(store, project) == [("d1", "first"), ("d2", "other")]
    with store.read() as conn:
        assert [item.client_id for item in decisions.read_own(conn, project, "ann")] == ["other", "again"]
        assert decisions.read_own(conn, project, "bob", label=Label.SKIPPED) == []
    with store.write() as conn:
        judgements.undo_judgement(conn, project, "again", author="ann")
    with store.read() as conn:
        assert [item.client_id for item in decisions.read_own(conn, project, "bob", label=Label.SKIPPED)] == ["skip"]


def test_authors_and_sources_can_be_left_out(store: Store, project: str):
    say(store, project, word("person", "d1"), word("machine", "d2", author="oracle"), word("found", "d3", source=Source.SEARCH))
    assert read(store, project, but=["oracle"]) == [("d1", "person")]


def test_audit_items_are_those_that_were_shown_as_such_else_those_mined_as_such(store: Store, project: str):
    mined = [Candidate("a1", f"d{n}", CandidateStatus.PROPOSED, "near", 1.0, 0.5, 0.9, 1, None, "m", audit=n < 3) for n in range(1, 5)]
    with store.write() as conn:
        candidates.replace_candidates(conn, project, mined)
    say(store, project, word("unnoted", "d1"), word("noted-no", "d2", shown={"audit": False}), word("noted-yes", "d3", shown={"audit": True}))
    say(store, project, word("plain", "d4", shown={"view": "panel"}))
    assert read(store, project, audit=True) == [("d1", "unnoted"), ("d3", "noted-yes")]
