"""All kinds of columns by one function, on a small project and real tiny models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from core.evaluation.comparison import Comparison, compare_systems
from core.evaluation.found import complete_test, find_comparison, list_changes
from core.evaluation.lists import KEPT, read_lists
from core.evaluation.options import EvaluateOptions
from core.evaluation.rerank import RerankedSystems
from core.evaluation.slices import list_fields, slice_scores
from core.evaluation.systems import Answer, System, Task, find_system, open_systems
from core.evaluation.uploaded import bring_vectors
from core.jobs.engine import LocalEngine
from core.jobs.handlers import evaluate
from core.jobs.reporter import Reporter
from core.model import Anchor, Document, Judgement, Label, NotFound, PairsmithError, RunKind, RunStatus
from core.retrieval.encoder import embed_anchors, embed_documents
from core.store import artefacts, corpus, judgements, runs
from core.tuning.columns import list_openers
from core.workspace import Workspace


def compare(workspace: Workspace, project: str, *names: str, part: str = "all", **options: object) -> Comparison:
    chosen = EvaluateOptions(names, part, **options)  # type: ignore[arg-type]
    return compare_systems(
        workspace, project, open_systems(workspace, project, names, list_openers(workspace, project, chosen)), part, settings=chosen.to_json()
    )


def run_evaluation(workspace: Workspace, project: str, config: dict[str, object]) -> str:
    """An evaluation as the worker does it, to its end."""
    engine = LocalEngine(workspace)
    run_id = engine.enqueue(project, RunKind.EVALUATE, config)
    run = engine.claim("w")
    assert run is not None
    engine.finish(run_id, run.attempt, RunStatus.SUCCEEDED, result=evaluate(workspace, run, Reporter(engine, run)))
    return run_id


def base_vectors(workspace: Workspace, project: str) -> tuple[np.ndarray, np.ndarray]:
    record = find_system(workspace, project, "base")
    assert record is not None
    with workspace.store.read() as conn:
        documents, anchors = corpus.read_documents(conn, project), corpus.read_anchors(conn, project)
    return np.array(embed_documents(workspace, record, documents)), np.array(embed_anchors(workspace, record, [anchor.text for anchor in anchors]))


def bring_base(workspace: Workspace, project: str, folder: Path, name: str = "theirs") -> str:
    paths = []
    for kind, values in zip(("documents", "anchors"), base_vectors(workspace, project), strict=True):
        paths.append(folder / f"{kind}.npy")
        np.save(paths[-1], values * 3.0)  # not normalised: theirs need not be
    return bring_vectors(workspace, project, name, *paths)


def test_every_kind_of_column_is_measured_on_the_same_anchors(workspace: Workspace, small_project: str, cross_encoder: Path, tmp_path: Path):
    name = bring_base(workspace, small_project, tmp_path)
    columns = ["bm25", "base", name, "base+rerank", "bm25+rerank", f"{name}+rerank"]
    found = compare(workspace, small_project, *columns, reranker=str(cross_encoder), depth=20)
    told = found.to_json()
    assert [item["system"] for item in told["systems"]] == columns
    assert [item["title"] for item in told["systems"]] == ["BM25", "Base", "theirs", "Base + rerank", "BM25 + rerank", "theirs + rerank"]
    assert {item["n"] for item in told["systems"]} == {10}
    assert {item["system"] for item in told["comparisons"]} == set(columns) - {"base"}
    theirs = next(item for item in found.others if item.figures.system == name)
    assert theirs.figures.measures == found.base.measures
    assert (theirs.difference.ties, theirs.difference.p) == (10, 1.0)
    assert theirs.figures.cost["latency_ms"] is None
    assert all(item["latency_ms"] > 0 and item["bytes_per_document"] > 0 for item in told["systems"] if not item["system"].startswith("vectors"))
    assert found.base.cost["bytes_per_document"] == 32 * 4
    assert told["facts"]["snapshot_id"]
    assert told["facts"]["settings"]["reranker"] == str(cross_encoder)
    assert "not asked: nothing was trained" in told["comparisons"][0]["verdict"]["checks"][-1]["found"]


def test_reranking_reorders_the_head_alone_and_puts_no_answer_in(workspace: Workspace, small_project: str, cross_encoder: Path):
    found = compare(workspace, small_project, "base", "base+rerank", reranker=str(cross_encoder), depth=20)
    first, second = (read_lists(workspace, item.evaluation_id) for item in (found.base, found.tuned))
    assert all(sorted(first[anchor][:20]) == sorted(second[anchor][:20]) and first[anchor][20:] == second[anchor][20:] for anchor in first)
    assert first != second
    assert found.tuned.measures["recall@50"] == found.base.measures["recall@50"]
    assert found.tuned.ceiling is not None
    assert max(found.base.measures["ndcg@5"], found.tuned.measures["ndcg@5"]) <= found.tuned.ceiling <= 1
    assert found.tuned.cost["added_ms"] > 0
    assert found.tuned.cost["latency_ms"] > found.tuned.cost["added_ms"]


def test_a_perfect_reranker_reaches_the_ceiling_and_no_more_than_the_first_list_holds(workspace: Workspace, small_project: str):
    """The first list leaves the answers of one anchor out of its head: they stay lost."""
    with workspace.store.read() as conn:
        grades = judgements.read_qrels(conn, small_project)
        anchor_of = {anchor.text: anchor.id for anchor in corpus.read_anchors(conn, small_project)}
        id_of = {document.content: document.id for document in corpus.read_documents(conn, small_project)}

    class Perfect:
        def score(self, pairs, on_progress=None):  # type: ignore[no-untyped-def]
            return np.array([grades.get(anchor_of[question], {}).get(id_of[text], 0) for question, text in pairs], np.float32)

    def answer(task: Task) -> Answer:
        ids = [document.id for document in task.documents]
        head = {anchor.id: [item for item in ids if anchor.id != "a3" or item not in grades["a3"]] for anchor in task.anchors}
        return Answer({anchor_id: (listed + [item for item in ids if item not in listed]) for anchor_id, listed in head.items()}, "made", 1.0, 1.0)

    reranked = RerankedSystems(Perfect, "perfect", 20, {"made": lambda *_: System("made", "Made", answer)}).open(workspace, small_project, "made+rerank")
    base = open_systems(workspace, small_project, ["base"])[0]
    found = compare_systems(workspace, small_project, [base, reranked], "all")
    assert found.tuned.measures["ndcg@5"] == pytest.approx(found.tuned.ceiling)
    assert found.tuned.scores["a3"]["ndcg@5"] == 0.0


def test_the_adapter_is_a_column_fitted_on_training_anchors_alone(workspace: Workspace, large_project: str):
    found = compare(workspace, large_project, "base", "adapter", part="test")
    assert found.tuned.title == "Adapter"
    assert found.tuned.model_id.startswith("adapter:")
    assert "Fitted on" in found.tuned.notes[0]
    assert found.verdict.checks[-1].found == "not measured"
    with workspace.store.read() as conn:
        assert artefacts.count_test_openings(conn, large_project) == artefacts.Openings(1, 1)


@pytest.fixture
def large_project(workspace: Workspace, small_project: str) -> str:
    """The small project with 90 more anchors, each answered by a document of its own, so that there are enough to hold out."""
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, [Document(f"m{n}", f"Matter {n} is settled by rule {n * 7} of schedule {n % 9}.") for n in range(90)])
        corpus.put_anchors(conn, small_project, [Anchor(f"m{n}", f"Which rule settles matter {n}?", fields={"kind": f"k{n % 3}"}) for n in range(90)])
        judgements.append_judgements(conn, small_project, [Judgement(f"more-{n}", f"m{n}", f"m{n}", Label.POSITIVE, 3) for n in range(90)])
    return small_project


def test_a_run_is_one_opening_however_many_systems_and_the_second_is_said(workspace: Workspace, large_project: str):
    config = {"systems": ["base", "bm25"], "part": "test"}
    first = run_evaluation(workspace, large_project, config)
    with workspace.store.read() as conn:
        assert artefacts.count_part_openings(conn, large_project) == 1
        result = runs.get_run(conn, first).result
    assert result is not None
    assert result["test"]["facts"]["opening"] == 1
    assert not [word for word in result["test"]["doubts"] if "look number" in word]
    run_evaluation(workspace, large_project, config)
    found = find_comparison(workspace, large_project)
    assert found.test["facts"]["opening"] == 2
    assert any("look number 2" in word for word in found.comparison["doubts"])


def test_what_a_run_left_is_found_again_with_its_worst_anchors_its_slices_and_whether_it_is_stale(workspace: Workspace, large_project: str):
    run_id = run_evaluation(workspace, large_project, {"systems": ["base", "bm25"], "part": "all"})
    found = find_comparison(workspace, large_project)
    assert (found.run.id, found.system, found.stale) == (run_id, "bm25", [])
    changes = list_changes(workspace, large_project, found, limit=200)
    assert len(changes) == 100
    assert [item.difference for item in changes] == sorted(item.difference for item in changes)
    lists = read_lists(workspace, found.ids[0], [changes[0].anchor_id])
    assert list(lists) == [changes[0].anchor_id]
    assert len(lists[changes[0].anchor_id]) == KEPT
    assert list_fields(workspace, large_project) == ["anchor.kind", "document.topic"]
    slices = slice_scores(workspace, large_project, found, "anchor.kind")
    assert sorted((item.value, item.n) for item in slices) == [("k0", 30), ("k1", 30), ("k2", 30)]
    assert all(item.low <= item.gain <= item.high and item.tuned == pytest.approx(item.base + item.gain) for item in slices)
    assert sum(item.n for item in slice_scores(workspace, large_project, found, "document.topic")) == 10
    with pytest.raises(PairsmithError, match=r"There are: anchor\.kind, document\.topic"):
        slice_scores(workspace, large_project, found, "document.nothing")
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, large_project, [Judgement("later", "m1", "d5", Label.HARD_NEGATIVE)])
    assert "1 judgement of the measured anchors changed" in find_comparison(workspace, large_project).stale[0]
    with workspace.store.write() as conn:
        corpus.put_documents(conn, large_project, [Document("late", "A late document.")])
    assert "The documents changed since." in find_comparison(workspace, large_project).stale


def test_a_comparison_from_before_there_were_columns_is_read_in_todays_form():
    figures = {"ndcg@5": 0.5, "n": 3, "interval": [0.4, 0.6], "model_id": "b", "evaluation_id": "e"}
    old = {"base": figures, "tuned": {**figures, "model_id": "t"}, "difference": {"p": 0.2}, "guard": {}, "verdict": {"title": "Better"}}
    told = complete_test(old)
    assert [item["system"] for item in told["systems"]] == ["base", "tuned"]
    assert told["comparisons"][0]["adjusted_p"] == 0.2
    assert complete_test(told) == told


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (["base", "tunde"], NotFound, "has no model 'tunde'"),
        (["base", "tuned"], NotFound, "no tuned model yet"),
        (["base", "unblended"], NotFound, "no tuned model yet"),
        (["base", "base+rerank"], PairsmithError, "needs a reranker"),
        (["base", "vectors:none"], NotFound, "there are: none"),
        (["base", "vectors:../x"], NotFound, "No vectors named"),
        (["base", "endpoint:"], PairsmithError, "names no model of an endpoint"),
        (["base"], PairsmithError, "needs the reference 'base' and at least one other"),
        (["bm25", "bm25"], PairsmithError, "needs the reference"),
    ],
)
def test_a_name_that_means_nothing_is_refused_and_nothing_is_stored(
    workspace: Workspace, small_project: str, names: list[str], error: type[Exception], words: str
):
    with pytest.raises(error, match=words):
        compare(workspace, small_project, *names)
    with workspace.store.read() as conn:
        assert artefacts.list_evaluations(conn, small_project) == []


def test_options_say_what_they_do_not_know():
    assert EvaluateOptions.read({}) == EvaluateOptions(["base"])
    for config, words in (({"part": "tset"}, "no part"), ({"depth": 10}, "20 to 50"), ({"systems": []}, "No system"), ({"sent": True}, "no setting sent")):
        with pytest.raises(PairsmithError, match=words):
            EvaluateOptions.read(config)


def write_parquet(path: Path, ids: list[str], vectors: list[list[float]]) -> Path:
    pyarrow.parquet.write_table(pyarrow.table({"id": ids, "vector": vectors}), path)
    return path


def test_parquet_comes_in_any_order_and_text_that_changed_makes_vectors_stale(workspace: Workspace, small_project: str, tmp_path: Path):
    documents, anchors = base_vectors(workspace, small_project)
    first = write_parquet(tmp_path / "d.parquet", [f"d{n}" for n in range(24)][::-1], documents[::-1].tolist())
    second = write_parquet(tmp_path / "a.parquet", [f"a{n}" for n in range(12)] + ["another"], [*anchors.tolist(), [1.0] * 32])
    name = bring_vectors(workspace, small_project, "table", first, second)
    found = compare(workspace, small_project, "base", name)
    assert found.tuned.measures == pytest.approx(found.base.measures)
    with workspace.store.write() as conn:
        corpus.put_documents(conn, small_project, [Document("d3", "Another text.")])
    with pytest.raises(PairsmithError, match="1 of 24 documents changed or came since the vectors 'table' were brought"):
        compare(workspace, small_project, "base", name)


def test_vectors_that_do_not_fit_are_refused_in_words(workspace: Workspace, small_project: str, tmp_path: Path):
    good = tmp_path / "good.npy"
    np.save(good, np.ones((12, 4)))
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    def save(name: str, values: np.ndarray) -> Path:
        np.save(tmp_path / name, values)
        return tmp_path / name

    ragged = tmp_path / "ragged.parquet"
    write_parquet(ragged, [f"d{n}" for n in range(24)], [[1.0] * (n % 2 + 1) for n in range(24)])
    cases = [
        (save("short.npy", np.ones((23, 4))), "has 23 rows, and the project has 24 documents"),
        (save("flat.npy", np.ones(24)), r"shape \(24,\)"),
        (save("text.npy", np.array([["a"]] * 24)), "numbers of shape"),
        (save("nan.npy", np.full((24, 4), np.nan)), "not finite"),
        (save("zero.npy", np.vstack([np.ones((23, 4)), np.zeros((1, 4))])), "without length in row 23"),
        (save("wide.npy", np.ones((24, 5))), "Documents have 5 dimensions and anchors 4"),
        (objects, "cannot be read as npy"),
        (write_parquet(tmp_path / "few.parquet", ["d0"], [[1.0] * 4]), "no vector for 23 of 24 documents, first 'd1'"),
        (write_parquet(tmp_path / "twice.parquet", ["d0", "d0"], [[1.0] * 4] * 2), "an id twice: 'd0'"),
        (ragged, "different lengths"),
        (tmp_path / "gone.npy", "cannot be read"),
        (tmp_path / "vectors.pkl", "neither .npy nor .parquet"),
    ]
    for path, words in cases:
        with pytest.raises(PairsmithError, match=words):
            bring_vectors(workspace, small_project, "x", path, good)
    with pytest.raises(PairsmithError, match="cannot name vectors"):
        bring_vectors(workspace, small_project, "../x", good, good)
