"""Mining a whole project: what is held out, parents, the reranker, and mining again after decisions."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.curation.mine_run import mine_project
from core.curation.mining import Mining
from core.curation.options import change_options
from core.evaluation.systems import find_system
from core.model import Anchor, Candidate, CandidateStatus, Judgement, Label, ModelRecord, PairsmithError, Part, Source
from core.store import candidate_table, corpus, judgements
from core.workspace import Workspace


def mine(workspace: Workspace, options: Mining | None = None) -> tuple[dict[str, object], list[Candidate]]:
    record = find_system(workspace, "small", "base")
    assert isinstance(record, ModelRecord)
    result = mine_project(workspace, "small", record, options or Mining(), lambda *_: None)
    with workspace.store.read() as conn:
        return result, [row.candidate for row in candidate_table.page_candidates(conn, "small", limit=10_000)]


@pytest.mark.usefixtures("small_project")
def test_a_paraphrase_of_a_training_anchor_trains_with_it_and_no_answer_of_the_others_held_out_is_mined(workspace: Workspace):
    mine(workspace)
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, "small")
    train = next(anchor for anchor in anchors if anchor.part == Part.TRAIN)
    held = next(anchor for anchor in anchors if anchor.part == Part.TEST)
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, "small", [Anchor(item.id, item.text, group=held.id) for item in (train, held)])
    _, found = mine(workspace)
    with workspace.store.read() as conn:
        parts = {anchor.id: anchor.part for anchor in corpus.read_anchors(conn, "small")}
        qrels = judgements.read_qrels(conn, "small")
    assert (parts[train.id], parts[held.id]) == (Part.TRAIN, Part.TRAIN)
    assert {train.id, held.id} <= {item.anchor_id for item in found}
    assert {parts[item.anchor_id] for item in found} == {Part.TRAIN}
    answers = {document_id for anchor_id, grades in qrels.items() if parts[anchor_id] != Part.TRAIN for document_id in grades}
    assert answers
    assert not answers & {item.document_id for item in found}


@pytest.mark.usefixtures("small_project")
def test_the_reranker_scores_are_kept_and_a_folder_that_is_none_is_refused(workspace: Workspace, cross_encoder: Path, tmp_path: Path):
    _, found = mine(workspace, Mining(reranker=str(cross_encoder), rerank_depth=3))
    scored = [item for item in found if item.reranker is not None]
    anchors = {item.anchor_id for item in found}
    assert len(scored) == 3 * len(anchors)
    with pytest.raises(PairsmithError, match="reranker"):
        mine(workspace, Mining(reranker=str(tmp_path)))


@pytest.mark.usefixtures("small_project")
def test_the_parent_field_is_the_projects_and_one_that_no_document_has_is_refused(workspace: Workspace):
    change_options(workspace, "small", parent_field="topic")
    _, found = mine(workspace)
    assert not any(item.same_parent for item in found)  # each topic has two clauses, and both answer its anchor
    change_options(workspace, "small", parent_field="folder")
    with pytest.raises(PairsmithError, match=r"'folder'.*topic"):
        mine(workspace)


@pytest.mark.usefixtures("small_project")
def test_mining_again_leaves_what_is_judged_and_says_where_the_line_is_from(workspace: Workspace):
    result, found = mine(workspace)
    assert (result["suspicious_ratio"], result["ratio_from"], result["clicks"]) == (0.95, "start value", 0)
    assert result["suspicious"] == sum(item.status == CandidateStatus.SUSPICIOUS for item in found)
    events = [Judgement(f"client-{n}", item.anchor_id, item.document_id, Label.HARD_NEGATIVE, 0, Source.MINED) for n, item in enumerate(found[:5])]
    with workspace.store.write() as conn:
        judgements.append_judgements(conn, "small", events)
    result, again = mine(workspace, Mining(suspicious_ratio=0.9))
    assert (result["suspicious_ratio"], result["ratio_from"]) == (0.9, "given")
    judged = {(event.anchor_id, event.document_id) for event in events}
    assert not judged & {(item.anchor_id, item.document_id) for item in again}
