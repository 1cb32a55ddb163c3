"""The clumping flag on worlds whose answer is known: 20 topics of 30 documents in 64 dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from core.geometry.clumps import ClumpReport, find_clumps
from core.geometry.control import describe_space
from core.geometry.hotspots import find_hotspots

TOPICS, EACH, D = 20, 30, 64


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def world(seed: int = 0, *, d: int = D, each: int = EACH) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (n, d) with a decaying spectrum, and the topic of each row."""
    rng = np.random.default_rng(seed)
    scale = (1 + np.arange(d)) ** -0.35
    topic = np.repeat(np.arange(TOPICS), each)
    centres = rng.normal(size=(TOPICS, d)) * scale
    return unit(centres[topic] * 0.9 + rng.normal(size=(len(topic), d)) * scale), topic


def rotation(d: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def contract(x: np.ndarray, rows: np.ndarray, factor: float) -> np.ndarray:
    """The rows drawn toward their mean, to `factor` of their spread (mean distance)."""
    moved = x.copy()
    centre = x[rows].mean(axis=0)
    moved[rows] = centre + (x[rows] - centre) * np.sqrt(factor)
    return unit(moved)


@pytest.fixture(scope="module")
def base() -> np.ndarray:
    return world()[0]


@pytest.fixture(scope="module")
def topic() -> np.ndarray:
    return world()[1]


def ratios(report: ClumpReport, where: str = "documents") -> tuple[float, float]:
    space = report.figures[where]
    return space["participation_ratio"]["value"], space["relative_contrast"]["value"]


def test_a_rotation_changes_nothing(base: np.ndarray):
    report = find_clumps(base, unit(base @ rotation(D, 1)), reference_base=base[:100], reference_tuned=unit(base[:100] @ rotation(D, 1)))
    assert report.verdict == "green"
    assert not report.hotspots
    for where in ("documents", "reference"):
        assert ratios(report, where) == pytest.approx((1, 1), abs=0.001)
    assert report.figures["neighbour_overlap"] > 0.99


def test_a_constant_offset_is_a_note_only(base: np.ndarray):
    shift = np.zeros(D)
    shift[-1] = 3.0
    report = find_clumps(base, unit(base + shift))
    assert report.figures["documents"]["mean_cosine"]["tuned"] > 0.85
    assert report.verdict == "note"
    assert "Scores shifted, ranking intact" in report.reasons[0]


def test_strong_noise_is_red_by_contrast_while_the_participation_ratio_rises(base: np.ndarray):
    rng = np.random.default_rng(2)
    report = find_clumps(base, unit(base * 0.25 + rng.normal(size=base.shape) / np.sqrt(D)))
    pr, rc = ratios(report)
    assert report.verdict == "red"
    assert pr > 1
    assert rc < 0.75
    assert any("stand out less" in reason for reason in report.reasons)


def test_a_few_principal_components_are_red_by_participation_ratio(base: np.ndarray):
    mean = base.mean(axis=0)
    _, _, vt = np.linalg.svd(base - mean, full_matrices=False)
    kept = vt[: D * 30 // 384]
    report = find_clumps(base, unit((base - mean) @ kept.T @ kept))
    assert report.verdict == "red"
    assert ratios(report)[0] < 0.5
    assert any("directions" in reason for reason in report.reasons)


@pytest.mark.parametrize("seed", range(4))
def test_one_topic_that_came_together_is_exactly_that_hotspot(seed: int):
    x, topic = world(seed)
    planted = np.flatnonzero(topic == 7)
    report = find_clumps(x, contract(x, planted, 0.29))
    assert report.verdict == "amber"
    (spot,) = report.hotspots
    hit = len(set(spot.rows) & set(planted.tolist()))
    assert hit / len(spot.rows) >= 0.95
    assert hit / len(planted) >= 0.95
    assert 1 / 0.6 < spot.closer < 1 / 0.29


@pytest.mark.parametrize("seed", range(4))
def test_a_topic_that_hardly_moved_is_no_hotspot(seed: int):
    x, topic = world(seed)
    assert find_hotspots(x, contract(x, np.flatnonzero(topic == 7), 0.84)) == []


def test_when_every_topic_came_together_most_documents_are_flagged(base: np.ndarray, topic: np.ndarray):
    moved = base
    for name in range(TOPICS):
        moved = contract(moved, np.flatnonzero(topic == name), 0.25)
    report = find_clumps(base, moved)
    assert sum(len(spot.rows) for spot in report.hotspots) > 0.7 * len(base)
    assert report.verdict in ("amber", "red")


@pytest.mark.parametrize("kind", ["noise", "rotation", "rescaling", "offset"])
def test_a_hundred_harmless_changes_have_no_hotspot(kind: str):
    for seed in range(25):
        x, _ = world(seed)
        rng = np.random.default_rng(1000 + seed)
        if kind == "noise":
            moved = x + rng.normal(size=x.shape) * 0.05
        elif kind == "rotation":
            moved = x @ rotation(D, seed)
        elif kind == "rescaling":
            moved = x * rng.uniform(0.7, 1.4, size=D)
        else:
            moved = x + rng.normal(size=D) / np.sqrt(D)
        assert find_hotspots(x, unit(moved)) == []


def test_too_few_documents_give_figures_and_no_verdict():
    x, topic = world(each=7)
    report = find_clumps(x, contract(x, np.flatnonzero(topic < 4), 0.1))
    assert (report.verdict, report.hotspots) == ("none", ())
    assert "140 documents are too few" in report.reasons[0]
    assert ratios(report)[0] > 0


def test_models_of_different_dimension_compare_and_the_participation_ratio_does_not_vote(base: np.ndarray):
    projected = unit(base @ np.random.default_rng(3).normal(size=(D, 32)))
    report = find_clumps(base, projected)
    assert ratios(report)[0] < 0.7
    assert not any("directions" in reason for reason in report.reasons)


def test_near_duplicates_in_the_base_are_reported_as_data_and_left_out(base: np.ndarray):
    rng = np.random.default_rng(4)
    copies = unit(np.repeat(base[5:7], 20, axis=0) + rng.normal(size=(40, D)) * 0.002)
    x = np.concatenate([base, copies])
    report = find_clumps(x, x)
    assert report.verdict == "green"
    assert list(report.duplicates) == list(range(len(base), len(x)))
    assert report.figures["n"] == len(base)
    named = report.to_json([f"d{row}" for row in range(len(x))])
    assert named["duplicates"][0] == f"d{len(base)}"


def test_hotspots_are_named_by_their_place_in_what_was_handed_in(base: np.ndarray, topic: np.ndarray):
    copies = np.repeat(base[:1], 3, axis=0)
    planted = np.flatnonzero(topic == 9)
    report = find_clumps(np.concatenate([copies, base]), np.concatenate([copies, contract(base, planted, 0.29)]))
    (spot,) = report.hotspots
    assert len(set(spot.rows) & set((planted + 3).tolist())) / len(spot.rows) >= 0.95


def test_forgetting_general_language_is_red_though_the_documents_are_fine(base: np.ndarray):
    reference = world(50)[0][:400]
    mean = reference.mean(axis=0)
    _, _, vt = np.linalg.svd(reference - mean, full_matrices=False)
    report = find_clumps(base, base, reference_base=reference, reference_tuned=unit((reference - mean) @ vt[:5].T @ vt[:5]))
    assert report.verdict == "red"
    assert all("general language" in reason.lower() for reason in report.reasons)


@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_a_model_that_gives_every_text_the_same_vector_is_red(base: np.ndarray, noise: float):
    """Once such a collapse compared as not-a-number and passed as green, or ended in a math domain error."""
    rng = np.random.default_rng(5)
    report = find_clumps(base, unit(np.repeat(base[:1], len(base), axis=0) + rng.normal(size=base.shape) * noise))
    assert report.verdict == "red"
    assert report.reasons == ["All of the documents fell onto one point: the model gives every text the same vector."]
    space = find_clumps(base, base, reference_base=base[:50], reference_tuned=np.repeat(base[:1], 50, axis=0))
    assert space.verdict == "red"


def test_one_model_alone_is_described(base: np.ndarray):
    figures = describe_space(base)
    assert figures["n"] == len(base)
    assert 1 < figures["participation_ratio"] < D
    assert figures["relative_contrast"] > 1


def test_a_hotspot_carries_its_terms_and_none_where_no_text_is_known(base: np.ndarray, topic: np.ndarray):
    report = find_clumps(base, contract(base, np.flatnonzero(topic == 7), 0.29))
    (plain,), (named,) = report.to_json()["hotspots"], report.to_json([f"d{row}" for row in range(len(base))], [["rent", "lease"]])["hotspots"]
    assert (plain["terms"], named["terms"]) == ([], ["rent", "lease"])
    assert named["ids"] == [f"d{row}" for row in plain["ids"]]
