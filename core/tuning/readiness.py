"""What a tuning run would find: anchors by part, pairs to train on, reviewed negatives; what stops it, and what it should be warned of.

No torch here: pages show it. The parts are those of the judgements as they stand; a run may still move a few anchors where answers are near-duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.curation.split import plan_split
from core.evaluation.significance import detectable_difference
from core.evaluation.verdict import FEW_ANCHORS
from core.model import Part
from core.store import judgements, projects
from core.tuning.config import MIN_TRAIN_ANCHORS
from core.workspace import Workspace


@dataclass(frozen=True)
class Readiness:
    """What there is to tune with."""

    documents: int
    train: int
    """Anchors with an answer, by part."""
    dev: int
    test: int
    pairs: int
    """Anchor–answer pairs of the training part."""
    hard_negatives: int
    """Reviewed hard negatives of the training part."""
    split_warning: str = ""
    """Where anchors could not be kept apart as they should."""

    @property
    def detectable(self) -> float:
        """The smallest true difference in NDCG@5 that the test anchors show four times out of five; infinite without any."""
        return detectable_difference(self.test)


def read_readiness(workspace: Workspace, project_id: str, *, min_grade: int = 2) -> Readiness:
    """Count what a run would find now, pairs of at least `min_grade` (an anchor with only lower ones keeps its best). Stores nothing."""
    split = plan_split(workspace, project_id)
    with workspace.store.read() as conn:
        qrels = judgements.read_qrels(conn, project_id)
        documents = projects.count_contents(conn, project_id)["documents"]
    pairs = negatives = 0
    for anchor_id in split.ids(Part.TRAIN):
        grades = [grade for grade in qrels[anchor_id].values() if grade > 0]
        pairs += sum(grade >= min(min_grade, max(grades)) for grade in grades)
        negatives += sum(grade == 0 for grade in qrels[anchor_id].values())
    return Readiness(documents, len(split.ids(Part.TRAIN)), len(split.ids(Part.DEV)), len(split.ids(Part.TEST)), pairs, negatives, split.warning)


def find_obstacle(readiness: Readiness) -> str | None:
    """Why a run cannot start, in a sentence with what to do, or None."""
    if readiness.documents == 0:
        return "The project has no documents. Import them on the corpus page first."
    empty = [name for name, n in (("training", readiness.train), ("development", readiness.dev), ("test", readiness.test)) if n == 0]
    if not empty:
        return None
    labelled = readiness.train + readiness.dev + readiness.test
    return (
        f"No anchor with an answer is left for {' and '.join(empty)}: {labelled} anchors have answers, and those that share an answer stay together. "
        "Label answers of at least ten unrelated anchors first."
    )


def list_warnings(readiness: Readiness, *, negatives: int) -> list[str]:
    """What makes a run less worth than it could be, each in a sentence with what to do. `negatives`: hard negatives a row, as configured."""
    found = [readiness.split_warning] if readiness.split_warning else []
    if readiness.train < MIN_TRAIN_ANCHORS:
        found.append(
            f"Only {readiness.train} anchors are in training. Below {MIN_TRAIN_ANCHORS}, a model mostly learns these few questions by heart: label more first."
        )
    if readiness.test < FEW_ANCHORS:
        found.append(f"Only {readiness.test} anchors are held out. Below {FEW_ANCHORS} there can be no verdict, whatever the figures say.")
    if readiness.hard_negatives == 0 and negatives > 0:
        found.append("No hard negative is reviewed yet, so the model learns from answers alone. Reviewing some first usually gains most.")
    return found
