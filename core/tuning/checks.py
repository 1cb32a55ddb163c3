"""What is looked at before any training: parts, leaks, contradictions, repeats, cut texts, memory. A model that trains on the same judgements needs the same.

No torch here. Stores nothing; every check gives its findings, none of them where all is well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar

from core.curation.snapshot import LabelledAnchor, SnapshotData
from core.curation.split import Split
from core.evaluation.significance import detectable_difference
from core.evaluation.verdict import FEW_ANCHORS
from core.model import Document, Label, Part
from core.store import corpus, judgements
from core.tuning.config import MIN_TRAIN_ANCHORS
from core.tuning.cost import read_free_gb
from core.tuning.dataset import normalize_text
from core.tuning.findings import Finding, Level
from core.workspace import Workspace

LEAK_BLOCKS = 0.5
"""Share of held-out anchors whose answers are trained on, from which the verdict would be on what was learned by heart."""
CUT_WARNS = 0.1
LARGE_COMPONENT = 0.3
_MEMORY = "memory"


@dataclass(frozen=True)
class Checked:
    """Counts, findings (blocks first) and cost of a training that has not started."""

    documents: int = 0
    train: int = 0
    """Anchors with an answer, by part."""
    dev: int = 0
    test: int = 0
    test_groups: int = 0
    """Groups of test anchors that share answers: the unit of the verdict."""
    findings: Sequence[Finding] = field(default=())
    steps: int = 0
    seconds: float = 0.0
    memory_gb: float = 0.0
    """What a step needs; 0 where the model is not here yet."""

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


Report = TypeVar("Report", bound=Checked)


class KeptOut(Protocol):
    """What the rules against contradictions kept out of a training."""

    @property
    def contradictions(self) -> Sequence[tuple[str, str]]:
        """Anchor and document."""

    @property
    def kept_back(self) -> int:
        """Reviewed negatives that answer a held-out anchor."""


def sort_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Blocks first, then warnings, then notes; each in the order they were found."""
    order = list(Level)
    return sorted(findings, key=lambda item: order.index(item.level))


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


def check_parts(data: SnapshotData, documents: Sequence[Document], test_groups: int) -> list[Finding]:
    """Whether every part has anchors, and enough of them."""
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


def check_leaks(data: SnapshotData, same_question: Sequence[str], twins: Mapping[str, str], split: Split) -> list[Finding]:
    """Whether training shows what is held out. `same_question`: training anchors left out, as a held-out one asks the same."""
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
    if same_question:
        text = f"{len(same_question)} training anchors ask what a held-out one asks (same text, or a paraphrase), and are left out of training."
        found.append(Finding(Level.WARN, "same_question", text, "Label their answers alike, and they will stay on one side."))
    return found


def check_contradictions(plan: KeptOut) -> list[Finding]:
    """Negatives that are said to be answers, and those that answer a held-out anchor."""
    found: list[Finding] = []
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
    return found


def check_duplicates(data: SnapshotData, documents: Sequence[Document]) -> list[Finding]:
    """Texts that stand there twice."""
    found: list[Finding] = []
    texts = Counter(normalize_text(doc.content) for doc in documents)
    if extra := sum(n - 1 for n in texts.values()):
        text = f"{extra} documents repeat the text of another. They count as one in training and in batches."
        found.append(Finding(Level.NOTE, "same_documents", text, "Import the corpus without repeats to make rankings clearer."))
    asked = Counter(normalize_text(anchor.text) for anchor in data.part(Part.TRAIN))
    if extra := sum(n - 1 for n in asked.values()):
        found.append(Finding(Level.NOTE, "same_anchors", f"{extra} training anchors repeat the text of another.", "Label one of them, and skip the others."))
    return found


def note_absent(reference: str, *, is_start: bool = True) -> Finding:
    """That a model of the hub is not on this machine yet, where nothing is fetched to look. `is_start`: whether the training begins from it."""
    unknown = ": how much it reads, and the memory, are not known before" if is_start else ""
    return Finding(Level.NOTE, "absent", f"{reference!r} is not on this machine yet. It is fetched when the run starts{unknown}.")


def check_memory(report: Report) -> Report:
    """The report with whether a step fits into the memory that is free now; what it said of an earlier moment goes, so that it can be kept and checked anew."""
    others, free = [item for item in report.findings if item.code != _MEMORY], read_free_gb()
    if free is None or report.memory_gb <= 0.9 * free:
        return replace(report, findings=others)
    text = f"A step needs about {report.memory_gb:.1f} GB of memory, and {free:.1f} GB are free."
    tight = Finding(Level.WARN, _MEMORY, text, "Choose the loss in mini-batches, or a smaller batch.")
    return replace(report, findings=sort_findings([*others, tight]))
