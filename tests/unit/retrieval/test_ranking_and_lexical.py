"""Rankings and their tie rules, against the plain way of computing them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Document
from core.retrieval import ranking as module
from core.retrieval.lexical import LexicalIndex, open_lexical
from core.retrieval.ranking import fuse_rankings, search_dense, top_rows
from core.store import corpus, projects
from core.workspace import Workspace

SMALL = st.integers(-2, 2)


@given(rows=st.lists(st.lists(SMALL, min_size=7, max_size=7), min_size=1, max_size=5), k=st.integers(0, 9))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_top_rows_are_those_of_a_full_sort_ties_by_column(rows: list[list[int]], k: int):
    scores = np.array(rows, np.float32)
    wanted = [sorted(range(7), key=lambda column: (-row[column], column))[:k] for row in rows]
    assert top_rows(scores, k).tolist() == wanted


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("m", [200, 203, 1_001])
def test_top_rows_of_long_rows_are_those_of_a_full_sort_however_many_are_equal(m: int, k: int):
    rng = np.random.default_rng(m + k)
    rows = [rng.normal(size=m), rng.integers(0, 3, m), np.zeros(m), np.arange(m), -np.arange(m), np.where(np.arange(m) == m - 1, 9.0, -np.inf)]
    scores = np.array(rows, np.float32)
    wanted = [np.argsort(-row, kind="stable")[:k].tolist() for row in scores]
    assert top_rows(scores, k).tolist() == wanted
    assert top_rows(np.asfortranarray(scores), k).tolist() == wanted


@given(n=st.integers(0, 9), q=st.integers(0, 6), k=st.integers(0, 12), seed=st.integers(0, 999))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_dense_search_is_brute_force_whatever_the_block(n: int, q: int, k: int, seed: int):
    rng = np.random.default_rng(seed)
    documents, queries = (rng.integers(-2, 3, size=(size, 3)).astype(np.float32) for size in (n, q))
    before = module._BLOCK_BYTES
    module._BLOCK_BYTES = 4 * max(n, 1) * 2
    try:
        rows, scores = search_dense(queries, documents, k)
    finally:
        module._BLOCK_BYTES = before
    product = queries @ documents.T
    wanted = [sorted(range(n), key=lambda column: (-product[i, column], column))[:k] for i in range(q)]
    assert rows.tolist() == wanted
    assert rows.shape == scores.shape == (q, min(k, n))
    assert scores.tolist() == [[float(product[i, column]) for column in wanted[i]] for i in range(q)]


def test_fusion_sums_reciprocal_ranks_ties_by_id():
    assert fuse_rankings([["a", "b", "c"], ["c", "d"]]) == [
        ("c", pytest.approx(1 / 63 + 1 / 61)),
        ("a", pytest.approx(1 / 61)),
        ("b", pytest.approx(1 / 62)),
        ("d", pytest.approx(1 / 62)),
    ]
    assert fuse_rankings([]) == fuse_rankings([[], []]) == []


TEXTS = [
    "The tenant pays the rent monthly.",
    "Rents are due; the rent is paid late.",
    "Insurance covers the goods.",
    "the and of",
    "Insurance covers the goods.",
]


def index() -> LexicalIndex:
    return LexicalIndex([f"d{n}" for n in range(5)], TEXTS)


def test_words_are_found_by_their_stem_and_ties_keep_the_order_of_arrival():
    assert {found for found, _ in index().search("rent", 10)} == {"d0", "d1"}
    assert {found for found, _ in index().search("renting", 10)} == {"d0", "d1"}
    first, second = index().search("insurance goods", 10)
    assert (first[0], second[0]) == ("d2", "d4")
    assert first[1] == second[1] > 0
    assert [found for found, _ in index().search("insurance", 1)] == ["d2"]


@pytest.mark.parametrize("query", ["", "   ", "the of and", "zebra", "!?", "☃"])
def test_a_query_without_a_known_word_finds_nothing(query: str):
    assert index().search(query, 5) == []


@pytest.mark.parametrize("texts", [[], [""], ["the and of"]])
def test_an_index_without_a_word_finds_nothing_and_can_be_kept(texts: list[str], tmp_path):
    made = LexicalIndex([f"d{n}" for n in range(len(texts))], texts)
    assert made.search("rent", 5) == []
    made.save(tmp_path / "x")
    assert LexicalIndex.load(tmp_path / "x").search("rent", 5) == []


def test_an_index_from_disk_answers_as_the_one_that_was_saved(tmp_path):
    index().save(tmp_path / "x")
    loaded = LexicalIndex.load(tmp_path / "x")
    for query in ("rent", "insurance goods", "zebra", "tenant insurance"):
        assert loaded.search(query, 10) == index().search(query, 10)


def test_the_bm25_score_is_the_formula_by_hand():
    made = LexicalIndex(["a", "b"], ["apple apple pear", "pear"])
    idf = np.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    tf, length, mean_length = 2, 3, 2
    by_hand = idf * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * length / mean_length))
    assert made.search("apple", 5) == [("a", pytest.approx(by_hand, rel=1e-5))]


def test_the_projects_index_follows_its_corpus_and_old_ones_are_removed(workspace: Workspace):
    with workspace.store.write() as conn:
        projects.add_project(conn, "p", base_model="m")
    assert open_lexical(workspace, "p").search("rent", 5) == []
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "p", [Document("d", "text", "Rent")])
    assert [found for found, _ in open_lexical(workspace, "p").search("rent", 5)] == ["d"]
    assert open_lexical(workspace, "p") is open_lexical(workspace, "p")
    assert [item.name for item in (workspace.home / "lexical" / "p").iterdir() if item.is_dir()] == ["1"]


def test_faiss_finds_what_numpy_finds_in_the_same_order(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("faiss")
    rng = np.random.default_rng(5)
    documents = rng.normal(size=(700, 16)).astype(np.float32)
    documents[500:600] = documents[100:200]  # ties
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    queries = documents[::70] + 0.1
    rows, scores = module.search_dense(queries, documents, 40)
    monkeypatch.setattr(module, "FAISS_FROM", 1)
    found, by_faiss = module.search_dense(queries, documents, 40)
    np.testing.assert_allclose(by_faiss, scores, atol=1e-6)
    clear = scores[:, 39:] < scores - 1e-5  # what ties with the last place may be another of its equals
    assert clear.mean() > 0.9
    assert all(set(found[i][clear[i]]) == set(rows[i][clear[i]]) for i in range(len(queries)))
    assert all(list(found[i]) == sorted(found[i], key=lambda row: (-by_faiss[i][list(found[i]).index(row)], row)) for i in range(len(queries)))
