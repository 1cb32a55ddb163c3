"""`evaluate`: five systems on 50,000 documents and 1,000 anchors, against one call of sentence-transformers' InformationRetrievalEvaluator for each.

Timed on both sides: exact search of the 100 nearest on the same vectors, which both are handed, and all measures; ours also with scores by anchor, intervals,
paired differences, permutation tests and Holm's adjustment, theirs with what it computes by default. Not timed: encoding, which theirs would do anew for
every call and ours keeps. Peak memory is that of a process of its own for each side, above what it holds before it begins, and so are processor
seconds, which a busy machine does not lengthen.

`python -m tests.bench.evaluate ours` (or `theirs`) does one side once and prints its peak in MB and its processor seconds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from core.evaluation.measures import PRIMARY, average, score_ranking
from core.evaluation.significance import adjust_holm, compare_all, mean_intervals
from core.evaluation.systems import Task, rank_vectors
from core.model import Anchor, Document
from core.workspace import Workspace
from tests.bench.harness import Row, time_in_turn
from tests.bench.mine import ANCHORS, DIMENSION, DOCUMENTS, Handed, make_vectors

SYSTEMS = 5
ANSWERS = 3


class Given:
    """Vectors of five systems, each the same but for noise of its own, and three answers an anchor."""

    def __init__(self) -> None:
        vectors = make_vectors(DOCUMENTS + ANCHORS)
        rng = np.random.default_rng(1)
        self.documents, self.anchors = vectors[ANCHORS:], vectors[:ANCHORS]
        self.queries = [np.asarray(self.anchors + rng.normal(0, 0.02, self.anchors.shape), np.float32) for _ in range(SYSTEMS)]
        self.task = Task(
            cast(Workspace, None), "", [Anchor(f"a{n}", f"What of matter {n}?") for n in range(ANCHORS)], [Document(f"d{n}", str(n)) for n in range(DOCUMENTS)]
        )
        nearest = rank_vectors(self.task, self.anchors, self.documents)
        self.qrels: Mapping[str, Mapping[str, int]] = {
            anchor: {listed[place]: grade for place, grade in zip(rng.choice(40, ANSWERS, replace=False).tolist(), (3, 2, 1), strict=True)}
            for anchor, listed in nearest.items()
        }


def evaluate_ours(given: Given) -> list[float]:
    """Everything that an evaluation computes of five systems; returns the adjusted p-values."""
    scores = []
    for queries in given.queries:
        found = score_ranking(given.qrels, rank_vectors(given.task, queries, given.documents))
        average(found)
        scores.append({anchor: values[PRIMARY] for anchor, values in found.items()})
    mean_intervals(scores)
    return adjust_holm([difference.p for difference in compare_all(scores[0], scores[1:])])


def evaluate_theirs(given: Given) -> list[Mapping[str, float]]:
    """One call of the library's evaluator for each system."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    queries = {anchor.id: anchor.text for anchor in given.task.anchors}
    documents = {document.id: document.text for document in given.task.documents}
    relevant = {anchor: set(grades) for anchor, grades in given.qrels.items()}
    evaluator = InformationRetrievalEvaluator(queries, documents, relevant, show_progress_bar=False, write_csv=False)
    return [evaluator(cast(Any, _Model(given.documents, vectors))) for vectors in given.queries]


class _Model(Handed):
    """What the evaluator asks of a model besides vectors."""

    similarity_fn_name = "cosine"
    model_card_data = SimpleNamespace(set_evaluation_metrics=lambda *_: None)


def measure_alone(side: str) -> tuple[float, float]:
    """MB that one side takes at most above what it holds before it begins, and its processor seconds, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.evaluate", side], capture_output=True, text=True, check=True)
    peak, seconds = map(float, done.stdout.split()[-2:])
    return peak, seconds


def run() -> Row:
    """Time both sides in turn, then measure the peaks."""
    given = Given()
    ours_s, theirs_s = time_in_turn(lambda _: evaluate_ours(given), lambda _: evaluate_theirs(given), repeats=3)
    (our_peak, our_cpu), (their_peak, their_cpu) = measure_alone("ours"), measure_alone("theirs")
    notes = (
        f"{SYSTEMS} systems, {ANCHORS:,} anchors, {DOCUMENTS:,} documents, {DIMENSION} dimensions, vectors handed to both; "
        f"processor {our_cpu:.1f} s, theirs {their_cpu:.1f} s; peak memory above the start {our_peak:,.0f} MB, theirs {their_peak:,.0f} MB"
    )
    return Row("evaluate", ours_s, theirs_s, theirs_s / ours_s, "≥ 5", notes)


def main(arguments: Sequence[str]) -> int:
    """Do one side once and print its peak and its processor seconds."""
    from sentence_transformers import SentenceTransformer  # so that both sides begin with the same libraries loaded

    assert SentenceTransformer
    given = Given()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # making the vectors took more than either side does: the peak begins anew here
    before, began = read_peak_mb(), time.process_time()
    (evaluate_ours if arguments[0] == "ours" else evaluate_theirs)(given)
    print(read_peak_mb() - before, time.process_time() - began)
    return 0


def read_peak_mb() -> float:
    """The most this process held since the peak was begun anew, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
