"""What a tuning run would find, looked at before it starts: counts, components, leaks, contradictions, duplicates, cut texts, power and cost.

Each finding says what to do. `block` stops a run whose result would mean nothing, `warn` is what weakens it, `note` is good to know. Stores and fetches
nothing, and no torch here: pages show it. The parts are those of the judgements as they stand; a run may still move a few anchors whose answers are
near-duplicates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from core.curation.snapshot import SnapshotData
from core.curation.split import plan_split
from core.curation.twins import read_twins
from core.model import Document, ModelRecord, PairsmithError, Part
from core.retrieval.models import describe_here
from core.retrieval.tokens import CountTokens, estimate_tokens
from core.store import corpus, projects
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
from core.tuning.clump_risks import find_clump_risks
from core.tuning.config import ASSUMED_TEXTS_PER_S, TuneConfig, estimate_run
from core.tuning.cost import estimate_memory_gb
from core.tuning.dataset import RowPlan, count_least_batches, plan_rows
from core.tuning.extras import Extras, gather_extras
from core.tuning.findings import Finding, Level
from core.tuning.generic import count_generic
from core.workspace import Workspace


@dataclass(frozen=True)
class Preflight(Checked):
    """What is known of a tuning run that has not started."""

    hard_negatives: int = 0
    """Reviewed hard negatives of the training part."""
    rows: int = 0
    """Anchor–answer pairs to train on."""
    largest_component: int = 0
    """Anchors that hang together by answers, in the largest group."""


def run_preflight(
    workspace: Workspace,
    project_id: str,
    config: TuneConfig,
    *,
    count_tokens: CountTokens | None = None,
    cut_share: float | None = None,
    texts_per_s: float = ASSUMED_TEXTS_PER_S,
) -> Preflight:
    """Look at what a run with this configuration would find now.

    `count_tokens`: the model's tokenizer where it may be asked; else `cut_share`, the share of documents cut as last measured; else the share is estimated from
    characters, and said to be. `texts_per_s`: speed of training as last measured.
    """
    split = plan_split(workspace, project_id)
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        documents = corpus.read_documents(conn, project_id)
    findings: list[Finding] = []
    try:
        base = describe_here(project.base_model)
        findings += [note_absent(project.base_model)] if base is None else []
    except PairsmithError as error:
        base = None
        findings.append(Finding(Level.BLOCK, "model", str(error)))
    data = read_labelled(workspace, project_id, split)
    twins = read_twins(workspace, project_id) or {}
    extras = gather_extras(workspace, project_id, data, unreviewed=config.unreviewed_negatives)
    plan = plan_rows(data, config, twins, extras)
    test_groups = len({split.groups[anchor.id] for anchor in data.part(Part.TEST)})
    findings += check_parts(data, documents, test_groups)
    findings += check_leaks(data, plan.same_question, twins, split)
    findings += _check_labels(data, plan, config, extras)
    findings += find_clump_risks(data, plan, config, twins)
    findings += check_duplicates(data, documents)
    generic = 0
    try:
        generic = count_generic(config) if config.generic_share else 0
    except PairsmithError as error:
        findings.append(Finding(Level.BLOCK, "generic", str(error)))
    mixed = min(config.count_generic(len(plan.rows)), generic)
    counts = {part: len(data.part(part)) for part in Part}
    estimate = estimate_run(
        config, pairs=len(plan.rows), documents=len(documents), dev_anchors=counts[Part.DEV], texts_per_s=texts_per_s, generic_available=generic
    )
    memory = 0.0
    if base is not None:
        findings += _check_lengths(base, documents, count_tokens, cut_share)
        anchor_tokens, document_tokens = (
            fmean(estimate_tokens(texts) or [0]) for texts in ([a.text for a in data.anchors], [doc.content for doc in documents])
        )
        if config.method != "adapter":
            memory = estimate_memory_gb(config, base, anchor_tokens=anchor_tokens, document_tokens=document_tokens)
    report = Preflight(
        documents=len(documents),
        train=counts[Part.TRAIN],
        dev=counts[Part.DEV],
        test=counts[Part.TEST],
        test_groups=test_groups,
        hard_negatives=sum(len(anchor.hard_negatives) for anchor in data.part(Part.TRAIN)),
        rows=len(plan.rows),
        largest_component=max(map(len, split.components), default=0),
        findings=sort_findings(findings),
        steps=estimate.steps
        if config.method == "adapter"
        else config.epochs * (count_least_batches(plan.rows, config.batch) + math.ceil(mixed / config.batch)),
        seconds=estimate.seconds,
        memory_gb=memory,
    )
    return check_memory(report)


def count_training(workspace: Workspace, project_id: str) -> int:
    """Anchors with an answer that stand in training: what a recipe is chosen by."""
    return len(plan_split(workspace, project_id).ids(Part.TRAIN))


def _check_labels(data: SnapshotData, plan: RowPlan, config: TuneConfig, extras: Extras) -> list[Finding]:
    found: list[Finding] = []
    training = data.part(Part.TRAIN)
    if training and not plan.rows:
        found.append(Finding(Level.BLOCK, "rows", "Every training anchor asks what a held-out one asks, so none is left.", "Label answers of other anchors."))
    if training and config.negatives and not any(anchor.hard_negatives for anchor in training):
        text = "No hard negative is reviewed yet, so the model learns from answers alone."
        found.append(Finding(Level.WARN, "no_negatives", text, "Reviewing some first usually gains most."))
    found += check_contradictions(plan)
    if plan.unreviewed:
        text = f"{plan.unreviewed} negatives that nobody reviewed fill rows up. Some of them are answers, and teach the opposite of the truth."
        found.append(Finding(Level.WARN, "unreviewed", text, "Review them first, or leave them out."))
    elif config.unreviewed_negatives:
        found.append(Finding(Level.NOTE, "unreviewed", "There is no unreviewed candidate to fill rows with.", "Mine candidates first."))
    if extras.ambiguous:
        pairs = sum(map(len, extras.ambiguous.values()))
        found.append(Finding(Level.NOTE, "ambiguous", f"{pairs} ambiguous pairs are kept out of training, and apart inside its batches."))
    return found


def _check_lengths(base: ModelRecord, documents: Sequence[Document], count: CountTokens | None, cut_share: float | None) -> list[Finding]:
    if not documents:
        return []
    how = "as last measured"
    if count is not None or cut_share is None:
        texts = [base.document_prompt + doc.content for doc in documents]
        lengths = count(texts) if count is not None else estimate_tokens(texts)
        cut_share = sum(length > base.max_length for length in lengths) / len(lengths)
        how = "counted" if count is not None else "estimated from characters"
    if cut_share == 0:
        return []
    text = f"{cut_share:.0%} of the documents are longer than the {base.max_length} tokens that the model reads, and are cut ({how})."
    level = Level.WARN if cut_share >= CUT_WARNS else Level.NOTE
    return [Finding(level, "cut", text, "Import them as passages, so that the model sees all of the text.")]
