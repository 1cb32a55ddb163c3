"""Around the queue: best passages and marks, more like this, the guideline, taking over, skips brought back, keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.curation.alike import propose_alike
from core.curation.fan_out import Twins
from core.curation.guideline import KEPT, LONGEST, read_versions, write_guideline
from core.curation.options import DEFAULT_KEYS, check_keys
from core.curation.passages import SHORT, WINDOW, choose_answer, mark_text
from core.curation.review_queue import (
    apply_events,
    bring_back_skipped,
    count_skipped,
    next_records,
    recent_decisions,
    take_over_records,
)
from core.curation.shown import ALIKE, describe_figures
from core.curation.twins import write_twins
from core.model import Anchor, Candidate, CandidateStatus, Judgement, Label, ModelKind, ModelRecord, PairsmithError, Part, Source
from core.retrieval.vectors import VectorCache
from core.settings import Settings
from core.store import artefacts, candidates, corpus, judgements, projects
from core.workspace import Workspace

TWINS = Twins({"d4": "d4", "d5": "d4"})


def marks(text: str, question: str = "", other: str | None = None) -> list[tuple[str, str]]:
    return [(piece.strip(), kind) for piece, kind in mark_text(question, text, other).segments if kind]


def test_terms_of_the_question_are_marked_by_their_stem_and_common_words_are_not():
    assert marks("The tenant terminates what it may.", "When may the tenant terminate?") == [("tenant", "shared"), ("terminates", "shared")]


def test_what_differs_from_the_answer_is_marked_and_what_equals_it_is_not():
    found = marks("The tenant may not leave before 30 days.", "tenant notice", "The tenant may leave after 60 days.")
    assert found == [("tenant", "shared"), ("not", "differs"), ("before 30", "differs")]


def test_texts_wholly_unlike_are_marked_by_negations_modals_and_numbers_alone():
    assert marks("Deliveries shall never arrive past week 12.", "", "Interest accrues on any unpaid sum.") == [
        ("shall never", "differs"),
        ("12", "differs"),
    ]


def test_a_long_text_begins_with_the_sentence_that_matches_the_question_best():
    filler = "Nothing of note stands in this sentence here. " * 40
    text = filler + "The tenant leaves. " + filler + "The tenant terminates the lease. " + filler
    marked = mark_text("May the tenant terminate the lease?", text)
    assert "".join(piece for piece, _ in marked.passage).startswith("The tenant terminates the lease. ")
    assert sum(len(piece) for piece, _ in marked.passage) <= WINDOW
    assert mark_text("x", "s" * SHORT).before == mark_text("x", "s" * SHORT).after == []


@given(question=st.text(max_size=40), text=st.text(max_size=3000), other=st.none() | st.text(max_size=300))
def test_segments_give_the_text_back_letter_for_letter(question: str, text: str, other: str | None):
    assert "".join(piece for piece, _ in mark_text(question, text, other).segments) == text


def test_the_answer_compared_with_is_the_one_with_most_words_in_common():
    assert choose_answer("the lease ends", ["rent is due", "the lease begins"]) == 1
    assert choose_answer("a", ["b", "c"]) == 0
    assert choose_answer("a", []) is None


def test_figures_are_said_in_words():
    item = Candidate("a", "d", CandidateStatus.PROPOSED, "as near as its answers", 1.0, 0.5, 0.966, 3, 12, "m")
    assert describe_figures(item) == "as near as its answers · ratio 0.97 · 3rd by meaning, 12th by words"
    assert describe_figures(Candidate("a", "d", CandidateStatus.PROPOSED, "", 1.0, 0.5, None, 11, None, "m")) == "11th by meaning"


@pytest.fixture
def answered(workspace: Workspace, small_project: str) -> str:
    """The small project; `a0` in training has the answer `d4` of its own, `a1` is held out."""
    with workspace.store.write() as conn:
        corpus.set_parts(conn, small_project, {"a0": Part.TRAIN, "a1": Part.TEST})
        judgements.append_judgements(conn, small_project, [Judgement("answer-d4", "a0", "d4", Label.POSITIVE, 3, Source.MINED, "ann")])
    return small_project


def embed(workspace: Workspace, project: str) -> None:
    """Vectors by hand: document n at n degrees, so that neighbours are those of nearest number; the anchor `a0` at 0 degrees."""
    record = ModelRecord("m" * 64, "base", ModelKind.BASE, "none", 2, 64)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, project, record)
        documents = corpus.read_documents(conn, project)
        anchor = corpus.get_anchor(conn, project, "a0")
    angles = {doc.content: np.radians(int(doc.id[1:])) for doc in documents} | {anchor.text: 0.0}
    cache = VectorCache(workspace.folder("vectors", record.id[:32]), 2)
    cache.fill(list(angles), "", lambda texts: np.array([[np.cos(angles[text]), np.sin(angles[text])] for text in texts], np.float32))


def ask(workspace: Workspace, project: str, **more: object):
    return propose_alike(workspace, project, "ann", "a0", "d4", TWINS, lease_s=900, now=100.0, **more)


def test_the_nearest_neighbours_come_first_in_the_queue_of_who_asks(workspace: Workspace, answered: str):
    embed(workspace, answered)
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, answered, [Candidate("a0", "d20", CandidateStatus.PROPOSED, "near", 7.0, 0.5, 0.9, 1, None, "m")])
    found = ask(workspace, answered, n=3)
    # d4 itself, its near-duplicate d5, the answers d0 and d12, and d1 and d13, which answer the held-out a1, are passed over; d2 and d6 are as near
    assert (list(found.document_ids), found.queued, found.note) == (["d3", "d2", "d6"], 3, "")
    records = next_records(workspace, answered, "ann", now=101.0)
    assert [record.document_id for record in records] == ["d3", "d2", "d6", "d20"]
    assert records[0].figures.startswith(f"{ALIKE} · ratio ")
    assert [record.document_id for record in next_records(workspace, answered, "bob", now=101.0)] == []


def test_asking_again_changes_nothing_though_some_were_judged(workspace: Workspace, answered: str):
    embed(workspace, answered)
    first = ask(workspace, answered, n=3)
    apply_events(workspace, answered, "ann", [{"client_id": "decision-d3", "anchor_id": "a0", "document_id": "d3", "label": "hard_negative"}])
    again = ask(workspace, answered, n=3)
    assert (again.document_ids, again.queued) == (first.document_ids, 0)
    assert [record.document_id for record in next_records(workspace, answered, "ann", now=101.0)] == ["d2", "d6"]
    with workspace.store.read() as conn:
        assert judgements.read_pair(conn, answered, "a0", "d3")[0].shown == {
            **(judgements.read_pair(conn, answered, "a0", "d3")[0].shown or {}),
            "view": "alike",
        }


def test_without_vectors_words_are_compared_and_the_reason_is_said(workspace: Workspace, answered: str):
    found = ask(workspace, answered, n=2)
    assert found.queued == 2
    assert "not embedded yet, so only words were compared" in found.note


def test_more_like_it_comes_through_the_outbox_and_a_wish_that_cannot_be_met_is_told(workspace: Workspace, answered: str):
    embed(workspace, answered)
    unknown = apply_events(workspace, answered, "ann", [{"client_id": "wish-number-0", "more": True, "anchor_id": "a0", "document_id": "d4"}])
    assert "near-duplicates is not known" in unknown.followed["wish-number-0"].told
    with workspace.store.read() as conn:
        write_twins(workspace, answered, TWINS.groups or {}, projects.get_project(conn, answered).corpus_revision)
    more = {"client_id": "wish-number-1", "more": True, "anchor_id": "a0", "document_id": "d4"}
    first = apply_events(workspace, answered, "ann", [more])
    assert (first.stored, first.followed["wish-number-1"].told) == (["wish-number-1"], "5 like it come next.")
    assert apply_events(workspace, answered, "ann", [more]).followed["wish-number-1"].told == "Nothing more like it is left to judge."
    wrong = apply_events(workspace, answered, "ann", [more | {"client_id": "wish-number-2", "document_id": "d9"}])
    assert "not marked as an answer" in wrong.followed["wish-number-2"].told


def test_nothing_is_put_in_the_queue_for_an_anchor_that_is_held_out(workspace: Workspace, answered: str):
    with pytest.raises(PairsmithError, match="held out"):
        propose_alike(workspace, answered, "ann", "a1", "d1", TWINS, lease_s=900)


def test_more_like_it_keeps_what_mining_keeps_back(workspace: Workspace, answered: str):
    embed(workspace, answered)
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, answered, [Anchor("p0", "The first question in other words", group="a1"), Anchor("p1", "As a0 asks it", group="a0")])
        judgements.append_judgements(conn, answered, [Judgement("answer-d3", "p0", "d3", Label.POSITIVE, 3, Source.MINED, "ann")])
    found = propose_alike(workspace, answered, "ann", "a0", "d4", Twins({"d2": "d2", "d3": "d2"}), lease_s=900, n=2)
    assert set(found.document_ids).isdisjoint({"d1", "d13", "d2", "d3"})  # answers of the held-out a1 and of its paraphrase, and what says the same
    with workspace.store.write() as conn:
        corpus.set_parts(conn, answered, {"p1": Part.DEV})
    with pytest.raises(PairsmithError, match="a paraphrase of it is held out"):
        ask(workspace, answered)
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, answered, [Judgement("answer-a5", "a5", "d9", Label.POSITIVE, 3, Source.MINED, "ann")])
    with pytest.raises(PairsmithError, match="not in training yet"):
        propose_alike(workspace, answered, "ann", "a5", "d9", TWINS, lease_s=900)


def put_queue(workspace: Workspace, project: str, n: int = 4) -> None:
    items = [Candidate("a0", f"d{i}", CandidateStatus.PROPOSED, "near", 50.0 - i, 0.5, 0.9, 1, None, "m") for i in range(1, n + 1)]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, project, items)


def test_what_somebody_holds_is_taken_over_and_their_late_answer_counts(workspace: Workspace, small_project: str):
    put_queue(workspace, small_project)
    next_records(workspace, small_project, "ann", now=100.0)
    with workspace.store.read() as conn:
        assert [(item.author, item.count, item.until) for item in candidates.read_holders(conn, small_project, "bob", now=100.0)] == [("ann", 4, 1000.0)]
        assert candidates.read_holders(conn, small_project, "ann", now=100.0) == []
    assert take_over_records(workspace, small_project, "bob", "ann", now=101.0) == 4
    assert next_records(workspace, small_project, "ann", now=102.0) == []
    assert len(next_records(workspace, small_project, "bob", now=102.0)) == 4
    late = {"client_id": "late-answer", "anchor_id": "a0", "document_id": "d1", "label": "ambiguous"}
    assert apply_events(workspace, small_project, "ann", [late]).stored == ["late-answer"]


def signed(workspace: Workspace) -> Workspace:
    """The same home with a sign-in and one lead."""
    return Workspace(Settings(home=workspace.home, start_worker=False, require_sign_in=True, lead_emails="lead@firm.example"), workspace.store)


def test_with_sign_in_only_leads_take_over_and_write_guidelines(workspace: Workspace, small_project: str):
    with pytest.raises(PairsmithError, match=r"ann@firm\.example may not take over"):
        take_over_records(signed(workspace), small_project, "ann@firm.example", "bob")
    assert take_over_records(signed(workspace), small_project, "Lead@firm.example", "bob") == 0
    with pytest.raises(PairsmithError, match="may not write the guideline"):
        write_guideline(signed(workspace), small_project, "x", "ann@firm.example")
    assert write_guideline(signed(workspace), small_project, "x", "lead@firm.example")


def test_a_guideline_keeps_its_last_versions_with_who_and_when(workspace: Workspace, small_project: str):
    for number in range(KEPT + 3):
        assert write_guideline(workspace, small_project, f"Version {number}\r\n", f"lead-{number}", now=float(number))
    assert not write_guideline(workspace, small_project, f"Version {KEPT + 2}", "another")
    with workspace.store.read() as conn:
        project = projects.get_project(conn, small_project)
    versions = read_versions(project)
    assert (project.guideline, len(versions)) == (f"Version {KEPT + 2}", KEPT)
    assert (versions[0].text, versions[0].author, versions[0].saved_at) == (f"Version {KEPT + 2}", f"lead-{KEPT + 2}", float(KEPT + 2))
    with pytest.raises(PairsmithError, match="Nothing was saved"):
        write_guideline(workspace, small_project, "x" * (LONGEST + 1), "lead")


def test_ones_own_skips_come_back_and_nobody_elses(workspace: Workspace, small_project: str):
    put_queue(workspace, small_project)
    for number, author in enumerate(("ann", "ann", "bob"), start=1):
        event = {"client_id": f"skip-number-{number}", "anchor_id": "a0", "document_id": f"d{number}", "label": "skipped"}
        apply_events(workspace, small_project, author, [event])
    assert count_skipped(workspace, small_project, "ann") == 2
    assert bring_back_skipped(workspace, small_project, "ann") == 2
    assert (count_skipped(workspace, small_project, "ann"), count_skipped(workspace, small_project, "bob")) == (0, 1)
    assert [record.document_id for record in next_records(workspace, small_project, "ann")] == ["d1", "d2", "d4"]


def test_the_last_decisions_are_read_back_without_consequences_and_what_was_undone(workspace: Workspace, small_project: str):
    put_queue(workspace, small_project)
    outbox = [{"client_id": f"decision-{n}", "anchor_id": "a0", "document_id": f"d{n}", "label": "hard_negative"} for n in (1, 2, 3)]
    apply_events(workspace, small_project, "ann", [*outbox, {"client_id": "undo-of-2", "undoes": "decision-2"}])
    assert [event.client_id for event, _ in recent_decisions(workspace, small_project, "ann")] == ["decision-1", "decision-3"]
    assert [record.document_id for _, record in recent_decisions(workspace, small_project, "ann", n=1)] == ["d3"]
    figures = [record.figures for _, record in recent_decisions(workspace, small_project, "ann")]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, small_project, [])
    again = recent_decisions(workspace, small_project, "ann")
    assert ([event.client_id for event, _ in again], [record.figures for _, record in again]) == (["decision-1", "decision-3"], figures)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"hard_negative": "c"}, "cannot be the key"),
        ({"undo": "R"}, "cannot be the key"),
        ({"undo": ""}, "cannot be the key"),
        ({"undo": "uu"}, "cannot be the key"),
        ({"undo": "a"}, "would mean hard negative and undo at once"),
        ({"nothing": "x"}, "no action"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(keys: dict[str, str], why: str):
    with pytest.raises(PairsmithError, match=why):
        check_keys(keys)


def test_only_keys_that_differ_from_the_usual_ones_are_kept():
    assert check_keys({"hard_negative": "X", "undo": "u"}) == {"hard_negative": "x"}
    assert check_keys(DEFAULT_KEYS) == {}


def test_a_guideline_saved_since_the_one_shown_is_not_overwritten(workspace: Workspace, small_project: str):
    write_guideline(workspace, small_project, "First", "ann", shown="")
    with pytest.raises(PairsmithError, match="saved by ann since you opened"):
        write_guideline(workspace, small_project, "Second", "bob", shown="")
    assert write_guideline(workspace, small_project, "Second", "bob", shown="First")
