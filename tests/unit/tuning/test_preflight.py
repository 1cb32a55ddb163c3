"""What is looked at before a run starts, and the recipe for its size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.curation.near_duplicates import write_twins
from core.model import Anchor, Candidate, CandidateStatus, Document, Judgement, Label, PairsmithError, Part
from core.retrieval.models import describe_model
from core.retrieval.tokens import count_tokens
from core.store import candidates, corpus, judgements, projects
from core.tuning.checks import check_memory
from core.tuning.config import TuneConfig
from core.tuning.cost import estimate_memory_gb
from core.tuning.findings import Level
from core.tuning.preflight import Preflight, run_preflight
from core.tuning.recipes import RECIPES, choose_recipe, explain_missing, find_recipe
from core.tuning.truncation import measure_cut_share
from core.workspace import Workspace


def look(workspace: Workspace, **values: object) -> Preflight:
    return run_preflight(workspace, "small", TuneConfig(**values))


def list_codes(report: Preflight, level: Level) -> set[str]:
    return {item.code for item in report.findings if item.level == level}


def judge(workspace: Workspace, *rows: tuple[str, str, Label, int]) -> None:
    events = [Judgement(f"said-{anchor}-{document}-{label}", anchor, document, label, grade) for anchor, document, label, grade in rows]
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", events)


def put_parts(workspace: Workspace, **parts: Part) -> None:
    with workspace.store.write() as conn:
        corpus.set_parts(conn, "small", parts)


def test_counts_are_those_of_the_judgements_and_looking_stores_nothing(workspace: Workspace, small_project: str) -> None:
    report = look(workspace)
    assert (report.train + report.dev + report.test, report.rows, report.documents) == (10, report.train * 2, 24)
    assert look(workspace, min_grade=3).rows == report.train
    assert report.largest_component == 1
    with workspace.store.read() as conn:
        assert {anchor.part for anchor in corpus.read_anchors(conn, "small")} == {None}


def test_a_small_project_is_warned_of_each_thing_that_weakens_it_and_may_run(workspace: Workspace, small_project: str) -> None:
    report = look(workspace)
    assert list_codes(report, Level.WARN) >= {"few_training", "few_test", "no_negatives"}
    assert report.blocks == []
    assert json.loads(json.dumps(report.to_json()))["can_run"] is True


def test_an_empty_part_and_an_empty_corpus_stop_a_run(workspace: Workspace, small_project: str) -> None:
    judge(workspace, *((f"a{n}", f"d{document}", Label.AMBIGUOUS, 0) for n in range(1, 10) for document in (n, n + 12)))
    (block,) = look(workspace).blocks
    assert block.text.startswith("No anchor with an answer is left for development and test")
    with workspace.store.write() as conn:
        projects.add_project(conn, "bare", base_model=str(describe_model_of(workspace)))
    assert [item.code for item in run_preflight(workspace, "bare", TuneConfig()).blocks] == ["documents"]


def describe_model_of(workspace: Workspace) -> str:
    with workspace.store.read() as conn:
        return projects.get_project(conn, "small").base_model


def test_a_model_that_is_gone_stops_a_run(workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "lost", base_model="/nowhere/model")
        corpus.put_documents(conn, "lost", [Document("d", "text")])
    assert "model" in {item.code for item in run_preflight(workspace, "lost", TuneConfig()).blocks}


def test_a_pair_that_is_answer_and_negative_is_named_near_duplicates_included(workspace: Workspace, small_project: str) -> None:
    put_parts(workspace, a0=Part.TRAIN)
    judge(workspace, ("a0", "d5", Label.HARD_NEGATIVE, 0))
    assert "contradiction" not in list_codes(look(workspace), Level.WARN)
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, "small").corpus_revision
    write_twins(workspace, "small", {"d0": "d0", "d5": "d0"}, revision)
    (found,) = [item for item in look(workspace).findings if item.code == "contradiction"]
    assert "first: anchor a0, document d5" in found.text


def test_answers_of_held_out_anchors_in_training_are_a_leak_and_stop_the_run_when_most_are(workspace: Workspace, small_project: str) -> None:
    """Almost all anchors share answers here, so the split had to be loosened."""
    judge(workspace, *((f"a{n}", f"d{document}", Label.POSITIVE, 1) for n in range(10) for document in range(10)))
    put_parts(workspace, **{f"a{n}": Part.TRAIN for n in range(6)}, a6=Part.DEV, a7=Part.DEV, a8=Part.TEST, a9=Part.TEST)
    report = look(workspace)
    assert "leak" in {item.code for item in report.blocks}
    assert "split" in list_codes(report, Level.WARN)


def test_the_same_question_on_both_sides_is_left_out_of_training_and_said(workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, "small", [Anchor("b0", "one and the same"), Anchor("b1", "One and  the same")])
        corpus.put_documents(conn, "small", [Document("x0", "text x0"), Document("x1", "text x1")])
    judge(workspace, ("b0", "x0", Label.POSITIVE, 3), ("b1", "x1", Label.POSITIVE, 3))
    put_parts(workspace, b0=Part.TRAIN, b1=Part.TEST)
    assert "same_question" in list_codes(look(workspace), Level.WARN)


def test_unreviewed_candidates_count_only_when_asked_for_and_never_suspicious_or_judged_ones(workspace: Workspace, small_project: str) -> None:
    put_parts(workspace, a0=Part.TRAIN)
    plain = Candidate("a0", "d2", CandidateStatus.PROPOSED, "near", 1.0, 0.5, 0.6, 1, None, "m")
    others = [
        replace(plain, document_id="d3", status=CandidateStatus.SUSPICIOUS),
        replace(plain, document_id="d4", audit=True),
        replace(plain, document_id="d5", twin_of="d0"),
        replace(plain, document_id="d6"),
    ]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "small", [plain, *others])
    judge(workspace, ("a0", "d6", Label.SKIPPED, 0))
    assert "unreviewed" not in {item.code for item in look(workspace).findings}
    (found,) = [item for item in look(workspace, unreviewed_negatives=True).findings if item.code == "unreviewed"]
    assert (found.level, found.text.split()[0]) == (Level.WARN, "2")


def test_a_file_of_everyday_pairs_that_cannot_be_used_stops_a_run(workspace: Workspace, small_project: str) -> None:
    assert [item.code for item in look(workspace, generic_path="/nowhere.jsonl").blocks] == ["generic"]


def test_texts_longer_than_the_model_reads_are_counted_by_its_tokenizer_or_estimated(workspace: Workspace, small_project: str, tiny_model: Path) -> None:
    record = describe_model(str(tiny_model))
    count = count_tokens(record)
    assert count is not None
    assert count(["the parties agree", ""]) == [5, 2]
    assert measure_cut_share(record, ["the " * 62, "the " * 63]) == 0.5
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "small", [Document(f"long{n}", "the " * 80) for n in range(24)])
    said = [
        next(item for item in report.findings if item.code == "cut")
        for report in (
            run_preflight(workspace, "small", TuneConfig(), count_tokens=count),
            look(workspace),
            run_preflight(workspace, "small", TuneConfig(), cut_share=0.04),
        )
    ]
    assert [(item.level, item.text.split()[0]) for item in said] == [(Level.WARN, "50%"), (Level.WARN, "50%"), (Level.NOTE, "4%")]
    assert ["counted" in said[0].text, "estimated" in said[1].text, "as last measured" in said[2].text] == [True] * 3


def test_a_loss_in_mini_batches_needs_less_memory_however_large_the_batch(tiny_model: Path) -> None:
    record = describe_model(str(tiny_model))

    def need(**values: object) -> float:
        return estimate_memory_gb(TuneConfig(**values), record, anchor_tokens=20, document_tokens=60)

    assert need(batch=512, loss="cached_mnrl") == need(batch=32, loss="cached_mnrl") < need(batch=32) < need(batch=512)
    assert need(batch=32) < need(batch=32, negatives=5)


def test_a_report_that_was_kept_is_held_against_the_memory_of_now(workspace: Workspace, small_project: str) -> None:
    report = look(workspace)
    tight = check_memory(replace(report, memory_gb=1e6))
    (found,) = [item for item in tight.findings if item.code == "memory"]
    assert (found.level, found.text.startswith("A step needs about 1000000.0 GB of memory")) == (Level.WARN, True)
    assert check_memory(tight) == tight
    assert check_memory(replace(tight, memory_gb=report.memory_gb)) == report


@pytest.mark.parametrize(("anchors", "name"), [(0, "none"), (49, "none"), (50, "small"), (299, "small"), (300, "medium"), (1999, "medium"), (2000, "large")])
def test_the_number_of_training_anchors_chooses_the_recipe(anchors: int, name: str) -> None:
    assert choose_recipe(anchors).name == find_recipe("auto", anchors).name == name
    assert find_recipe("large", anchors).name == "large"


def test_recipes_cover_every_size_once_and_an_unknown_name_is_an_error() -> None:
    assert [recipe.most for recipe in RECIPES[:-1]] == [recipe.least for recipe in RECIPES[1:]]
    assert "30 fewer than the 50" in explain_missing(20)
    with pytest.raises(PairsmithError, match="no recipe 'huge'"):
        find_recipe("huge", 10)


def test_a_configuration_without_hard_negatives_is_warned_that_the_batch_alone_pushes_apart(workspace: Workspace, small_project: str) -> None:
    assert "negatives_off" in list_codes(look(workspace, negatives=0), Level.WARN)
    assert "negatives_off" not in list_codes(look(workspace), Level.WARN)


def test_positives_only_with_nothing_that_pushes_apart_stop_a_run(workspace: Workspace, small_project: str) -> None:
    """All questions are one question: no two rows may share a batch, and no negative is reviewed."""
    with workspace.store.write() as conn:
        corpus.set_groups(conn, "small", {f"a{n}": "a0" for n in range(1, 8)})
    put_parts(workspace, **{f"a{n}": Part.TRAIN for n in range(8)}, a8=Part.DEV, a9=Part.TEST)
    assert "nothing_apart" in {item.code for item in look(workspace).blocks}
    judge(workspace, ("a0", "d23", Label.HARD_NEGATIVE, 0))
    assert "nothing_apart" not in {item.code for item in look(workspace).blocks}


def test_answers_that_are_near_duplicates_of_each_other_are_counted(workspace: Workspace, small_project: str) -> None:
    put_parts(workspace, **{f"a{n}": Part.TRAIN for n in range(8)}, a8=Part.DEV, a9=Part.TEST)
    assert "copies" not in {item.code for item in look(workspace).findings}
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, "small").corpus_revision
    write_twins(workspace, "small", {"d0": "d0", "d12": "d0"}, revision)
    (note,) = [item for item in look(workspace).findings if item.code == "copies"]
    assert (note.level, note.text[:58]) == (Level.NOTE, "2 of 16 answers in training are near-duplicates of another")
    write_twins(workspace, "small", {f"d{n + more}": f"d{n}" for n in range(3) for more in (0, 12)}, revision)
    assert "copies" in list_codes(look(workspace), Level.WARN)


def test_batches_that_hold_few_topics_are_warned_of(workspace: Workspace, small_project: str) -> None:
    put_parts(workspace, **{f"a{n}": Part.TRAIN for n in range(8)}, a8=Part.DEV, a9=Part.TEST)
    assert "few_topics" not in list_codes(look(workspace, batch=4), Level.WARN)  # 16 rows of eight questions fill four batches
    with workspace.store.write() as conn:
        corpus.set_groups(conn, "small", {f"a{n}": "a0" for n in range(1, 7)})
    (found,) = [item for item in look(workspace, batch=4).findings if item.code == "few_topics"]  # 14 of the 16 rows ask one thing
    assert found.text.startswith("A batch of 4 holds about 1.1 rows")
