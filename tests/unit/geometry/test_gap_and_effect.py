"""Queries and documents that lie apart, what tuning did to search, and bare arrays from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.geometry.array_input import ArrayFiles, clumps_of_arrays
from core.geometry.clumps import Search, find_clumps
from core.geometry.gap import Questions, measure_gap
from core.geometry.rule import GAP_AMBER
from core.model import PairsmithError
from tests.cli.test_cli import call_json
from tests.unit.geometry.test_clumps import D, contract, rotation, unit, world

ASKED = range(0, 600, 4)


def ask(x: np.ndarray, *, noise: float = 0.6, seed: int = 11) -> np.ndarray:
    """Queries (150, d): noisy readings of every fourth document, which is the answer."""
    rng = np.random.default_rng(seed)
    rows = x[list(ASKED)]
    return unit(rows + rng.normal(size=rows.shape) * noise / np.sqrt(x.shape[1]))


def questions(queries: np.ndarray) -> Questions:
    return Questions(queries, [{row: 1} for row in ASKED])


def search(base: np.ndarray, tuned: np.ndarray, before: np.ndarray, after: np.ndarray) -> Search:
    return Search(questions(before), questions(after), base, tuned)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return world()[0]


def test_a_gap_by_hand():
    documents = unit(np.array([[1.0, 0.0], [0.0, 1.0]]))
    gap = measure_gap(Questions(documents[:1], [{0: 1}]), documents)
    assert gap is not None
    assert gap.distance == pytest.approx(np.linalg.norm([0.5, -0.5]))
    assert (gap.ndcg, gap.n, gap.orphans) == (1.0, 1, 0.0)
    assert measure_gap(Questions(documents[:1], [{}]), documents) is None


def test_queries_among_their_documents_have_no_gap_worth_a_word(x: np.ndarray):
    gap = measure_gap(questions(ask(x)), x)
    assert gap is not None
    assert gap.gain < GAP_AMBER
    assert find_clumps(x, x, search=search(x, x, ask(x), ask(x))).verdict == "green"


def test_queries_pushed_toward_one_topic_are_a_red_gap_and_centring_restores_them(x: np.ndarray):
    pushed = unit(ask(x) + 4 * x[:30].mean(axis=0))
    report = find_clumps(x, x, search=search(x, x, ask(x), pushed))
    gap = report.gap["tuned"]
    assert gap["ndcg"] < 0.8 * gap["centred"]
    assert gap["centred"] == pytest.approx(report.gap["base"]["ndcg"], abs=0.05)
    assert gap["low"] > 0
    assert gap["distance"] > report.gap["base"]["distance"] + 0.2
    assert report.verdict == "red"
    assert any("subtracting the mean of each side raises NDCG@5" in reason for reason in report.reasons)


def test_a_model_that_finds_fewer_answers_is_never_green(x: np.ndarray):
    worse = unit(ask(x) + np.random.default_rng(3).normal(size=(150, D)) * 0.25)
    report = find_clumps(x, x, search=search(x, x, ask(x), worse))
    assert report.figures["ndcg@5"]["high"] < 0
    assert report.verdict == "amber"
    assert "It finds fewer of the known answers than the base" in report.reasons[0]


def test_a_red_space_that_finds_more_answers_is_amber(x: np.ndarray):
    mean = x.mean(axis=0)
    _, _, vt = np.linalg.svd(x - mean, full_matrices=False)
    flat = unit((x - mean) @ vt[: D // 8].T @ vt[: D // 8])
    assert find_clumps(x, flat).verdict == "red"
    before, after = ask(x, noise=4.0), unit(flat[list(ASKED)])
    report = find_clumps(x, flat, search=search(x, flat, before, after))
    assert report.figures["ndcg@5"]["low"] > 0
    assert report.verdict == "amber"
    assert report.reasons[0].startswith("Better on your test questions, but: ")


def test_a_hotspot_whose_anchors_lost_is_red_and_one_whose_anchors_did_not_is_amber(x: np.ndarray):
    topic = np.flatnonzero(world()[1] == 7)
    tuned = contract(x, topic, 0.29)
    calm = find_clumps(x, tuned, search=search(x, tuned, ask(x), ask(tuned)))
    asked_there = [place for place, row in enumerate(ASKED) if row in set(topic.tolist())]
    lost = ask(tuned)
    lost[asked_there] = unit(tuned[topic].mean(axis=0, keepdims=True))
    grades: list[dict[int, int]] = [{row: 1} for row in ASKED]
    for place in asked_there:
        grades[place] = {int(topic[-1 - place % 3]): 1}
    harmed = Search(Questions(ask_for(x, grades), grades), Questions(lost, grades), x, tuned)
    found = find_clumps(x, tuned, search=harmed)
    assert calm.verdict == "amber"
    assert calm.answered[0]["anchors"] == len(asked_there) >= 5
    assert found.answered[0]["ndcg@5"]["high"] < 0
    assert found.verdict == "red"
    assert any("answered there lost" in reason for reason in found.reasons)


def ask_for(x: np.ndarray, grades: list[dict[int, int]]) -> np.ndarray:
    """Queries that lie on their answers."""
    return unit(x[[next(iter(known)) for known in grades]])


def test_a_rotation_of_everything_leaves_gap_and_search_alone(x: np.ndarray):
    turn = rotation(D, 5)
    report = find_clumps(x, unit(x @ turn), search=search(x, unit(x @ turn), ask(x), unit(ask(x) @ turn)))
    assert report.verdict == "green"
    assert report.gap["tuned"]["distance"] == pytest.approx(report.gap["base"]["distance"], abs=1e-5)
    assert report.figures["ndcg@5"]["gain"] == pytest.approx(0, abs=1e-9)


@pytest.fixture
def files(tmp_path: Path, x: np.ndarray) -> ArrayFiles:
    """Arrays and answers on disk."""
    made = {"base": x, "tuned": x, "queries_base": ask(x), "queries_tuned": ask(x)}
    for name, array in made.items():
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "positives.json").write_text(json.dumps([[row] for row in ASKED]))
    paths = {name: tmp_path / f"{name}.npy" for name in made}
    return ArrayFiles(**paths, positives=tmp_path / "positives.json")


def test_bare_arrays_with_queries_give_the_gap(files: ArrayFiles, tmp_path: Path):
    options = [
        part for name in ("base", "tuned", "queries_base", "queries_tuned", "positives") for part in ("--" + name.replace("_", "-"), str(getattr(files, name)))
    ]
    printed = call_json(tmp_path / "home", "clumps", *options)
    assert printed == clumps_of_arrays(files)
    assert printed["verdict"] == "green"
    assert set(printed) == {"verdict", "reasons", "global", "hotspots", "gap", "duplicates"}
    assert set(printed["gap"]) == {"base", "tuned"}


def test_answers_by_query_row_and_with_grades_are_read_alike(files: ArrayFiles):
    assert files.positives is not None
    plain = clumps_of_arrays(files)
    files.positives.write_text(json.dumps({str(place): {str(row): 1} for place, row in enumerate(ASKED)}))
    assert clumps_of_arrays(files) == plain


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[[600]]", "query 0 names document 600, which is no row: rows count from 0 to 599"),
        ('{"150": [0]}', "query '150', which is no row: rows count from 0 to 149"),
        ("[3]", "the answers of query 0 must be a list of rows"),
        ('{"0": {"1": 0.5}}', "must be a list of rows, or an object from row to a whole grade"),
        ('"x"', "must be a list with the answers' rows for each query"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_answers_that_cannot_be_are_refused_with_their_query(files: ArrayFiles, content: str, words: str):
    assert files.positives is not None
    files.positives.write_text(content)
    with pytest.raises(PairsmithError, match=words):
        clumps_of_arrays(files)


def test_queries_without_answers_or_of_another_model_are_refused(files: ArrayFiles, x: np.ndarray):
    with pytest.raises(PairsmithError, match="Give queries whole"):
        clumps_of_arrays(ArrayFiles(files.base, files.tuned, queries_base=files.queries_base))
    assert files.queries_tuned is not None
    np.save(files.queries_tuned, ask(x)[:, :32])
    with pytest.raises(PairsmithError, match="has 32 dimensions and its documents 64"):
        clumps_of_arrays(files)
