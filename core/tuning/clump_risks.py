"""What makes a tuned model clump, seen in its data before it is trained: nothing that pushes apart, answers that are copies, batches of a few topics.

A contrastive loss draws an anchor to its answer and pushes it off whatever else stands in the batch. Without anything else it is lowest where every text
has the same vector (the collapse that negatives keep away: Wang and Isola 2020, arXiv 2005.10242). Empty rows give no finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from core.curation.snapshot import SnapshotData
from core.model import Part
from core.tuning.config import TuneConfig
from core.tuning.dataset import RowPlan, count_least_batches
from core.tuning.findings import Finding, Level

COPIES_WARN = 0.2
"""Share of training answers that are near-duplicates of another from which it is a warning."""
THIN_BATCH = 0.5
"""Share of the batch size under which its batches are thin."""


def find_clump_risks(data: SnapshotData, plan: RowPlan, config: TuneConfig, twins: Mapping[str, str]) -> list[Finding]:
    """The findings on the rows to train on. `twins`: near-duplicate group by document id."""
    if not plan.rows or config.method != "whole":
        return []
    return [*_check_negatives(data, plan, config), *_check_copies(data, config, twins), *_check_topics(plan, config)]


def _check_negatives(data: SnapshotData, plan: RowPlan, config: TuneConfig) -> list[Finding]:
    """A configuration that shows no negative at all, or none but the batch's."""
    if any(row.negatives for row in plan.rows):
        return []
    batches = count_least_batches(plan.rows, config.batch)
    if batches >= len(plan.rows) and len(data.part(Part.TRAIN)) > 1:
        text = "No row has a hard negative and no two rows can share a batch, so nothing pushes texts apart: the model can give all of them one vector."
        return [Finding(Level.BLOCK, "nothing_apart", text, "Review hard negatives, or label answers of questions about other documents, and raise the batch.")]
    if config.negatives == 0:
        text = "Hard negatives are switched off, so only the other answers of a batch push texts apart: what is nearly right is never told from what is right."
        return [Finding(Level.WARN, "negatives_off", text, "Set hard negatives a question to 1 or more, and review some.")]
    return []


def _check_copies(data: SnapshotData, config: TuneConfig, twins: Mapping[str, str]) -> list[Finding]:
    """Answers that are near-duplicates of each other."""
    answers = {document_id for anchor in data.part(Part.TRAIN) for document_id, grade in anchor.positives.items() if grade >= config.min_grade}
    counts = Counter(twins.get(document_id, document_id) for document_id in answers)
    copies = sum(n for n in counts.values() if n > 1)
    if not copies:
        return []
    share = copies / len(answers)
    text = f"{copies} of {len(answers)} answers in training are near-duplicates of another one: the same text is drawn together again and again."
    level = Level.WARN if share >= COPIES_WARN else Level.NOTE
    return [Finding(level, "copies", text, "Label answers in other documents, or import the corpus without repeats.")]


def _check_topics(plan: RowPlan, config: TuneConfig) -> list[Finding]:
    """Batches that hold few rows, as most rows share a question or an answer with another and may not stand together."""
    full = -(-len(plan.rows) // config.batch)
    batches = count_least_batches(plan.rows, config.batch)
    rows = len(plan.rows) / batches
    if batches <= full or rows >= THIN_BATCH * config.batch:
        return []
    text = f"A batch of {config.batch} holds about {rows:.1f} rows: most ask the same or have the same answer, and may not stand together."
    action = "Label answers of questions about other documents: few topics in a batch let the model draw each of them together."
    return [Finding(Level.WARN, "few_topics", text, action)]
