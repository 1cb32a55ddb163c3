"""Training a cross-encoder on the reviewed pairs of the sample, taking one in, and using it by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import CrossEncoder

from core.curation.mine_run import mine_project
from core.curation.mining import Mining
from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.curation.split import ensure_split
from core.evaluation.systems import find_system
from core.jobs.engine import LocalEngine, start_worker
from core.model import Label, ModelKind, PairsmithError, Part, RunKind, RunStatus
from core.retrieval.models import ensure_base_model
from core.retrieval.reranker import Reranker
from core.retrieval.rerankers import describe_reranker, find_reranker, list_rerankers, take_reranker
from core.store import artefacts, corpus, judgements, runs
from core.tuning.dataset import list_lessons
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_pairs import Pair, list_pairs
from core.tuning.reranker_run import run_reranker_training
from core.tuning.train_reranker import Lists, train_cross_encoder
from core.workspace import Workspace
from tests.ml.test_tune_run import Ear, make_workspace, refuse_texts
from tests.tiny_model import make_tiny_cross_encoder

pytestmark = pytest.mark.slow
CONFIG = {"epochs": 2, "batch": 16, "learning_rate": 2e-3, "evaluations": 4, "depth": 5, "patience": 0}


@pytest.fixture(scope="module")
def trained(tiny_model: Path, cross_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Workspace, Ear, dict[str, Any]]]:
    """The same training in two homes; the second is stopped in the middle once and goes on from its checkpoint."""
    made = []
    config = CONFIG | {"start": str(cross_encoder)}
    for name in ("one", "two"):
        workspace = make_workspace(tmp_path_factory.mktemp("home") / name, tiny_model)
        if name == "two":
            with pytest.raises(InterruptedError):
                run_reranker_training(workspace, "contracts", "run1", config, Ear(stop_at=40))
            assert list((workspace.run_folder("run1") / "checkpoints").glob("checkpoint-*"))
        ear = Ear()
        made.append((workspace, ear, run_reranker_training(workspace, "contracts", "run1", config, ear)))
    yield made
    for workspace, _, _ in made:
        workspace.store.close()


def test_the_loss_falls_where_there_is_something_to_learn(cross_encoder: Path, tmp_path: Path):
    pairs = [Pair(f"What of clause {n}?", f"{word} of clause {n}", answers) for n in range(40) for word, answers in (("termination", True), ("payment", False))]
    dev = Lists({"a": "What of it?"}, {"a": ["yes", "no"]}, {"yes": "termination of clause 99", "no": "payment of clause 99"}, {"a": {"yes": 3}})
    series: list[list[float]] = []

    def on_step(_step: int, _total: int, found: Mapping[str, Any]) -> bool:
        series[:] = found["loss"]
        return True

    config = RerankerConfig(epochs=6, batch=8, learning_rate=5e-3, evaluations=2, patience=0)
    done = train_cross_encoder(str(cross_encoder), pairs, dev, config, tmp_path / "work", lambda *_: None, on_step)
    assert np.mean([value for _, value in series[:5]]) > 0.5
    assert np.mean([value for _, value in series[-5:]]) < 0.2
    assert done.best_dev == 1.0


def test_where_no_development_list_holds_an_answer_nothing_is_trained(cross_encoder: Path, tmp_path: Path):
    dev = Lists({"a": "What of it?"}, {"a": ["no"]}, {"no": "payment", "yes": "termination"}, {"a": {"yes": 3, "no": 0}})
    with pytest.raises(PairsmithError, match="Of 1 development anchors none has an answer among the first 7 documents"):
        train_cross_encoder(str(cross_encoder), [Pair("q", "d", True)], dev, RerankerConfig(depth=7), tmp_path / "work", lambda *_: None, lambda *_: True)


def test_the_best_moment_on_development_anchors_is_kept(trained: list):
    _, ear, result = trained[0]
    (begin, base), *later = ear.series["dev_ndcg@5"]
    assert (begin, result["dev"]["base"]) == (0, pytest.approx(base, abs=1e-5))
    assert result["dev"]["reranked"] == pytest.approx(max(value for _, value in later), abs=1e-5)


def test_a_training_that_was_stopped_ends_with_the_weights_of_an_undisturbed_one(trained: list):
    (_, first_ear, first), (_, second_ear, second) = trained
    assert second["model_id"] == first["model_id"]
    assert second_ear.series == first_ear.series
    assert second["test"] == first["test"]


def test_only_training_anchors_are_learned_from_and_the_opening_of_the_test_part_is_stored(trained: list):
    workspace, _, result = trained[0]
    with workspace.store.read() as conn:
        state = judgements.read_state(conn, "contracts")
        train = {anchor.id for anchor in corpus.read_anchors(conn, "contracts", part=Part.TRAIN)}
        (evaluation,) = artefacts.list_evaluations(conn, "contracts", part="test", run_id="run1")
    labels = Counter(item.label for item in state if item.anchor_id in train)
    assert 0 < result["train"]["answers"] <= labels[Label.POSITIVE]
    assert 0 < result["train"]["negatives"] <= labels[Label.HARD_NEGATIVE]
    assert (evaluation.system, evaluation.model_id) == ("base+rerank", result["model_id"])
    assert result["test"]["difference"]["n"] == evaluation.n > 20
    assert evaluation.measures["ndcg@5"] == pytest.approx(result["test"]["reranked"])
    assert result["test"]["difference"]["gain"] == pytest.approx(result["test"]["reranked"] - result["test"]["base"])


def test_it_is_a_model_kind_of_its_own_that_loads_by_the_librarys_own_call_and_quotes_nobody(trained: list):
    workspace, _, result = trained[0]
    (record, start) = list_rerankers(workspace, "contracts")
    assert (record.id, record.kind, record.dimension, record.snapshot_id, record.base_id) == (
        result["model_id"],
        ModelKind.RERANKER,
        0,
        result["snapshot_id"],
        start.id,
    )
    assert describe_reranker(record.location).id == record.id
    scores = CrossEncoder(record.location).predict([["notice", "in writing"], ["notice", "payment"]], show_progress_bar=False)
    assert scores.shape == (2,)
    assert np.allclose(Reranker(record.location).score([("notice", "in writing"), ("notice", "payment")]), scores, atol=1e-6)
    refuse_texts(workspace, workspace.folder("models"))


def test_mining_takes_it_by_its_name_and_nothing_searches_by_it(trained: list):
    workspace, _, result = trained[0]
    base = find_system(workspace, "contracts", "base")
    assert base is not None
    mine_project(workspace, "contracts", base, Mining(reranker=result["model_name"], rerank_depth=2, per_anchor=4), lambda *_: None)
    assert find_reranker(workspace, "contracts", result["model_id"][:8]) == list_rerankers(workspace, "contracts")[0].location
    assert find_reranker(workspace, "contracts", "some/hub-id") == "some/hub-id"
    with pytest.raises(PairsmithError, match="is a cross-encoder: it has no vectors"):
        find_system(workspace, "contracts", result["model_id"])
    with pytest.raises(PairsmithError, match="is an embedding model"):
        find_reranker(workspace, "contracts", base.name)


def test_without_a_start_the_worker_trains_a_new_head_on_the_base_model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PAIRSMITH_THREADS", "1")
    workspace = make_workspace(tmp_path / "home", tiny_model)
    try:
        run_id = LocalEngine(workspace).enqueue("contracts", RunKind.RERANKER, CONFIG | {"epochs": 1, "evaluations": 1})
        assert start_worker(workspace, until_idle=True).wait(timeout=400) == 0
        with workspace.store.read() as conn:
            run = runs.get_run(conn, run_id)
        assert (run.status, run.error) == (RunStatus.SUCCEEDED, None)
        assert run.result["start_id"] == run.result["base_id"]
        assert run.progress.figures["loss"]
        (record,) = list_rerankers(workspace, "contracts")
        assert record.name.startswith("tiny cross-encoder tuned ")
    finally:
        workspace.store.close()


def test_a_cancelled_training_keeps_its_best_moment(tiny_model: Path, cross_encoder: Path, tmp_path: Path):
    workspace = make_workspace(tmp_path / "home", tiny_model)
    ear = Ear(stop_at=40)
    ear.was_cancelled = True
    try:
        with pytest.raises(InterruptedError):
            run_reranker_training(workspace, "contracts", "run1", CONFIG | {"start": str(cross_encoder)}, ear)
        (record, _) = list_rerankers(workspace, "contracts")
        assert record.name.endswith("cancelled at step 40")
        assert ear.left["cancelled"]["model_id"] == record.id
    finally:
        workspace.store.close()


def test_without_reviewed_negatives_there_is_nothing_to_tell_apart(workspace: Workspace, small_project: str):
    ensure_base_model(workspace, small_project, str(find_system(workspace, small_project, "base").location))
    ensure_split(workspace, small_project)
    with pytest.raises(PairsmithError, match="no reviewed hard negative"):
        run_reranker_training(workspace, small_project, "r", CONFIG, Ear())


def test_each_judged_pair_is_learned_from_once_however_many_an_anchor_has():
    """Once no more than ten reviewed negatives of an anchor with one answer were, and the others were dropped without a word."""
    reviewed = [f"n{place}" for place in range(25)]
    contents = {"d": "answer", "e": "other answer", **{item: f"no, {item}" for item in reviewed}, "again": "no, n0"}
    anchors = [
        LabelledAnchor("a", "q", Part.TRAIN, {"d": 3, "e": 2}, [*reviewed, "again"]),
        LabelledAnchor("b", "r", Part.TRAIN, {"d": 3}, ["n7"]),
        LabelledAnchor("held", "s", Part.TEST, {"n7": 3}, []),
    ]
    snapshot = SnapshotData("s", anchors, contents)
    kept = [Pair("q", f"no, {item}", False) for item in reviewed if item != "n7"]
    wanted = [Pair("q", "answer", True), Pair("q", "other answer", True), *kept, Pair("r", "answer", True)]
    assert list_pairs(list_lessons(snapshot, 2).lessons, snapshot.contents) == wanted
    with pytest.raises(PairsmithError, match="nothing to train on"):
        list_pairs([], {})


def test_what_is_no_cross_encoder_with_one_score_is_refused(workspace: Workspace, small_project: str, tiny_model: Path, cross_encoder: Path, tmp_path: Path):
    record = take_reranker(workspace, small_project, str(cross_encoder))
    assert take_reranker(workspace, small_project, str(cross_encoder)) == record
    assert (record.name, record.kind, record.max_length) == ("cross", ModelKind.RERANKER, 64)
    two = make_tiny_cross_encoder(tmp_path / "two", tiny_model, labels=2)
    for folder, words in ((tiny_model, "is no cross-encoder"), (two, "more than one figure a pair"), (tmp_path / "none", "There is no model folder")):
        with pytest.raises(PairsmithError, match=words):
            take_reranker(workspace, small_project, str(folder))
    with pytest.raises(PairsmithError, match="depth is 1"):
        RerankerConfig(depth=1)
