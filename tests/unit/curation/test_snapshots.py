"""Snapshots made again from the log and the former texts, healed when their file is gone, and compared."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from core.curation.snapshot import SnapshotData, is_whole, read_snapshot, rebuild_snapshot, snapshot_path, take_snapshot
from core.curation.snapshot_diff import AnchorChange, AnchorState, DocumentChange, PairChange, apply_diff, diff_snapshots
from core.model import Anchor, Document, Judgement, Label, NotFound, PairsmithError, Part
from core.store import artefacts, corpus, judgements, projects
from core.store.tables import former_documents, snapshots
from core.workspace import Workspace

_SERIAL = itertools.count()
TEXTS = st.sampled_from(["one", "two", "thr\u00e9e \u2028"])
ANCHOR_IDS, DOCUMENT_IDS = st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y", "z"])
WORDS = st.sampled_from([(Label.POSITIVE, 1), (Label.POSITIVE, 3), (Label.HARD_NEGATIVE, 0), (Label.SKIPPED, 0), (Label.UNJUDGED, 0)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("judge"), ANCHOR_IDS, DOCUMENT_IDS, WORDS),
        st.tuples(st.just("judge"), ANCHOR_IDS, DOCUMENT_IDS, WORDS),
        st.tuples(st.just("text"), DOCUMENT_IDS, TEXTS),
        st.tuples(st.just("ask"), ANCHOR_IDS, TEXTS),
        st.tuples(st.just("part"), ANCHOR_IDS, st.sampled_from(Part)),
        st.tuples(st.just("group"), ANCHOR_IDS, st.sampled_from([None, "a"])),
        st.tuples(st.just("undo")),
        st.tuples(st.just("snapshot")),
    ),
    min_size=3,
    max_size=16,
)


def make_project(workspace: Workspace) -> str:
    name = f"snap{next(_SERIAL)}"
    with workspace.store.write() as conn:
        projects.add_project(conn, name, base_model="none")
        corpus.put_documents(conn, name, [Document(item, "one") for item in "xyz"])
        corpus.put_anchors(conn, name, [Anchor(item, f"{item}?") for item in "abc"])
    return name


def take_step(workspace: Workspace, name: str, step: tuple[object, ...]) -> None:
    what, *values = step
    with workspace.store.write() as conn:
        if what == "judge":
            anchor, document, (label, grade) = values
            judgements.append_judgements(conn, name, [Judgement(f"e{next(_SERIAL)}", anchor, document, label, grade)])
        elif what == "text":
            corpus.put_documents(conn, name, [Document(values[0], values[1])])
        elif what == "ask":
            group = corpus.get_anchor(conn, name, values[0]).group
            corpus.put_anchors(conn, name, [Anchor(values[0], values[1], group=group)])
        elif what == "part":
            corpus.set_parts(conn, name, {values[0]: values[1]})
        elif what == "group":
            corpus.set_groups(conn, name, {values[0]: values[1]})
        else:
            standing = [item for item in judgements.read_state(conn, name) if item.undoes is None]
            if standing:
                judgements.undo_judgement(conn, name, standing[0].client_id, author="x")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_snapshot_is_made_again_byte_for_byte_and_each_diff_leads_to_the_next(workspace: Workspace, steps: list[tuple[object, ...]]):
    name = make_project(workspace)
    taken: list[SnapshotData] = []
    for step in [*steps, ("snapshot",)]:
        if step == ("snapshot",):
            taken.append(read_snapshot(workspace, take_snapshot(workspace, name).id))
        else:
            take_step(workspace, name, step)
    for data in taken:
        path = snapshot_path(workspace, data.id)
        content = path.read_bytes()
        path.unlink()
        assert rebuild_snapshot(workspace, name, data.id).read_bytes() == content
    for first, second in itertools.product(taken, taken):
        diff = diff_snapshots(first, second)
        assert apply_diff(first, diff) == second
        assert diff.is_empty == (first.id == second.id)


@pytest.fixture
def project(workspace: Workspace) -> str:
    name = make_project(workspace)
    for step in [("judge", "a", "x", (Label.POSITIVE, 3)), ("judge", "a", "y", (Label.HARD_NEGATIVE, 0)), ("judge", "b", "x", (Label.POSITIVE, 2))]:
        take_step(workspace, name, step)
    return name


def change_everything(workspace: Workspace, name: str) -> None:
    for step in [
        ("text", "x", "reworded"),
        ("ask", "a", "asked otherwise"),
        ("part", "a", Part.TEST),
        ("judge", "a", "y", (Label.POSITIVE, 1)),
        ("judge", "b", "x", (Label.HARD_NEGATIVE, 0)),
        ("judge", "c", "z", (Label.POSITIVE, 2)),
    ]:
        take_step(workspace, name, step)


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_snapshot_whose_file_is_gone_or_damaged_is_made_again_when_it_is_read(workspace: Workspace, project: str, damage: str):
    snapshot = take_snapshot(workspace, project)
    data, path = read_snapshot(workspace, snapshot.id), snapshot_path(workspace, snapshot.id)
    content = path.read_bytes()
    change_everything(workspace, project)
    if damage == "change":
        path.write_bytes(content.replace(b"one", b"two", 1))
    else:
        path.unlink()
    assert not is_whole(workspace, snapshot.id)
    assert read_snapshot(workspace, snapshot.id) == data
    assert path.read_bytes() == content
    assert is_whole(workspace, snapshot.id)


def test_a_diff_says_what_became_of_anchors_pairs_and_texts(workspace: Workspace, project: str):
    first = read_snapshot(workspace, take_snapshot(workspace, project).id)
    change_everything(workspace, project)
    second = read_snapshot(workspace, take_snapshot(workspace, project).id)
    diff = diff_snapshots(first, second)
    assert diff.anchors == [
        AnchorChange("a", AnchorState("a?", Part.TRAIN), AnchorState("asked otherwise", Part.TEST)),
        AnchorChange("b", AnchorState("b?", Part.TRAIN), None),
        AnchorChange("c", None, AnchorState("c?", Part.TRAIN)),
    ]
    assert diff.pairs == [PairChange("a", "y", 0, 1), PairChange("b", "x", 2, None), PairChange("c", "z", None, 2)]
    assert diff.reworded == [DocumentChange("x", "one", "reworded")]
    assert diff.documents == [*diff.reworded, DocumentChange("z", None, "one")]
    assert {name: count for name, count in diff.count_changes().items() if count != 1} == {"anchors_regrouped": 0}


def test_a_group_stands_in_a_row_only_where_there_is_one(workspace: Workspace, project: str):
    plain = take_snapshot(workspace, project)
    assert b"group" not in snapshot_path(workspace, plain.id).read_bytes()
    take_step(workspace, project, ("group", "b", "a"))
    grouped = take_snapshot(workspace, project)
    assert [anchor.group for anchor in read_snapshot(workspace, grouped.id).anchors] == [None, "a"]
    take_step(workspace, project, ("group", "b", None))
    assert take_snapshot(workspace, project).id == plain.id


def forget_history(workspace: Workspace, snapshot_id: str) -> None:
    """Make the snapshot one from before the history was kept."""
    with workspace.store.write() as conn:
        conn.execute(update(snapshots).where(snapshots.c.id == snapshot_id).values(corpus_revision=None, anchor_revision=None))
        for table in ("documents", "anchors"):
            conn.exec_driver_sql(f"UPDATE {table} SET since_revision = NULL")


def test_a_snapshot_from_before_the_history_is_made_again_where_the_oldest_known_texts_give_it(workspace: Workspace, project: str):
    snapshot = take_snapshot(workspace, project)
    forget_history(workspace, snapshot.id)
    change_everything(workspace, project)
    snapshot_path(workspace, snapshot.id).unlink()
    assert rebuild_snapshot(workspace, project, snapshot.id).exists()


def test_a_snapshot_from_before_the_history_says_so_where_a_text_changed_since(workspace: Workspace, project: str):
    snapshot = take_snapshot(workspace, project)
    change_everything(workspace, project)
    forget_history(workspace, snapshot.id)
    with workspace.store.write() as conn:
        conn.execute(delete(former_documents))
    snapshot_path(workspace, snapshot.id).unlink()
    with pytest.raises(PairsmithError, match="before Pairsmith kept former texts"):
        rebuild_snapshot(workspace, project, snapshot.id)
    with pytest.raises(NotFound, match=r"missing or was changed on disk .* before Pairsmith kept former texts"):
        read_snapshot(workspace, snapshot.id)


def test_a_database_changed_by_hand_does_not_pass_for_a_snapshot(workspace: Workspace, project: str):
    snapshot = take_snapshot(workspace, project)
    with workspace.store.write() as conn:
        conn.exec_driver_sql("UPDATE documents SET text = 'forged'")
    path = snapshot_path(workspace, snapshot.id)
    path.unlink()
    with pytest.raises(PairsmithError, match="changed by hand"):
        rebuild_snapshot(workspace, project, snapshot.id)
    assert not path.exists()


def test_a_snapshot_that_no_project_has_is_not_found(workspace: Workspace, project: str):
    with pytest.raises(NotFound, match="No project of this home has it"):
        read_snapshot(workspace, "0" * 64)
    with pytest.raises(NotFound, match="has no snapshot"):
        rebuild_snapshot(workspace, project, "0" * 64)


def test_the_same_content_taken_later_is_one_snapshot_that_holds_at_the_later_moment(workspace: Workspace, project: str):
    first = take_snapshot(workspace, project, now=1.0)
    take_step(workspace, project, ("text", "z", "not named by any judgement"))
    take_step(workspace, project, ("judge", "c", "z", (Label.SKIPPED, 0)))
    second = take_snapshot(workspace, project, now=2.0)
    with workspace.store.read() as conn:
        (stored,) = artefacts.list_snapshots(conn, project)
    assert (stored.id, stored.created_at) == (first.id, 1.0)
    assert (stored.last_seq, stored.corpus_revision) == (second.last_seq, second.corpus_revision)
    assert (second.last_seq, second.corpus_revision) > (first.last_seq, first.corpus_revision)
