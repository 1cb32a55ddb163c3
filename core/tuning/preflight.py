"""What a tuning run would find, looked at before it starts: counts, components, leaks, contradictions, duplicates, cut texts, power and cost.

Each finding says what to do. `block` stops a run whose result would mean nothing, `warn` is what weakens it, `note` is good to know. Stores nothing, and no
torch here: pages show it. The parts are those of the judgements as they stand; a run may still move a few anchors where answers are near-duplicates.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.curation.split import Split, plan_split
from core.curation.twins import read_twins
from core.evaluation.significance import detectable_difference
from core.evaluation.verdict import FEW_ANCHORS
from core.model import Document, Label, ModelRecord, PairsmithError, Part
from core.retrieval.models import describe_model
from core.retrieval.tokens import CountTokens, estimate_tokens
from core.store import corpus, judgements, projects
from core.tuning.clump_risks import find_clump_risks
from core.tuning.config import ASSUMED_TEXTS_PER_S, MIN_TRAIN_ANCHORS, TuneConfig, estimate_run
from core.tuning.cost import estimate_memory_gb, read_free_gb
from core.tuning.dataset import RowPlan, count_least_batches, normalize_text, plan_rows
from core.tuning.extras import Extras, gather_extras
from core.tuning.findings import Finding, Level
from core.tuning.generic import count_generic
from core.workspace import Workspace

LEAK_BLOCKS = 0.5
"""Share of held-out anchors whose answers are trained on, from which the verdict would be on what was learned by heart."""
CUT_WARNS = 0.1
LARGE_COMPONENT = 0.3


@dataclass(frozen=True)
class Preflight:
    """Counts, findings (blocks first) and cost of a run that has not started."""

    documents: int = 0
    train: int = 0
    """Anchors with an answer, by part."""
    dev: int = 0
    test: int = 0
    test_groups: int = 0
    """Groups of test anchors that share answers: the unit of the verdict."""
    hard_negatives: int = 0
    """Reviewed hard negatives of the training part."""
    rows: int = 0
    """Anchor–answer pairs to train on."""
    largest_component: int = 0
    """Anchors that hang together by answers, in the largest group."""
    findings: Sequence[Finding] = field(default=())
    steps: int = 0
    seconds: float = 0.0
    memory_gb: float = 0.0

    @property
    def detectable(self) -> float:
        """The smallest true difference in NDCG@5 that the unrelated test anchors show four times out of five; infinite without any."""
        return detectable_difference(self.test_groups)

    @property
    def blocks(self) -> list[Finding]:
        """What stops the run."""
        return [item for item in self.findings if item.level == Level.BLOCK]

    def to_json(self) -> dict[str, Any]:
        """Plain values; an infinite difference is None."""
        return {**asdict(self), "detectable": self.detectable if math.isfinite(self.detectable) else None, "can_run": not self.blocks}


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
        base = describe_model(project.base_model)
    except PairsmithError as error:
        base = None
        findings.append(Finding(Level.BLOCK, "model", str(error)))
    data = read_labelled(workspace, project_id, split)
    twins = read_twins(workspace, project_id) or {}
    extras = gather_extras(workspace, project_id, data, unreviewed=config.unreviewed_negatives)
    plan = plan_rows(data, config, twins, extras)
    test_groups = len({split.groups[anchor.id] for anchor in data.part(Part.TEST)})
    findings += _check_parts(data, documents, test_groups)
    findings += _check_leaks(data, plan, twins, split)
    findings += _check_labels(data, plan, config, extras)
    findings += find_clump_risks(data, plan, config, twins)
    findings += _check_duplicates(data, documents)
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
            findings += _check_memory(memory)
    order = list(Level)
    return Preflight(
        documents=len(documents),
        train=counts[Part.TRAIN],
        dev=counts[Part.DEV],
        test=counts[Part.TEST],
        test_groups=test_groups,
        hard_negatives=sum(len(anchor.hard_negatives) for anchor in data.part(Part.TRAIN)),
        rows=len(plan.rows),
        largest_component=max(map(len, split.components), default=0),
        findings=sorted(findings, key=lambda item: order.index(item.level)),
        steps=estimate.steps
        if config.method == "adapter"
        else config.epochs * (count_least_batches(plan.rows, config.batch) + math.ceil(mixed / config.batch)),
        seconds=estimate.seconds,
        memory_gb=memory,
    )


def count_training(workspace: Workspace, project_id: str) -> int:
    """Anchors with an answer that stand in training: what a recipe is chosen by."""
    return len(plan_split(workspace, project_id).ids(Part.TRAIN))


def read_labelled(workspace: Workspace, project_id: str, split: Split) -> SnapshotData:
    """What a snapshot taken now would hold, under the split given; nothing is stored, and its id is empty."""
    with workspace.store.read() as conn:
        anchors = {anchor.id: anchor for anchor in corpus.read_anchors(conn, project_id)}
        state = judgements.read_state(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE])
        found = corpus.get_documents(conn, project_id, sorted({item.document_id for item in state}))
    positives: dict[str, dict[str, int]] = {}
    negatives: dict[str, list[str]] = {}
    for item in state:
        if item.label == Label.POSITIVE:
            positives.setdefault(item.anchor_id, {})[item.document_id] = item.grade
        else:
            negatives.setdefault(item.anchor_id, []).append(item.document_id)
    labelled = [
        LabelledAnchor(anchor_id, anchors[anchor_id].text, part, positives[anchor_id], negatives.get(anchor_id, []), anchors[anchor_id].group)
        for anchor_id, part in sorted(split.parts.items())
    ]
    return SnapshotData("", labelled, {document_id: document.content for document_id, document in found.items()})


def _check_parts(data: SnapshotData, documents: Sequence[Document], test_groups: int) -> list[Finding]:
    if not documents:
        return [Finding(Level.BLOCK, "documents", "The project has no documents.", "Import them on the corpus page first.")]
    counts = {"training": len(data.part(Part.TRAIN)), "development": len(data.part(Part.DEV)), "test": len(data.part(Part.TEST))}
    if empty := [name for name, n in counts.items() if n == 0]:
        text = f"No anchor with an answer is left for {' and '.join(empty)}: {len(data.anchors)} have answers, and those that share an answer stay together."
        return [Finding(Level.BLOCK, "parts", text, "Label answers of at least ten unrelated anchors first.")]
    found = []
    if counts["training"] < MIN_TRAIN_ANCHORS:
        text = f"Only {counts['training']} anchors are in training. Below {MIN_TRAIN_ANCHORS}, a model mostly learns these few questions by heart."
        found.append(Finding(Level.WARN, "few_training", text, "Label more first."))
    if test_groups < FEW_ANCHORS:
        unrelated = "" if test_groups == counts["test"] else f", in {test_groups} unrelated groups"
        text = f"Only {counts['test']} anchors are held out{unrelated}. Below {FEW_ANCHORS} unrelated ones there can be no verdict, whatever the figures say."
        found.append(Finding(Level.WARN, "few_test", text, "Label answers of more unrelated anchors."))
    else:
        least = detectable_difference(test_groups)
        text = f"With {counts['test']} held-out anchors in {test_groups} unrelated groups, differences below about {least:.2f} in NDCG@5 look like chance."
        found.append(Finding(Level.NOTE, "power", text, "Four times as many anchors halve this."))
    return found


def _check_leaks(data: SnapshotData, plan: RowPlan, twins: Mapping[str, str], split: Split) -> list[Finding]:
    found: list[Finding] = []
    total = len(data.anchors)
    largest = max(map(len, split.components), default=0)
    if split.warning:
        found.append(Finding(Level.WARN, "split", split.warning, "Label answers of anchors about other documents."))
    if total and largest > LARGE_COMPONENT * total:
        text = f"{largest} of {total} anchors hang together by the answers they share, and stay on one side."
        found.append(Finding(Level.NOTE, "component", text, "Anchors about other documents make the parts more even."))
    held_out = [anchor for anchor in data.anchors if anchor.part != Part.TRAIN]
    trained = {document_id for anchor in data.part(Part.TRAIN) for document_id in anchor.positives}
    alike = {twins.get(document_id, document_id) for document_id in trained}
    same = sum(any(document_id in trained for document_id in anchor.positives) for anchor in held_out)
    near = sum(any(twins.get(document_id, document_id) in alike for document_id in anchor.positives) for anchor in held_out)
    if held_out and same > LEAK_BLOCKS * len(held_out):
        text = f"{same} of {len(held_out)} held-out anchors are answered by documents that training shows as answers: the verdict would be on these."
        found.append(Finding(Level.BLOCK, "leak", text, "Label answers of anchors about other documents, so that parts can be kept apart."))
    elif near:
        text = f"{near} of {len(held_out)} held-out anchors are answered by documents, or near-duplicates of such, that training shows as answers."
        found.append(Finding(Level.WARN, "leak", text, "The result may flatter: label answers of anchors about other documents."))
    if plan.same_question:
        text = f"{len(plan.same_question)} training anchors ask what a held-out one asks (same text, or a paraphrase), and are left out of training."
        found.append(Finding(Level.WARN, "same_question", text, "Label their answers alike, and they will stay on one side."))
    return found


def _check_labels(data: SnapshotData, plan: RowPlan, config: TuneConfig, extras: Extras) -> list[Finding]:
    found: list[Finding] = []
    training = data.part(Part.TRAIN)
    if training and not plan.rows:
        found.append(Finding(Level.BLOCK, "rows", "Every training anchor asks what a held-out one asks, so none is left.", "Label answers of other anchors."))
    if training and config.negatives and not any(anchor.hard_negatives for anchor in training):
        text = "No hard negative is reviewed yet, so the model learns from answers alone."
        found.append(Finding(Level.WARN, "no_negatives", text, "Reviewing some first usually gains most."))
    if plan.contradictions:
        anchor_id, document_id = plan.contradictions[0]
        text = (
            f"{len(plan.contradictions)} reviewed negatives contradict an answer: the document, or a near-duplicate, answers the anchor or a paraphrase "
            f"(first: anchor {anchor_id}, document {document_id}). They are left out."
        )
        found.append(Finding(Level.WARN, "contradiction", text, "Look at these pairs again and correct one of the two judgements."))
    if plan.kept_back:
        text = f"{plan.kept_back} reviewed negatives are not shown in training, as they answer a held-out anchor."
        found.append(Finding(Level.NOTE, "kept_back", text))
    if plan.unreviewed:
        text = f"{plan.unreviewed} negatives that nobody reviewed fill rows up. Some of them are answers, and teach the opposite of the truth."
        found.append(Finding(Level.WARN, "unreviewed", text, "Review them first, or leave them out."))
    elif config.unreviewed_negatives:
        found.append(Finding(Level.NOTE, "unreviewed", "There is no unreviewed candidate to fill rows with.", "Mine candidates first."))
    if extras.ambiguous:
        pairs = sum(map(len, extras.ambiguous.values()))
        found.append(Finding(Level.NOTE, "ambiguous", f"{pairs} ambiguous pairs are kept out of training, and apart inside its batches."))
    return found


def _check_duplicates(data: SnapshotData, documents: Sequence[Document]) -> list[Finding]:
    found: list[Finding] = []
    texts = Counter(normalize_text(doc.content) for doc in documents)
    if extra := sum(n - 1 for n in texts.values()):
        text = f"{extra} documents repeat the text of another. They count as one in training and in batches."
        found.append(Finding(Level.NOTE, "same_documents", text, "Import the corpus without repeats to make rankings clearer."))
    asked = Counter(normalize_text(anchor.text) for anchor in data.part(Part.TRAIN))
    if extra := sum(n - 1 for n in asked.values()):
        found.append(Finding(Level.NOTE, "same_anchors", f"{extra} training anchors repeat the text of another.", "Label one of them, and skip the others."))
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


def _check_memory(needed_gb: float) -> list[Finding]:
    free = read_free_gb()
    if free is None or needed_gb <= 0.9 * free:
        return []
    text = f"A step needs about {needed_gb:.1f} GB of memory, and {free:.1f} GB are free."
    return [Finding(Level.WARN, "memory", text, "Choose the loss in mini-batches, or a smaller batch.")]
