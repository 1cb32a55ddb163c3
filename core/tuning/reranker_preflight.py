"""What the training of a cross-encoder would find, looked at before it starts: parts, leaks, contradictions, kinds of pairs, cut pairs and cost.

As for a tuning run, `block` stops a training whose result would mean nothing, `warn` is what weakens it, `note` is good to know. Stores and fetches nothing,
and no torch here: pages show it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from core.curation.snapshot import SnapshotData
from core.curation.split import plan_split
from core.curation.twins import read_twins
from core.model import ModelRecord, PairsmithError, Part, RunKind
from core.retrieval.models import describe_here, locate_here
from core.retrieval.rerankers import describe_reranker, find_reranker, read_pair_length
from core.retrieval.tokens import count_tokens, estimate_tokens
from core.store import corpus, projects, runs
from core.tuning.checks import (
    CUT_WARNS,
    Checked,
    check_contradictions,
    check_duplicates,
    check_leaks,
    check_memory,
    check_parts,
    note_absent,
    read_labelled,
    sort_findings,
)
from core.tuning.config import ASSUMED_TEXTS_PER_S
from core.tuning.cost import estimate_pairs_memory_gb
from core.tuning.dataset import Lesson, list_lessons
from core.tuning.findings import Finding, Level
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_pairs import Pair, PairPlan, explain_no_negative, plan_pairs
from core.workspace import Workspace

ASSUMED_PAIRS_PER_S = 12.0
"""Pairs a second through a training step of MiniLM on two cores, until a training here has measured it."""
STARTS_S = 20.0
"""Loading, saving, and what else does not grow with the data."""
FEW_NEGATIVES = 0.5
"""Reviewed negatives for an answer, below which most of what it reads is an answer."""


@dataclass(frozen=True)
class RerankerPreflight(Checked):
    """What is known of a training that has not started."""

    answers: int = 0
    """Pairs to train on that are an answer."""
    negatives: int = 0
    """Reviewed hard negatives to train on."""
    max_length: int = 0
    """Tokens of question and document together that the model reads; 0 where the start is not here yet."""
    cut_share: float | None = None
    """Share of the pairs that are longer; None where it is not known."""

    @property
    def pairs(self) -> int:
        """All pairs to train on."""
        return self.answers + self.negatives


def run_reranker_preflight(workspace: Workspace, project_id: str, config: RerankerConfig, *, tokens: bool = False) -> RerankerPreflight:
    """Look at what a training with this configuration would find now.

    `tokens`: count with the start's own tokenizer, else lengths are estimated from characters. The time is at the speed of the newest training here, if any.
    """
    split = plan_split(workspace, project_id)
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, project_id)
    data, twins = read_labelled(workspace, project_id, split), read_twins(workspace, project_id) or {}
    test_groups = len({split.groups[anchor.id] for anchor in data.part(Part.TEST)})
    lessons = list_lessons(data, config.min_grade, twins)
    plan = plan_pairs(lessons.lessons, data.contents)
    start, findings = _find_start(workspace, project_id, config)
    findings += check_parts(data, documents, test_groups)
    findings += check_leaks(data, lessons.same_question, twins, split)
    findings += check_contradictions(lessons)
    findings += _check_pairs(plan, lessons.lessons, training=len(data.part(Part.TRAIN)))
    findings += check_duplicates(data, documents)
    max_length, cut_share, memory_gb = 0, None, 0.0
    if start is not None and plan.pairs:
        lengths = _measure_pairs(start, plan.pairs, tokens)
        max_length, cut_share = start.max_length, sum(length > start.max_length for length in lengths) / len(lengths)
        memory_gb = estimate_pairs_memory_gb(start, config.batch, fmean(lengths))
        findings += _describe_cut(cut_share, max_length, counted=tokens)
    report = RerankerPreflight(
        documents=len(documents),
        train=len(data.part(Part.TRAIN)),
        dev=len(data.part(Part.DEV)),
        test=len(data.part(Part.TEST)),
        test_groups=test_groups,
        findings=sort_findings(findings),
        steps=math.ceil(len(plan.pairs) / config.batch) * config.epochs,
        seconds=_estimate_seconds(workspace, project_id, config, plan, anchors=data, documents=len(documents)),
        memory_gb=memory_gb,
        answers=plan.answers,
        negatives=plan.negatives,
        max_length=max_length,
        cut_share=cut_share,
    )
    return check_memory(report)


def _find_start(workspace: Workspace, project_id: str, config: RerankerConfig) -> tuple[ModelRecord | None, list[Finding]]:
    """The model that the training begins from, with the length that pairs may have; None where it is not here, which is said."""
    with workspace.store.read() as conn:
        base = projects.get_project(conn, project_id).base_model
    try:
        found = describe_here(base)  # its lists are what is put in order, whatever reads them
        absent = [] if found else [note_absent(base, is_start=not config.start)]
        if config.start:
            reference = find_reranker(workspace, project_id, config.start)
            folder = locate_here(reference)
            found = describe_reranker(str(folder)) if folder else None
            absent += [] if found else [note_absent(reference)]
    except PairsmithError as error:
        return None, [Finding(Level.BLOCK, "model", str(error))]
    return replace(found, max_length=read_pair_length(Path(found.location))) if found else None, absent


def _check_pairs(plan: PairPlan, lessons: Sequence[Lesson], *, training: int) -> list[Finding]:
    """Whether there is something to tell apart. `training`: anchors of the training part."""
    if training and not plan.pairs:
        return [Finding(Level.BLOCK, "pairs", "Every training anchor asks what a held-out one asks, so none is left.", "Label answers of other anchors.")]
    if plan.pairs and not plan.negatives:
        return [Finding(Level.BLOCK, "no_negatives", explain_no_negative(plan), "Review negatives first.")]
    found = []
    if plan.contradicted:
        text = f"{plan.contradicted} reviewed negatives have the same question and text as an answer, under other names. They are left out."
        found.append(Finding(Level.WARN, "same_pair", text, "Look at these pairs again, and give the repeated anchors or documents up."))
    if plan.negatives < FEW_NEGATIVES * plan.answers:
        text = f"There are {plan.negatives} reviewed negatives for {plan.answers} answers: most of what it reads is an answer, so it will say yes too easily."
        found.append(Finding(Level.WARN, "few_negatives", text, "Review more negatives first; two or three for each answer serve well."))
    if unlearned := sum(not lesson.reviewed for lesson in lessons):
        text = f"{unlearned} of {len(lessons)} training anchors have no reviewed negative, and teach only what an answer looks like."
        found.append(Finding(Level.NOTE, "one_sided", text, "Find hard negatives for them on the mining page, and review them."))
    return found


def _measure_pairs(start: ModelRecord, pairs: Sequence[Pair], tokens: bool) -> list[int]:
    """Tokens of each pair as the model reads it: one special token less than the two texts have alone."""
    count = (count_tokens(start) if tokens else None) or estimate_tokens
    texts = list({text: None for pair in pairs for text in (pair.anchor, pair.document)})
    lengths = dict(zip(texts, count(texts), strict=True))
    return [lengths[pair.anchor] + lengths[pair.document] - 1 for pair in pairs]


def _describe_cut(share: float, max_length: int, *, counted: bool) -> list[Finding]:
    if share == 0:
        return []
    how = "counted" if counted else "estimated from characters"
    text = f"{share:.0%} of the pairs are longer than the {max_length} tokens of question and document that the model reads, and are cut ({how})."
    return [Finding(Level.WARN if share >= CUT_WARNS else Level.NOTE, "cut", text, "Import documents as passages, so that it reads all of the text.")]


def _estimate_seconds(workspace: Workspace, project_id: str, config: RerankerConfig, plan: PairPlan, anchors: SnapshotData, documents: int) -> float:
    """Training at the speed of the newest training here, reading alone four times as fast, and the documents where they are not encoded yet."""
    with workspace.store.read() as conn:
        trained = runs.list_runs(conn, project_id, kind=RunKind.RERANKER, limit=20)
        is_encoded = any(runs.newest_success(conn, project_id, kind) for kind in (RunKind.EMBED, RunKind.MINE, RunKind.TUNE))
    speeds = (((run.result or {}).get("train") or {}).get("pairs_per_s") for run in trained)
    speed = next(filter(None, speeds), ASSUMED_PAIRS_PER_S)
    read = (config.evaluations * len(anchors.part(Part.DEV)) + len(anchors.part(Part.TEST))) * config.depth
    encoding = 0.0 if is_encoded else documents / (4 * ASSUMED_TEXTS_PER_S)
    return STARTS_S + config.epochs * len(plan.pairs) / speed + read / (4 * speed) + encoding
