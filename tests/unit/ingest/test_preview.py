"""What an import would change is what it then changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.ingest.beir import import_judgement
from core.ingest.bundle import Bundle, store_bundle
from core.ingest.known import read_known
from core.ingest.preview import Change, Preview, preview_bundle
from core.ingest.read import import_path, preview_path, read_source
from core.model import Anchor, Document, Judgement, Label, Source
from core.store import corpus, judgements
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


def test_a_group_that_was_taken_apart_does_not_come_back_and_one_that_people_made_is_kept(workspace: Workspace, small_project: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"anchor": "What does the contract say on audit?", "positive": "They audit."}\n', encoding="utf-8")
    with workspace.store.write() as conn:
        corpus.set_groups(conn, small_project, {"a4": "a4", "a5": "a4"})
    bundle = read_source(path, read_known(workspace, small_project))
    with workspace.store.write() as conn:
        corpus.set_groups(conn, small_project, {"a4": None, "a5": None})  # between the look at the file and the import
        store_bundle(conn, small_project, bundle)
        assert corpus.get_anchor(conn, small_project, "a4").group is None
    path.write_text('{"anchor": "What does the contract say on audit?", "positive": "They audit.", "group": "theirs"}\n', encoding="utf-8")
    with workspace.store.write() as conn:
        corpus.set_groups(conn, small_project, {"a4": "a4", "a5": "a4"})
    preview = preview_path(workspace, small_project, path)
    assert preview.anchors.changed == 0
    assert preview.notes == ("1 anchor stands in another group here than in the file; the group here is kept.",)
    import_path(workspace, small_project, path)
    with workspace.store.read() as conn:
        assert corpus.get_anchor(conn, small_project, "a4").group == "a4"


def event(client_id: str, label: Label, at: float, grade: int = 0) -> Judgement:
    return Judgement(client_id, "a1", "d7", label, grade, Source.SEARCH, "bob", recorded_at=at)


@pytest.mark.parametrize(("at", "later"), [(200.0, 0), (50.0, 1)])
def test_a_history_that_would_replace_a_word_here_says_so_and_whether_the_word_here_is_later(
    workspace: Workspace, small_project: str, at: float, later: int
) -> None:
    bundle = Bundle(events=[event("there-1", Label.AMBIGUOUS, at - 1), event("there-2", Label.POSITIVE, at, 3)])
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, small_project, [Judgement("here", "a1", "d7", Label.HARD_NEGATIVE, author="ann")], now=100.0)
        preview = preview_bundle(conn, small_project, bundle)
        assert preview.judgements == Change(2, 1, 1)
        assert f"1 pair was judged otherwise here than in this history ends, {later} of them later" in preview.notes[0]
        assert store_bundle(conn, small_project, bundle)["judgements"] == 2
        log = judgements.read_pair(conn, small_project, "a1", "d7")
        assert [(item.client_id, item.recorded_at) for item in log] == [("here", 100.0), ("there-1", at - 1), ("there-2", at)]
        assert judgements.read_state(conn, small_project, anchor_ids=["a1"])[-1].label == Label.POSITIVE
        assert preview_bundle(conn, small_project, bundle).is_empty


def test_a_history_that_goes_on_from_the_one_here_changes_no_word_of_a_person(workspace: Workspace, small_project: str) -> None:
    first, second = event("there-1", Label.AMBIGUOUS, 1.0), event("there-2", Label.POSITIVE, 2.0, 3)
    with workspace.store.write() as conn:
        store_bundle(conn, small_project, Bundle(events=[first]))
        preview = preview_bundle(conn, small_project, Bundle(events=[first, second]))
    assert (preview.judgements, preview.notes) == (Change(2, 1, 0), ())


def test_a_history_is_appended_at_once_whatever_its_times(workspace: Workspace, small_project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once each time of recording was an append of its own, and a long history held the store for minutes."""
    calls: list[int] = []
    append = judgements.append_judgements
    monkeypatch.setattr(judgements, "append_judgements", lambda *args, **options: calls.append(1) or append(*args, **options))
    with workspace.store.write() as conn:
        stored = store_bundle(conn, small_project, Bundle(events=[event(f"e{n}", Label.SKIPPED, float(n)) for n in range(700)]))
        assert stored["judgements"] == 700
        assert [item.recorded_at for item in judgements.read_pair(conn, small_project, "a1", "d7")] == [float(n) for n in range(700)]
    assert len(calls) <= 2  # the file's judgements, and the events
