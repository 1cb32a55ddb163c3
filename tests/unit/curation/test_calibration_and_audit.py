"""The suspicious ratio learned from decisions, and the estimate of answers left."""

from __future__ import annotations

import numpy as np
import pytest

from core.curation.audit import bound_share, estimate_left
from core.curation.calibration import BOUNDS, CHANCE, Click, calibrate, fit_curve
from core.curation.review_queue import apply_events
from core.curation.shown import ALIKE
from core.model import Candidate, CandidateStatus, Judgement, Label, Source
from core.store import candidates, judgements
from core.workspace import Workspace


def make_clicks(n: int, centre: float, steep: float = 30.0, seed: int = 0) -> list[Click]:
    rng = np.random.default_rng(seed)
    ratios = rng.uniform(0.6, 1.2, n)
    answers = rng.random(n) < 1 / (1 + np.exp(-steep * (ratios - centre)))
    return [Click(f"a{place % 40}", float(ratio), bool(answer), False, "m") for place, (ratio, answer) in enumerate(zip(ratios, answers, strict=True))]


def test_the_threshold_is_where_the_known_curve_reaches_the_chance():
    found = fit_curve(make_clicks(4000, 1.0))
    wanted = 1.0 + np.log(CHANCE / (1 - CHANCE)) / 30
    assert not found.is_fallback
    assert found.threshold == pytest.approx(wanted, abs=0.015)
    middle = list(found.grid).index(1.0)
    assert found.low[middle] < found.chance[middle] < found.high[middle]
    assert found.chance[middle] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("clicks", "says"),
    [
        (make_clicks(39, 1.0), "39 decisions on candidates are too few"),
        ([Click("a", 0.5 + n / 100, False, False, "m") for n in range(50)], "All 50 decisions say the same"),
        ([Click("a", 0.5 + n / 100, n < 25, False, "m") for n in range(50)], "no more often"),
    ],
)
def test_clicks_that_tell_nothing_leave_the_start_value_and_say_why(clicks: list[Click], says: str):
    found = fit_curve(clicks)
    assert (found.threshold, found.is_fallback) == (0.95, True)
    assert says in found.reason


@pytest.mark.parametrize(("centre", "bound"), [(0.6, BOUNDS[0]), (1.25, BOUNDS[1])])
def test_a_threshold_out_of_bounds_is_clamped_and_says_so(centre: float, bound: float):
    found = fit_curve(make_clicks(1500, centre))
    assert found.threshold == bound
    assert "Kept within" in found.reason


def put(workspace: Workspace, pairs: list[tuple[str, str, float, bool]], labels: dict[tuple[str, str], Label], **more: object) -> None:
    found = [
        Candidate(a, d, CandidateStatus.PROPOSED, "near", 9.0, 0.5, ratio, 1, None, "m", audit=audit) for a, d, ratio, audit in pairs
    ]  # fmt: skip
    events = [Judgement(f"e-{a}-{d}", a, d, label, int(label == Label.POSITIVE), Source.MINED, **more) for (a, d), label in labels.items()]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "small", found)
        judgements.append_judgements(conn, "small", events)


@pytest.mark.usefixtures("small_project")
def test_the_ratio_that_was_shown_counts_before_that_of_the_last_mining(workspace: Workspace):
    put(workspace, [("a1", "d2", 0.7, False), ("a1", "d3", 0.8, False)], {("a1", "d2"): Label.HARD_NEGATIVE, ("a1", "d3"): Label.POSITIVE})
    again = Judgement("again-one", "a1", "d2", Label.HARD_NEGATIVE, 0, Source.MINED, shown={"ratio": 0.9, "audit": True, "model": "m"})
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [again])
    found = calibrate(workspace, "small", model_id="m")
    assert sorted(found.points) == [(0.8, True), (0.9, False)]
    assert (found.clicks, found.answers, found.audit) == (2, 1, 1)


@pytest.mark.usefixtures("small_project")
def test_what_followed_from_another_decision_or_was_shown_as_a_near_duplicate_does_not_count(workspace: Workspace):
    put(workspace, [("a1", "d2", 0.7, False)], {("a1", "d2"): Label.HARD_NEGATIVE}, caused_by="other")
    near = Judgement("near-dup-1", "a1", "d4", Label.POSITIVE, 3, Source.MINED, shown={"ratio": 0.9, "reason": "near-duplicate of an answer"})
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [near])
    assert calibrate(workspace, "small").clicks == 0


@pytest.mark.usefixtures("small_project")
def test_the_estimate_counts_judged_audit_items_and_the_unreviewed_rest(workspace: Workspace):
    pairs = [("a1", f"d{n}", 0.7, n < 10) for n in range(2, 12)] + [("a2", f"d{n}", 0.7, False) for n in range(3, 9)]
    put(workspace, pairs, {("a1", "d2"): Label.POSITIVE} | {("a1", f"d{n}"): Label.HARD_NEGATIVE for n in range(3, 5)})
    assert estimate_left(workspace, "small") is None
    put(workspace, pairs, {("a1", f"d{n}"): Label.HARD_NEGATIVE for n in range(5, 7)} | {("a2", "d3"): Label.SKIPPED})
    found = estimate_left(workspace, "small")
    assert found is not None
    assert (found.share, found.judged, found.answers, found.left) == (0.2, 5, 1, 16 - 6)
    assert (found.low, found.high) == pytest.approx((0.00505, 0.71642), abs=1e-4)


@pytest.mark.usefixtures("small_project")
@pytest.mark.parametrize(
    ("source", "author", "shown", "counts"),
    [
        (Source.MINED, "ann", {"view": "panel"}, (1, 1)),
        (Source.MINED, "ann", {"view": "buttons"}, (1, 1)),
        (Source.MINED, "ann", {"view": "alike"}, (0, 1)),
        (Source.MINED, "ann", {"reason": ALIKE, "view": "buttons"}, (0, 1)),
        (Source.MINED, "ann", {"view": "group"}, (0, 0)),
        (Source.MINED, "pairsmith", {"view": "panel"}, (0, 0)),
        (Source.SEARCH, "ann", {"view": "search"}, (0, 0)),
        (Source.SETTLED, "ann", {"view": "settle"}, (0, 0)),
        (Source.IMPORT, "import", {}, (0, 0)),
        (Source.ORACLE, "oracle", {}, (0, 0)),
    ],
)
def test_only_what_a_person_decided_in_review_counts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, source: Source, author: str, shown: dict[str, str], counts: tuple[int, int]
):
    monkeypatch.setattr("core.curation.audit.FEW", 1)
    put(workspace, [("a1", "d2", 0.7, True)], {})
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", [Judgement("one-event", "a1", "d2", Label.HARD_NEGATIVE, 0, source, author, shown=shown)])
    left = estimate_left(workspace, "small")
    assert (calibrate(workspace, "small").clicks, left.judged if left else 0) == counts


@pytest.mark.usefixtures("small_project")
def test_a_decision_counts_again_once_a_later_one_was_undone_and_where_another_expert_skipped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.curation.audit.FEW", 1)
    put(workspace, [("a1", "d2", 0.7, True), ("a1", "d3", 0.7, True)], {})
    events = [{"client_id": f"decision-{d}", "anchor_id": "a1", "document_id": d, "label": "hard_negative"} for d in ("d2", "d3")]
    apply_events(workspace, "small", "ann", events)
    apply_events(workspace, "small", "bob", [events[0] | {"client_id": "skipped-d2", "label": "skipped"}])
    apply_events(workspace, "small", "ann", [events[1] | {"client_id": "changed-d3", "label": "positive"}, {"client_id": "undone-d3", "undoes": "changed-d3"}])
    left = estimate_left(workspace, "small")
    assert left is not None
    assert (calibrate(workspace, "small").clicks, left.judged, left.answers) == (2, 2, 0)


def test_the_interval_at_its_ends():
    assert bound_share(0, 0) == (0.0, 1.0)
    assert bound_share(0, 20) == pytest.approx((0.0, 0.16843), abs=1e-5)
    assert bound_share(20, 20)[1] == 1.0


@pytest.mark.parametrize("truth", [0.02, 0.1, 0.4])
def test_the_interval_covers_the_true_share_at_least_as_often_as_it_says(truth: float):
    drawn = np.random.default_rng(5).binomial(40, truth, size=2000)
    bounds = {int(count): bound_share(int(count), 40) for count in np.unique(drawn)}
    assert np.mean([bounds[int(count)][0] <= truth <= bounds[int(count)][1] for count in drawn]) >= 0.95
