"""Several experts on one pair: coefficients by hand, words that nobody's lateness overrides, and settling."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from core.curation.agreement import (
    DISPUTED,
    REFEREE,
    Opinions,
    compute_coefficients,
    measure_agreement,
    read_opinions,
)
from core.curation.disputes import list_disputes, settle_dispute
from core.curation.fan_out import DISPUTE, Followed, Twins, apply_decision, undo_decision
from core.curation.history import take_back_event
from core.curation.review_queue import apply_events, take_back
from core.curation.twins import write_twins
from core.model import Judgement, Label, PairsmithError, Source
from core.store import judgements
from core.workspace import Workspace

TWINS = {"d1": "d1", "d13": "d1"}
NO, YES, UNSURE = Label.HARD_NEGATIVE, Label.POSITIVE, Label.AMBIGUOUS


def word(author: str, label: Label = NO, *, key: str = "", document: str = "d1", **more: object) -> Judgement:
    return Judgement(key or f"{author}-{document}-{label.value}", "a0", document, label, 3 if label == YES else 0, Source.MINED, author, **more)


def say(workspace: Workspace, project: str, event: Judgement, *, saw: str | None = None) -> Followed:
    """What the queue does with an event."""
    with workspace.store.write() as conn:
        return apply_decision(conn, project, event, Twins(TWINS), saw=saw)


def state(workspace: Workspace, project: str) -> dict[str, tuple[Label, str]]:
    with workspace.store.read() as conn:
        return {item.document_id: (item.label, item.author) for item in judgements.read_state(conn, project, anchor_ids=["a0"]) if item.author != "import"}


def test_coefficients_of_two_raters_by_hand():
    """Ten pairs: seven times both no, once both yes, twice they differ. p_o = 0.8; shares 0.8, 0.2, 0; chance 0.68 for kappa and 0.16 for AC1."""
    counts = np.array([[2, 0, 0]] * 7 + [[0, 2, 0]] + [[1, 1, 0]] * 2, dtype=float)
    observed, kappa, ac1 = compute_coefficients(counts)
    assert (observed, kappa, ac1) == pytest.approx((0.8, (0.8 - 0.68) / 0.32, (0.8 - 0.16) / 0.84))


def test_kappa_collapses_where_answers_are_rare_and_ac1_does_not():
    counts = np.array([[2, 0, 0]] * 95 + [[1, 1, 0]] * 5, dtype=float)
    observed, kappa, ac1 = compute_coefficients(counts)
    assert observed == pytest.approx(0.95)
    assert kappa < 0
    assert ac1 > 0.94


def test_one_outcome_alone_has_no_kappa_and_full_ac1():
    observed, kappa, ac1 = compute_coefficients(np.array([[2, 0, 0]] * 4, dtype=float))
    assert math.isnan(kappa)
    assert (observed, ac1) == (1.0, 1.0)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_fleiss_kappa_of_symmetric_raters_is_cohens(pairs: list[tuple[int, int]]):
    """With every pair in both orders the two raters have the same shares, and there Fleiss' and Cohen's chance terms are equal."""
    both = pairs + [(second, first) for first, second in pairs]
    counts = np.array([[int(first == k) + int(second == k) for k in range(3)] for first, second in both], dtype=float)
    observed, kappa, ac1 = compute_coefficients(counts)
    assert observed <= 1
    assert ac1 <= 1 + 1e-12
    if len({value for pair in pairs for value in pair}) > 1:
        assert kappa == pytest.approx(cohen_kappa_score([first for first, _ in both], [second for _, second in both]))


def test_agreement_over_no_pairs_is_undefined():
    found = measure_agreement([])
    assert found.pairs == 0
    assert math.isnan(found.ac1)


def test_agreement_has_an_interval_around_the_value():
    words = [{"ann": word("ann", YES if i % 5 == 0 else NO), "bob": word("bob", YES if i % 10 == 0 else NO)} for i in range(60)]
    found = measure_agreement([Opinions("a", f"d{i}", said, said) for i, said in enumerate(words)])
    assert (found.pairs, found.raters) == (60, 2)
    assert found.observed == pytest.approx(0.9)
    assert found.ac1_low < found.ac1 < found.ac1_high
    assert found.base_rate == pytest.approx(0.15)


def test_two_words_that_differ_are_disputed_and_count_as_ambiguous(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    assert state(workspace, small_project) == {"d1": (UNSURE, REFEREE), "d13": (UNSURE, REFEREE)}
    with workspace.store.read() as conn:
        assert "d1" not in judgements.read_qrels(conn, small_project)["a0"]
    (dispute,) = list_disputes(workspace, small_project)
    assert {author: item.label for author, item in dispute.opinions.words.items()} == {"ann": NO, "bob": YES}


def test_the_same_word_twice_is_agreement_and_stands(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob"))
    assert state(workspace, small_project) == {"d1": (NO, "bob"), "d13": (NO, "ann")}
    assert list_disputes(workspace, small_project) == []
    assert [item.differ for item in read_opinions(workspace, small_project)] == [False]


def test_an_expert_who_saw_the_word_corrects_it(workspace: Workspace, small_project: str):
    first = word("ann")
    say(workspace, small_project, first)
    say(workspace, small_project, word("bob", YES), saw=first.client_id)
    assert state(workspace, small_project) == {"d1": (YES, "bob"), "d13": (YES, "bob")}


def test_a_skip_by_the_second_expert_leaves_the_first_word(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", Label.SKIPPED))
    assert state(workspace, small_project) == {"d1": (NO, "ann"), "d13": (NO, "ann")}
    say(workspace, small_project, word("cem", YES))
    assert state(workspace, small_project) == {"d1": (UNSURE, REFEREE), "d13": (UNSURE, REFEREE)}


def test_an_import_and_a_word_that_followed_from_another_pair_give_way(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann", NO, document="d2", caused_by="elsewhere"))
    say(workspace, small_project, word("bob", YES, document="d2"))
    say(workspace, small_project, word("bob", NO, document="d0"))
    assert state(workspace, small_project) == {"d0": (NO, "bob"), "d2": (YES, "bob")}


def test_one_who_comes_round_ends_the_dispute(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    say(workspace, small_project, word("bob", NO, key="bob-again"))
    assert state(workspace, small_project) == {"d1": (NO, "bob"), "d13": (NO, "bob")}


def test_settling_gives_the_word_and_no_later_blind_word_overrides_it(workspace: Workspace, small_project: str):
    write_twins(workspace, small_project, TWINS, 1)
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    (dispute,) = list_disputes(workspace, small_project)
    event = settle_dispute(workspace, small_project, "lead", dispute, YES, grade=2, note="it says so in 4.1").event
    assert (event.source, state(workspace, small_project)) == (Source.SETTLED, {"d1": (YES, "lead"), "d13": (YES, "lead")})
    assert list_disputes(workspace, small_project) == []
    say(workspace, small_project, word("cem", NO))
    assert state(workspace, small_project) == {"d1": (YES, "lead"), "d13": (YES, "lead")}


def test_settling_what_was_judged_meanwhile_is_refused(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    (dispute,) = list_disputes(workspace, small_project)
    settle_dispute(workspace, small_project, "lead", dispute, NO)
    with pytest.raises(PairsmithError, match="settled since you opened it"):
        settle_dispute(workspace, small_project, "other", dispute, YES, grade=3)
    with pytest.raises(PairsmithError, match="settles nothing"):
        settle_dispute(workspace, small_project, "other", replace(dispute), Label.SKIPPED)
    with workspace.store.read() as conn:
        assert [item.reason for item in judgements.read_pair(conn, small_project, "a0", "d1")].count(DISPUTED) == 1


def test_taking_back_the_second_word_takes_the_dispute_back(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    assert say(workspace, small_project, word("bob", YES, key="bob-says-yes")).warnings == [DISPUTE]
    with workspace.store.write() as conn:
        undo_decision(conn, small_project, "bob-says-yes", author="bob", undo_id="bob-undo")
    assert state(workspace, small_project) == {"d1": (NO, "bob"), "d13": (NO, "bob")}
    assert list_disputes(workspace, small_project) == []
    with workspace.store.read() as conn:
        assert judgements.find_standing(conn, small_project, "a0", "d1").author == "ann"


def test_the_label_page_takes_a_disputed_word_back_whole(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    take_back(workspace, small_project, "bob", client_id="bob-takes-back", anchor_id="a0", document_id="d1")
    assert list_disputes(workspace, small_project) == []
    with workspace.store.read() as conn:
        assert judgements.find_standing(conn, small_project, "a0", "d1").author == "ann"


def test_what_followed_from_a_contradicted_word_is_disputed_with_it_and_comes_back_with_an_undo(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    assert state(workspace, small_project)["d13"] == (NO, "ann")
    second = word("bob", YES)
    told = say(workspace, small_project, second)
    assert ([(item.document.id, item.label) for item in told.pairs], told.warnings) == ([("d13", UNSURE)], [DISPUTE])
    again = say(workspace, small_project, second)
    assert (again.pairs, again.warnings) == (told.pairs, told.warnings)
    with workspace.store.write() as conn:
        assert judgements.read_qrels(conn, small_project)["a0"].keys() == {"d0", "d12"}
        undo_decision(conn, small_project, second.client_id, author="bob", undo_id="bob-undo")
    assert {document: label for document, (label, _) in state(workspace, small_project).items()} == {"d1": NO, "d13": NO}


def test_no_word_on_a_near_duplicate_ends_a_dispute(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    say(workspace, small_project, word("bob", YES, document="d13"))
    assert state(workspace, small_project) == {"d1": (UNSURE, REFEREE), "d13": (YES, "bob")}


def test_settling_holds_for_near_duplicates_and_its_undo_opens_the_dispute_again(workspace: Workspace, small_project: str):
    write_twins(workspace, small_project, TWINS, 1)
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    (dispute,) = list_disputes(workspace, small_project)
    found = settle_dispute(workspace, small_project, "lead", dispute, YES, grade=2)
    assert [(item.document.id, item.label, item.grade) for item in found.followed.pairs] == [("d13", YES, 2)]
    assert state(workspace, small_project) == {"d1": (YES, "lead"), "d13": (YES, "lead")}
    with workspace.store.write() as conn:
        undo_decision(conn, small_project, found.event.client_id, author="lead", undo_id="lead-undo")
    assert {label for label, _ in state(workspace, small_project).values()} == {UNSURE}
    (again,) = list_disputes(workspace, small_project)
    settle_dispute(workspace, small_project, "lead", again, NO)
    assert state(workspace, small_project) == {"d1": (NO, "lead"), "d13": (NO, "lead")}


def test_whoever_saw_that_experts_differ_does_not_win_by_pressing_again(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    say(workspace, small_project, word("bob", YES))
    for number, label in enumerate((YES, UNSURE)):
        (dispute,) = list_disputes(workspace, small_project)
        say(workspace, small_project, word("bob", label, key=f"bob-presses-{number}"), saw=dispute.version)
        assert state(workspace, small_project)["d1"] == (UNSURE, REFEREE)
    (dispute,) = list_disputes(workspace, small_project)
    say(workspace, small_project, word("bob", NO), saw=dispute.version)
    assert state(workspace, small_project) == {"d1": (NO, "bob"), "d13": (NO, "bob")}


def test_a_dispute_is_taken_back_only_by_whose_word_opened_it(workspace: Workspace, small_project: str):
    say(workspace, small_project, word("ann"))
    second = word("bob", YES)
    say(workspace, small_project, second)
    (dispute,) = list_disputes(workspace, small_project)
    refused = apply_events(workspace, small_project, "ann", [{"client_id": "ann-takes-back", "undoes": dispute.version}]).refused
    assert "settle it on the agreement page" in refused["ann-takes-back"]
    with pytest.raises(PairsmithError, match="agreement page"):
        take_back_event(workspace, small_project, "bob", dispute.version)
    with pytest.raises(PairsmithError, match="agreement page"):
        take_back(workspace, small_project, "ann", client_id="ann-label", anchor_id="a0", document_id="d1")
    assert len(list_disputes(workspace, small_project)) == 1
    take_back_event(workspace, small_project, "bob", second.client_id)
    assert {label for label, _ in state(workspace, small_project).values()} == {NO}


def test_a_settled_word_and_one_said_in_sight_of_another_are_no_independent_opinions(workspace: Workspace, small_project: str):
    first = word("ann")
    say(workspace, small_project, first)
    say(workspace, small_project, word("bob", YES), saw=first.client_id)
    assert measure_agreement(read_opinions(workspace, small_project)).pairs == 0
    say(workspace, small_project, word("cem", NO))
    (dispute,) = list_disputes(workspace, small_project)
    assert sorted(dispute.opinions.words) == ["ann", "bob", "cem"]
    settle_dispute(workspace, small_project, "lead", dispute, YES, grade=3)
    found = measure_agreement(read_opinions(workspace, small_project))
    assert (found.pairs, found.raters, found.observed) == (1, 2, 1.0)


def test_an_expert_who_saw_only_their_own_word_is_still_independent(workspace: Workspace, small_project: str):
    first = word("ann", YES)
    say(workspace, small_project, first)
    say(workspace, small_project, word("ann", NO), saw=first.client_id)
    say(workspace, small_project, word("bob", NO))
    assert measure_agreement(read_opinions(workspace, small_project)).observed == 1.0
