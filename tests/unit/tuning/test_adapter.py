"""The query-side adapter: its loss by hand and its gradient by differences, and what it must never do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation.vector_ndcg import score_vectors
from core.model import PairsmithError
from core.tuning.adapter import Adapter, AdapterConfig, AnchorLabels, DevelopmentSet, Problem, apply_adapter, cross_fit, fit_adapter


def draw(rng: np.random.Generator, count: int, dimension: int = 6) -> np.ndarray:
    vectors = rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_case(seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[AnchorLabels], DevelopmentSet]:
    """Documents whose answer to a query is its image under a hidden rotation of the first two axes: something a linear map can learn."""
    rng = np.random.default_rng(seed)
    queries = draw(rng, 40)
    turned = queries.copy()
    turned[:, 0], turned[:, 1] = -queries[:, 1], queries[:, 0]
    documents = np.concatenate([turned, draw(rng, 40)])
    labels = [AnchorLabels({row: 1.0}) for row in range(24)]
    development = DevelopmentSet(queries[24:], [{row: 3} for row in range(24, 40)], [f"g{row}" for row in range(24, 40)])
    return queries[:24], documents, labels, development


def test_the_loss_of_a_hand_computed_case() -> None:
    documents = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], np.float32)
    query = np.array([[1, 0]], np.float32)
    config = AdapterConfig(scale=2.0, ridge=3.0, negative_weight=4.0)
    problem = Problem(query, documents, [AnchorLabels({2: 5.0}, negatives=[1], masked=[3])], config)
    weights = np.array([[1, 0], [0, 2]], np.float32)
    loss, _ = problem.evaluate(weights)
    against = (math.exp(2 * 1.0) + 4 * math.exp(0.0)) / math.exp(2 * 0.6)  # the masked document and the answer itself do not count
    assert loss == pytest.approx(math.log(1 + against) + 0.5 * 3.0 * 1.0 / 2, rel=1e-5)


def test_several_answers_count_by_their_weight_and_never_as_each_other_s_negatives() -> None:
    documents = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    problem = Problem(np.array([[1, 0]], np.float32), documents, [AnchorLabels({0: 3.0, 1: 1.0})], AdapterConfig(scale=2.0, ridge=0.0))
    loss, _ = problem.evaluate(np.eye(2, dtype=np.float32))
    assert loss == pytest.approx(0.75 * math.log(1 + math.exp(-2.0)) + 0.25 * math.log(1 + math.exp(-1.2)), rel=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_gradient_agrees_with_finite_differences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = [AnchorLabels({0: 2.0, 3: 1.0}, [4], [5]), AnchorLabels({1: 1.0}), AnchorLabels({2: 3.0}, [0, 7])]
    problem = Problem(draw(rng, 3).astype(np.float64), draw(rng, 9).astype(np.float64), labels, AdapterConfig(scale=5.0, ridge=2.0))
    weights = np.eye(6) + 0.1 * rng.normal(size=(6, 6))
    _, gradient = problem.evaluate(weights)
    for row, column in rng.integers(0, 6, size=(5, 2)):
        step = np.zeros((6, 6))
        step[row, column] = 1e-4
        slope = (problem.evaluate(weights + step)[0] - problem.evaluate(weights - step)[0]) / 2e-4
        assert gradient[row, column] == pytest.approx(slope, rel=1e-2, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_identity_never_changes_a_ranking(seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries, documents = draw(rng, 5), draw(rng, 30)
    adapted = apply_adapter(np.eye(6, dtype=np.float32), queries)
    assert np.allclose(adapted, queries, atol=1e-6)
    assert np.array_equal(np.argsort(-(adapted @ documents.T), axis=1), np.argsort(-(queries @ documents.T), axis=1))


def test_adapted_vectors_have_length_1_and_zero_stays_zero() -> None:
    queries = np.concatenate([draw(np.random.default_rng(1), 3), np.zeros((1, 6), np.float32)])
    lengths = np.linalg.norm(apply_adapter(np.diag([1, 2, 3, 4, 5, 6]).astype(np.float32), queries), axis=1)
    assert lengths.tolist() == pytest.approx([1, 1, 1, 0], abs=1e-6)


def test_with_nothing_to_learn_from_it_is_the_identity() -> None:
    queries, documents, _, development = make_case()
    adapter = fit_adapter(queries, documents, [AnchorLabels({}, negatives=[3])] * len(queries), development)
    assert np.array_equal(adapter.weights, np.eye(6, dtype=np.float32))
    assert (adapter.step, adapter.steps, len(adapter.curve)) == (0, 0, 1)


def test_it_learns_what_a_linear_map_can_learn_and_keeps_its_best_step() -> None:
    queries, documents, labels, development = make_case()
    adapter = fit_adapter(queries, documents, labels, development, AdapterConfig(ridge=0.1))
    base, best = adapter.curve[0][1], max(value for _, value in adapter.curve)
    assert best > base + 0.1
    kept = score_vectors(apply_adapter(adapter.weights, development.queries), documents, development.grades).mean()
    assert kept == pytest.approx(best)
    assert dict(adapter.curve)[adapter.step] == pytest.approx(best)
    assert min(step for step, value in adapter.curve if value == best) == adapter.step


def test_the_same_input_gives_the_same_matrix() -> None:
    first, again = (fit_adapter(*make_case(3)[:4], AdapterConfig(max_documents=30)) for _ in range(2))
    assert np.array_equal(first.weights, again.weights)
    assert first.curve == again.curve


def test_a_sample_of_the_documents_holds_every_one_that_a_label_names() -> None:
    queries, documents, labels, _ = make_case()
    labels[0] = AnchorLabels({0: 1.0}, negatives=[79], masked=[78])
    problem = Problem(queries, documents, labels, AdapterConfig(max_documents=30))
    assert len(problem.documents) == 30
    named = documents[[*range(24), 78, 79]]
    assert all((problem.documents == vector).all(axis=1).any() for vector in named)


def test_an_anchor_whose_every_document_is_an_answer_teaches_nothing() -> None:
    documents = draw(np.random.default_rng(0), 2)
    loss, gradient = Problem(documents[:1], documents, [AnchorLabels({0: 1.0, 1: 1.0})], AdapterConfig()).evaluate(np.eye(6, dtype=np.float32))
    assert loss == 0.0
    assert not gradient.any()


def test_a_reviewed_hard_negative_pushes_harder_than_an_unreviewed_one() -> None:
    rng = np.random.default_rng(5)
    queries, documents = draw(rng, 1), draw(rng, 10)
    plain, reviewed = (
        fit_adapter(queries, documents, [AnchorLabels({0: 1.0}, negatives)], None, AdapterConfig(steps=10, ridge=0.0)).weights for negatives in ([], [4])
    )
    assert (apply_adapter(reviewed, queries) @ documents[4]).item() < (apply_adapter(plain, queries) @ documents[4]).item()


def test_cross_fitting_does_not_report_luck_as_a_gain() -> None:
    """Random scores around one mean: the best step looks better than the base, and is not; cross-fitted it is not."""
    rng = np.random.default_rng(0)
    base = rng.uniform(size=40)
    luck, honest = [], []
    for _ in range(60):
        scores = np.array([base, *(base + rng.normal(0, 0.2, size=(20, 40)))])
        adapter = Adapter(np.eye(2, dtype=np.float32), 0, 20, (), scores)
        luck.append(scores.mean(axis=1).max() - base.mean())
        honest.append(cross_fit(adapter, [f"g{n}" for n in range(40)]).mean() - base.mean())
    assert np.mean(luck) > 0.05
    assert abs(np.mean(honest)) < 0.01


def test_cross_fitting_keeps_groups_whole_and_one_group_gets_the_base() -> None:
    scores = np.array([[0.1, 0.2, 0.3], [0.9, 0.9, 0.9]])
    adapter = Adapter(np.eye(2, dtype=np.float32), 1, 1, (), scores)
    assert cross_fit(adapter, ["a", "a", "a"]).tolist() == [0.1, 0.2, 0.3]
    assert cross_fit(adapter, ["a", "a", "b"]).tolist() == pytest.approx([0.9, 0.9, 0.9])


def test_shapes_and_settings_that_make_no_sense_are_refused() -> None:
    queries, documents, labels, _ = make_case()
    with pytest.raises(PairsmithError, match="do not fit together"):
        fit_adapter(queries, documents, labels[1:])
    with pytest.raises(PairsmithError, match="steps is 0"):
        AdapterConfig(steps=0)
    with pytest.raises(PairsmithError, match="ridge is -1"):
        AdapterConfig(ridge=-1)
