"""What follows from a decision: near-duplicates and paraphrases are judged with it, and one undo takes all of it back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.curation.disputes import list_disputes
from core.curation.review_queue import Applied, apply_events, mark_answer, take_back
from core.curation.snapshot import read_snapshot, take_snapshot
from core.curation.twins import write_twins
from core.ingest.content import read_content
from core.ingest.export_pairs import write_pairs
from core.model import Anchor, Candidate, CandidateStatus, Document, Judgement, Label, Part, Source, hash_text
from core.settings import Settings
from core.store import candidates, corpus, judgements, open_store, projects
from core.tuning.config import TuneConfig
from core.tuning.dataset import build_rows
from core.workspace import Workspace

TWINS = {"d1": "d1", "d2": "d1", "d3": "d1", "d4": "d4", "d5": "d4"}
NEGATIVE, POSITIVE, AMBIGUOUS = Label.HARD_NEGATIVE, Label.POSITIVE, Label.AMBIGUOUS
State = dict[tuple[str, str], tuple[Label, int]]


def make_project(workspace: Workspace, project_id: str) -> str:
    """Documents `d0` to `d6`, of which 1, 2 and 3, and 4 and 5, are near-duplicates; anchors `a0` to `a2`, of which 0 and 1 ask the same."""
    with workspace.store.write() as conn:
        projects.add_project(conn, project_id, base_model="none")
        corpus.put_documents(conn, project_id, [Document(f"d{n}", f"Clause {n}.", title=f"Title {n}") for n in range(7)])
        corpus.put_anchors(conn, project_id, [Anchor("a0", "What?", group="a0"), Anchor("a1", "What indeed?", group="a0"), Anchor("a2", "Who?")])
        judgements.append_judgements(conn, project_id, [Judgement(f"{project_id}-a{n}", f"a{n}", "d0", POSITIVE, 3, Source.IMPORT, "import") for n in range(3)])
        revision = projects.get_project(conn, project_id).corpus_revision
    write_twins(workspace, project_id, TWINS, revision)
    return project_id


@pytest.fixture
def project(workspace: Workspace) -> str:
    return make_project(workspace, "p")


def decide(workspace: Workspace, project: str, key: str, document: str, label: str, anchor: str = "a2", author: str = "ann", **more: object) -> Applied:
    event = {"client_id": f"decision-{key}", "anchor_id": anchor, "document_id": document, "label": label} | more
    return apply_events(workspace, project, author, [event])


def undo(workspace: Workspace, project: str, key: str, author: str = "ann") -> Applied:
    return apply_events(workspace, project, author, [{"client_id": f"undo-of-{key}", "undoes": f"decision-{key}"}])


def read_state(workspace: Workspace, project: str) -> State:
    """Label and grade of each judged pair, the project's own answers left out."""
    with workspace.store.read() as conn:
        return {(item.anchor_id, item.document_id): (item.label, item.grade) for item in judgements.read_state(conn, project) if item.document_id != "d0"}


def read_events(workspace: Workspace, project: str) -> list[Judgement]:
    with workspace.store.read() as conn:
        return [event for event in judgements.read_log(conn, project) if event.document_id != "d0"]


def pairs(applied: Applied, key: str) -> list[tuple[str, str, Label, int]]:
    return [(item.anchor.id, item.document.id, item.label, item.grade) for item in applied.followed[key].pairs] if key in applied.followed else []


@pytest.mark.parametrize("label", [NEGATIVE, AMBIGUOUS, Label.CANNOT_JUDGE])
def test_near_duplicates_that_nobody_judged_are_judged_with_the_document(workspace: Workspace, project: str, label: Label):
    applied = decide(workspace, project, "1", "d1", label, reason="superseded", note="mine")
    assert pairs(applied, "decision-1") == [("a2", "d2", label, 0), ("a2", "d3", label, 0)]
    assert applied.followed["decision-1"].pairs[0].document.title == "Title 2"
    assert read_state(workspace, project) == {("a2", f"d{n}"): (label, 0) for n in (1, 2, 3)}
    first, second, _ = read_events(workspace, project)
    assert (first.client_id, first.caused_by, first.note, first.reason) == ("decision-1", None, "mine", "superseded")
    assert (second.caused_by, second.note, second.reason, second.author, second.shown) == ("decision-1", "", "superseded", "ann", None)


def test_a_skip_follows_to_nothing(workspace: Workspace, project: str):
    assert decide(workspace, project, "1", "d1", "skipped", "a0").followed == {}
    assert read_state(workspace, project) == {("a0", "d1"): (Label.SKIPPED, 0)}


def test_paraphrases_are_judged_with_the_anchor(workspace: Workspace, project: str):
    assert pairs(decide(workspace, project, "1", "d4", "hard_negative", "a1"), "decision-1") == [
        ("a0", "d4", NEGATIVE, 0),
        ("a0", "d5", NEGATIVE, 0),
        ("a1", "d5", NEGATIVE, 0),
    ]
    assert decide(workspace, project, "2", "d6", "hard_negative").followed == {}


def test_an_answer_leaves_every_negative_list_and_undo_restores_them(workspace: Workspace, project: str):
    decide(workspace, project, "1", "d2", "hard_negative", "a1", "bob")
    before = read_state(workspace, project)
    assert set(before.values()) == {(NEGATIVE, 0)}
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, project, [Judgement("imported", "a0", "d3", NEGATIVE, 0, Source.IMPORT, "import")])
    applied = decide(workspace, project, "2", "d1", "positive", "a0", grade=2)
    assert read_state(workspace, project) == {(f"a{a}", f"d{d}"): (POSITIVE, 2) for a in (0, 1) for d in (1, 2, 3)}
    assert len(applied.followed["decision-2"].pairs) == 5
    assert pairs(undo(workspace, project, "2"), "undo-of-2") == [
        (f"a{a}", f"d{d}", NEGATIVE, 0) for a, d in itertools.product((0, 1), (1, 2, 3)) if (a, d) != (0, 1)
    ]
    assert read_state(workspace, project) == before


@pytest.mark.parametrize("word", [(AMBIGUOUS, 0), (POSITIVE, 1), (Label.SKIPPED, 0), (Label.CANNOT_JUDGE, 0)])
@pytest.mark.parametrize("label", ["positive", "hard_negative"])
def test_another_word_that_somebody_said_of_a_near_duplicate_stands(workspace: Workspace, project: str, word: tuple[Label, int], label: str):
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, project, [Judgement("said-before", "a2", "d2", *word, author="bob")])
    decide(workspace, project, "1", "d1", label)
    assert read_state(workspace, project)["a2", "d2"] == word
    assert read_state(workspace, project)["a2", "d3"][0] == label


def test_what_only_followed_from_a_decision_follows_its_correction(workspace: Workspace, project: str):
    decide(workspace, project, "1", "d1", "hard_negative")
    decide(workspace, project, "2", "d1", "ambiguous")
    assert set(read_state(workspace, project).values()) == {(AMBIGUOUS, 0)}
    undo(workspace, project, "2")
    assert read_state(workspace, project) == {("a2", f"d{n}"): (NEGATIVE, 0) for n in (1, 2, 3)}
    decide(workspace, project, "3", "d2", "positive")
    assert set(read_state(workspace, project).values()) == {(POSITIVE, 3)}


def test_a_hard_negative_whose_near_duplicate_is_an_answer_is_kept_and_said(workspace: Workspace, project: str):
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, project, [Judgement("said-before", "a2", "d2", POSITIVE, 2, author="bob")])
    applied = decide(workspace, project, "1", "d1", "hard_negative")
    assert applied.stored == ["decision-1"]
    assert applied.followed["decision-1"].warnings == ["Its near-duplicate d2 is marked as an answer."]
    assert read_state(workspace, project) == {("a2", "d1"): (NEGATIVE, 0), ("a2", "d2"): (POSITIVE, 2), ("a2", "d3"): (NEGATIVE, 0)}
    same = decide(workspace, project, "2", "d0", "hard_negative", "a1")
    assert same.followed["decision-2"].warnings == ["It is marked as an answer of a0, which asks the same."]


def test_a_consequence_that_was_judged_again_since_stays_and_is_said(workspace: Workspace, project: str):
    decide(workspace, project, "1", "d1", "hard_negative")
    decide(workspace, project, "2", "d3", "cannot_judge", author="bob")
    applied = undo(workspace, project, "1")
    assert applied.followed["undo-of-1"].warnings == [f"{document} was judged again since, and that stays." for document in ("d2", "d3")]
    assert read_state(workspace, project) == {("a2", "d2"): (Label.CANNOT_JUDGE, 0), ("a2", "d3"): (Label.CANNOT_JUDGE, 0)}


def test_a_decision_that_another_overrode_is_not_taken_back(workspace: Workspace, project: str):
    decide(workspace, project, "1", "d1", "hard_negative")
    decide(workspace, project, "2", "d2", "positive")
    applied = undo(workspace, project, "1")
    assert "judged again since" in applied.refused["undo-of-1"]
    assert set(read_state(workspace, project).values()) == {(POSITIVE, 3)}


def test_an_outbox_sent_again_changes_nothing_and_is_told_the_same(workspace: Workspace, project: str):
    outbox = [{"client_id": "decision-1", "anchor_id": "a0", "document_id": "d1", "label": "positive"}, {"client_id": "undo-of-1", "undoes": "decision-1"}]
    first = apply_events(workspace, project, "ann", outbox)
    events = read_events(workspace, project)
    again = apply_events(workspace, project, "ann", outbox)
    assert read_events(workspace, project) == events
    assert [(pairs(again, key), again.stored) for key in again.stored] == [(pairs(first, key), first.stored) for key in first.stored]
    assert len(pairs(first, "undo-of-1")) == 5


def test_search_and_undo_on_the_label_page_have_the_same_consequences(workspace: Workspace, project: str):
    found = mark_answer(workspace, project, "ann", client_id="search-1", anchor_id="a2", document_id="d1", grade=3, query="clause one")
    assert [item.document.id for item in found.pairs] == ["d2", "d3"]
    assert (read_events(workspace, project)[0].shown or {})["query"] == "clause one"
    taken = take_back(workspace, project, "ann", client_id="search-2", anchor_id="a2", document_id="d1")
    assert taken is not None
    assert [item.label for item in taken.pairs] == [Label.UNJUDGED] * 2
    assert read_state(workspace, project) == {}
    assert take_back(workspace, project, "ann", client_id="search-3", anchor_id="a2", document_id="d1") is None


def test_what_the_expert_had_before_them_is_kept_with_the_decision(workspace: Workspace, project: str):
    found = Candidate("a2", "d1", CandidateStatus.SUSPICIOUS, "near", 1.0, 0.5, 0.9, 3, None, "m", audit=True)
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, project, [found])
    decide(workspace, project, "1", "d1", "hard_negative", positives=["d0", "nowhere"])
    decide(workspace, project, "2", "d6", "hard_negative", source="holes")
    first, *_, last = read_events(workspace, project)
    assert first.shown == {
        "anchor": hash_text("Who?"),
        "document": hash_text("Title 1 Clause 1."),
        "positives": [["d0", hash_text("Title 0 Clause 0.")]],
        "status": "suspicious",
        "reason": "near",
        "ratio": 0.9,
        "similarity": 0.5,
        "dense_rank": 3,
        "audit": True,
        "model": "m",
        "view": "panel",
    }
    assert (last.source, last.shown) == (Source.HOLES, {"anchor": hash_text("Who?"), "document": hash_text("Title 6 Clause 6."), "view": "panel"})
    assert "no source" in decide(workspace, project, "3", "d4", "hard_negative", source="import").refused["decision-3"]


def test_an_answer_found_in_review_counts_as_a_change_since_an_evaluation(workspace: Workspace, project: str):
    with workspace.store.write() as conn:
        corpus.set_parts(conn, project, {"a2": Part.TEST})
        last = judgements.last_seq(conn, project)
        assert judgements.count_changes(conn, project, Part.TEST, last) == 0
    decide(workspace, project, "1", "d1", "positive")
    with workspace.store.read() as conn:
        assert judgements.count_changes(conn, project, Part.TEST, last) == 3
    undo(workspace, project, "1")
    with workspace.store.read() as conn:
        assert judgements.count_changes(conn, project, Part.TEST, last) == 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Iterator[int]]]:
    """One store for all examples, each in a project of its own."""
    settings_ = Settings(home=Path(tmp_path_factory.mktemp("fan-out")), start_worker=False)
    store = open_store(settings_.url)
    yield Workspace(settings_, store), itertools.count()
    store.close()


Step = tuple[str, str, Label, int, str] | int
"""A decision (anchor, document, label, grade, author), or the number of an earlier step to take back."""
LABELS = [label for label in Label if label != Label.UNJUDGED]
STEP = st.one_of(
    st.tuples(
        st.sampled_from(["a0", "a1", "a2"]),
        st.sampled_from([f"d{n}" for n in range(7)]),
        st.sampled_from(LABELS),
        st.integers(1, 3),
        st.sampled_from(["ann", "bob"]),
    ),
    st.integers(0, 7),
)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=8))
def test_no_pair_is_both_and_ambiguous_is_never_trained_on_after_anything_two_experts_do(shared: tuple[Workspace, Iterator[int]], steps: list[Step]):
    workspace, numbers = shared
    project = make_project(workspace, f"p{next(numbers)}")
    outbox: list[tuple[str, dict[str, object]]] = []
    for number, step in enumerate(steps):
        author = "ann"
        if isinstance(step, int):
            event: dict[str, object] = {"client_id": f"{project}-step-{number}", "undoes": f"{project}-step-{step}"}
        else:
            anchor, document, label, grade, author = step
            event = {"anchor_id": anchor, "document_id": document, "label": label.value, "grade": grade}
            before = full_state(workspace, project)
            tried = [event | {"client_id": f"{project}-try-{number}"}, {"client_id": f"{project}-back-{number}", "undoes": f"{project}-try-{number}"}]
            assert apply_events(workspace, project, author, tried).refused == {}
            assert full_state(workspace, project) == before
            event["client_id"] = f"{project}-step-{number}"
        if apply_events(workspace, project, author, [event]).stored:  # a refused event leaves the panel's outbox
            outbox.append((author, event))
        check_disputes(workspace, project)
    state = full_state(workspace, project)
    for author, event in outbox:
        apply_events(workspace, project, author, [event])
    assert full_state(workspace, project) == state
    check_exports(workspace, project, state)


def full_state(workspace: Workspace, project: str) -> State:
    with workspace.store.read() as conn:
        return {(item.anchor_id, item.document_id): (item.label, item.grade) for item in judgements.read_state(conn, project)}


def check_disputes(workspace: Workspace, project: str) -> None:
    """No answer and no hard negative follows from a word on a pair that experts differ on."""
    disputed = {(item.opinions.anchor_id, item.opinions.document_id) for item in list_disputes(workspace, project)}
    with workspace.store.read() as conn:
        for item in judgements.read_state(conn, project, labels=[POSITIVE, NEGATIVE]):
            standing = judgements.find_standing(conn, project, item.anchor_id, item.document_id)
            cause = judgements.find_event(conn, project, standing.caused_by) if standing and standing.caused_by else None
            assert cause is None or (cause.anchor_id, cause.document_id) not in disputed


def check_exports(workspace: Workspace, project: str, state: State) -> None:
    """Snapshot, pair file and training rows hold every answer and hard negative once, and nothing else."""
    said = {label: {pair for pair, word in state.items() if word[0] == label} for label in Label}
    snapshot = read_snapshot(workspace, take_snapshot(workspace, project).id)
    answered = {anchor for anchor, _ in said[POSITIVE]}
    assert {(anchor.id, document) for anchor in snapshot.anchors for document in anchor.positives} == said[POSITIVE]
    assert {(anchor.id, document) for anchor in snapshot.anchors for document in anchor.hard_negatives} == {p for p in said[NEGATIVE] if p[0] in answered}
    left_out = {
        (anchor, f"Title {document[1:]} Clause {document[1:]}.") for anchor, document in said[AMBIGUOUS] | said[Label.SKIPPED] | said[Label.CANNOT_JUDGE]
    }
    trained = {(row.anchor_id, text) for row in build_rows(snapshot, TuneConfig(), TWINS) for text in (row.positive, *row.negatives)} if answered else set()
    assert not trained & left_out
    names = {"What?": "a0", "What indeed?": "a1", "Who?": "a2"}
    exported = {(names[row["anchor"]], text) for row in write_pairs(read_content(workspace, project)) for text in (*row["positive"], *row["hard_negatives"])}
    assert not exported & left_out
