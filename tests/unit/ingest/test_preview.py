"""What an import would change is what it then changes."""

from __future__ import annotations

import pytest

from core.ingest.beir import import_judgement
from core.ingest.bundle import Bundle, store_bundle
from core.ingest.preview import Change, Preview, preview_bundle
from core.model import Anchor, Document, Judgement, Label
from core.store import judgements
from core.workspace import Workspace

BUNDLE = Bundle(
    [
        Document("d1", "Another text"),
        Document("d2", "The parties agree on liability as clause 2 of the liability schedule says.", fields={"topic": "liability"}),
        Document("n1", "New"),
    ],
    [Anchor("a1", "What does the contract say on assignment?"), Anchor("a2", "Other words?"), Anchor("n1", "New?")],
    [import_judgement("a1", "n1", 0), import_judgement("a1", "d1", 1)],
)


def test_new_changed_and_known_records_are_told_apart(workspace: Workspace, small_project: str) -> None:
    with workspace.store.read() as conn:
        preview = preview_bundle(conn, small_project, BUNDLE)
    assert preview == Preview(Change(3, 1, 1), Change(3, 1, 1), Change(2, 1, 1))
    assert preview.documents.same == 1


def test_the_preview_says_what_storing_then_does(workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        preview = preview_bundle(conn, small_project, BUNDLE)
        stored = store_bundle(conn, small_project, BUNDLE)
    assert stored == {name: change.new + change.changed for name, change in vars(preview).items() if isinstance(change, Change)}


def test_a_second_import_is_previewed_as_nothing_new(workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        store_bundle(conn, small_project, BUNDLE)
        assert preview_bundle(conn, small_project, BUNDLE).is_empty


def test_an_import_that_was_taken_back_does_not_come_in_again_and_is_not_called_new(workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        store_bundle(conn, small_project, BUNDLE)
        judgements.undo_judgement(conn, small_project, BUNDLE.judgements[0].client_id, author="local")
        assert preview_bundle(conn, small_project, BUNDLE).is_empty


def test_a_changed_field_counts_as_a_change(workspace: Workspace, small_project: str) -> None:
    document = Document("d2", "The parties agree on liability as clause 2 of the liability schedule says.", fields={"topic": "insurance"})
    with workspace.store.read() as conn:
        assert preview_bundle(conn, small_project, Bundle([document])).documents == Change(1, 0, 1)


@pytest.mark.parametrize("label", [Label.HARD_NEGATIVE, Label.AMBIGUOUS])
def test_a_word_of_an_expert_that_the_file_would_replace_is_counted(workspace: Workspace, small_project: str, label: Label) -> None:
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, small_project, [Judgement("by-an-expert", "a1", "d7", label)])
        assert preview_bundle(conn, small_project, Bundle(judgements=[import_judgement("a1", "d7", 2)])).judgements == Change(1, 0, 1)


def test_a_judgement_that_says_what_stands_already_is_no_change(workspace: Workspace, small_project: str) -> None:
    with workspace.store.read() as conn:
        assert preview_bundle(conn, small_project, Bundle(judgements=[import_judgement("a1", "d1", 3)])).is_empty
