"""Which hits are proposed: agreement of both rankings, a clear gap by meaning, and nothing else."""

from __future__ import annotations

import pytest

from core.curation.answer_proposals import AGREEING, GAP, propose_answers
from core.model import Document
from core.retrieval.search import Hit


def hit(name: str, lexical: int | None, dense: int | None, similarity: float | None = None) -> Hit:
    return Hit(Document(name, name), 1, 0.1, lexical, dense, similarity)


def proposed(*hits: Hit) -> list[str]:
    return [item.document.id for item in propose_answers(hits)]


def test_what_both_rankings_have_in_their_first_five_is_proposed_in_the_order_given():
    assert proposed(hit("b", 5, 5), hit("a", 1, 2), hit("c", 1, 6), hit("d", 6, 1), hit("e", None, 1), hit("f", 1, None)) == ["b", "a"]
    assert AGREEING == 5


@pytest.mark.parametrize(
    ("cosines", "above"),
    [
        ([0.8, 0.7, 0.69, 0.68], ["h1"]),
        ([0.8, 0.79, 0.65, 0.64], ["h1", "h2"]),
        ([0.8, 0.79, 0.78, 0.6], ["h1", "h2", "h3"]),
        ([0.8, 0.79, 0.78, 0.77, 0.1], []),
        ([0.75, 0.625, 0.5, 0.375], ["h1"]),
        ([0.8], []),
        ([], []),
    ],
)
def test_what_stands_above_the_largest_clear_fall_of_the_first_three_is_proposed(cosines: list[float], above: list[str]):
    hits = [hit(f"h{place}", None, place, cosine) for place, cosine in enumerate(cosines, start=1)]
    assert proposed(*hits) == above
    assert proposed(*reversed(hits)) == above[::-1]


def test_a_fall_just_below_the_gap_is_none_and_words_alone_propose_nothing():
    assert proposed(hit("a", 9, 1, 0.5), hit("b", 9, 2, 0.5 - GAP + 0.001)) == []
    assert proposed(hit("a", 1, None), hit("b", 2, None)) == []
    assert propose_answers([]) == []
