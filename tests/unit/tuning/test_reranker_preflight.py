"""What is looked at before a cross-encoder is trained, and the pairs it is trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.model import Anchor, Document, Judgement, Label, PairsmithError, Part, RunKind, RunStatus
from core.retrieval.rerankers import read_pair_length, take_reranker
from core.store import corpus, judgements, projects, runs
from core.tuning.dataset import list_lessons
from core.tuning.findings import Level
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_pairs import Pair, list_pairs, plan_pairs
from core.tuning.reranker_preflight import RerankerPreflight, run_reranker_preflight
from core.workspace import Workspace
from tests.tiny_model import make_tiny_cross_encoder


def look(workspace: Workspace, *, tokens: bool = False, **values: object) -> RerankerPreflight:
    return run_reranker_preflight(workspace, "small", RerankerConfig(**values), tokens=tokens)


def list_codes(report: RerankerPreflight, level: Level) -> set[str]:
    return {item.code for item in report.findings if item.level == level}


def judge(workspace: Workspace, *rows: tuple[str, str, Label, int]) -> None:
    events = [Judgement(f"said-{anchor}-{document}-{label}", anchor, document, label, grade) for anchor, document, label, grade in rows]
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", events)


@pytest.fixture
def reviewed(workspace: Workspace, small_project: str) -> Workspace:
    """Eight training anchors with two answers each; d22 and d23, which answer nothing, are reviewed negatives of the first four."""
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "small", {f"a{n}": Part.TRAIN for n in range(8)} | {"a8": Part.DEV, "a9": Part.TEST})
    judge(workspace, *((f"a{n}", document, Label.HARD_NEGATIVE, 0) for n in range(4) for document in ("d22", "d23")))
    return workspace


def test_counts_are_those_of_the_pairs_and_looking_stores_nothing(reviewed: Workspace) -> None:
    report = look(reviewed, batch=8, epochs=2)
    assert (report.train, report.dev, report.test, report.answers, report.negatives, report.pairs) == (8, 1, 1, 16, 8, 24)
    assert (report.steps, report.blocks) == (6, [])
    assert look(reviewed, min_grade=3).answers == 8
    assert list_codes(report, Level.WARN) >= {"few_training", "few_test"}
    assert "one_sided" in list_codes(report, Level.NOTE)
    assert json.loads(json.dumps(report.to_json()))["can_run"] is True
    with reviewed.store.read() as conn:
        assert runs.count_runs(conn, "small") == 0


def test_answers_alone_stop_a_training_and_few_negatives_weaken_it(workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "small", {f"a{n}": Part.TRAIN for n in range(8)} | {"a8": Part.DEV, "a9": Part.TEST})
    (block,) = look(workspace).blocks
    assert (block.code, "learns to say yes to all" in block.text) == ("no_negatives", True)
    judge(workspace, *((f"a{n}", "d22", Label.HARD_NEGATIVE, 0) for n in range(7)))
    assert "few_negatives" in list_codes(look(workspace), Level.WARN)
    judge(workspace, ("a7", "d22", Label.HARD_NEGATIVE, 0))
    assert {"few_negatives", "one_sided"}.isdisjoint(item.code for item in look(workspace).findings)


def test_an_empty_part_and_an_empty_corpus_stop_a_training(reviewed: Workspace) -> None:
    judge(reviewed, *((f"a{n}", f"d{document}", Label.AMBIGUOUS, 0) for n in range(1, 10) for document in (n, n + 12)))
    assert {item.code for item in look(reviewed).blocks} == {"parts"}
    with reviewed.store.write() as conn:
        projects.add_project(conn, "bare", base_model=projects.get_project(conn, "small").base_model)
    assert [item.code for item in run_reranker_preflight(reviewed, "bare", RerankerConfig()).blocks] == ["documents"]


def test_what_it_would_begin_from_must_be_a_cross_encoder_and_one_of_the_hub_is_not_fetched_to_look(
    reviewed: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    for start, words in ((str(tiny_model), "is no cross-encoder"), (str(tmp_path / "none"), "There is no model folder")):
        (block,) = look(reviewed, start=start).blocks
        assert (block.code, words in block.text) == ("model", True)
    report = look(reviewed, start="nobody/no-such-model")
    assert (report.blocks, report.max_length, report.cut_share, report.memory_gb) == ([], 0, None, 0.0)
    assert "absent" in list_codes(report, Level.NOTE)
    record = take_reranker(reviewed, "small", str(make_tiny_cross_encoder(tmp_path / "cross", tiny_model)))
    assert look(reviewed, start=record.id).max_length == 64


def test_most_held_out_answers_in_training_stop_a_training(reviewed: Workspace) -> None:
    """All anchors share answers here, so the split had to be loosened."""
    judge(reviewed, *((f"a{n}", f"d{document}", Label.POSITIVE, 1) for n in range(10) for document in range(10)))
    assert [item.code for item in look(reviewed).blocks] == ["leak"]


def test_pairs_longer_than_the_model_reads_are_counted_by_its_tokenizer_or_estimated(reviewed: Workspace) -> None:
    assert look(reviewed, tokens=True).cut_share == 0
    with reviewed.store.write() as conn:
        corpus.put_documents(conn, "small", [Document("d22", "the " * 80)])
    for tokens, how in ((True, "counted"), (False, "estimated")):
        report = look(reviewed, tokens=tokens)
        (found,) = [item for item in report.findings if item.code == "cut"]
        assert report.cut_share == pytest.approx(4 / 24)
        assert (found.level, found.text.split()[0], how in found.text) == (Level.WARN, "17%", True)


def test_a_cross_encoder_reads_as_much_as_its_tokenizer_says_whatever_an_embedding_model_was_limited_to(tiny_model: Path, tmp_path: Path) -> None:
    assert read_pair_length(tiny_model) == 64
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 514}', encoding="utf-8")
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 128}', encoding="utf-8")
    assert read_pair_length(tmp_path) == 514
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 512}', encoding="utf-8")
    assert read_pair_length(tmp_path) == 512


def test_memory_grows_with_the_batch_and_time_follows_the_newest_training_here(reviewed: Workspace) -> None:
    assert look(reviewed, batch=2).memory_gb < look(reviewed, batch=64).memory_gb
    before = look(reviewed).seconds
    assert before < look(reviewed, epochs=9).seconds
    with reviewed.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.RERANKER, {})
        run = runs.claim_run(conn, "a-worker", lease_s=30)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result={"train": {"pairs_per_s": 0.5}})
    assert look(reviewed).seconds > before


def test_the_same_two_texts_are_not_an_answer_and_none_at_once(reviewed: Workspace) -> None:
    """Once they were, where an anchor stood in the project twice and the two had been judged otherwise."""
    contents = {"d": "answer", "e": "Other  text", "f": "no"}
    anchors = [
        LabelledAnchor("a", "What of it?", Part.TRAIN, {"d": 3}, ["f"]),
        LabelledAnchor("b", "what of  it?", Part.TRAIN, {"e": 3}, ["d"]),
    ]
    plan = plan_pairs(list_lessons(SnapshotData("s", anchors, contents), 2).lessons, contents)
    assert list(plan.pairs) == [Pair("What of it?", "answer", True), Pair("What of it?", "no", False), Pair("what of  it?", "Other  text", True)]
    assert (plan.answers, plan.negatives, plan.contradicted) == (2, 1, 1)
    with reviewed.store.write() as conn:
        corpus.put_anchors(conn, "small", [Anchor("twice", "What does the contract say on termination?")])
    judge(reviewed, ("twice", "d20", Label.POSITIVE, 3), ("twice", "d0", Label.HARD_NEGATIVE, 0))
    with reviewed.store.write() as conn:
        corpus.set_parts(conn, "small", {"twice": Part.TRAIN})
    assert "same_pair" in list_codes(look(reviewed), Level.WARN)


def test_pairs_of_one_kind_cannot_be_listed() -> None:
    anchors = [LabelledAnchor("a", "q", Part.TRAIN, {"d": 3}, [])]
    with pytest.raises(PairsmithError, match="no reviewed hard negative"):
        list_pairs(list_lessons(SnapshotData("s", anchors, {"d": "text"}), 2).lessons, {"d": "text"})
