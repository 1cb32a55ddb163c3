"""Reranking as a part of a system: a cross-encoder reads the head of the first list and puts it in order.

Invariants: it only reorders what the first system found, so an answer that is not among the first `depth` stays lost (recall there is its ceiling);
missing answers are never put in; what lies further down keeps its place. Tie rule: score descending, then the place in the first list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from core.evaluation.measures import Qrels, Ranking
from core.evaluation.options import RERANK
from core.evaluation.systems import Answer, Opener, System, Task, open_system, time_queries
from core.retrieval.vectors import Floats
from core.workspace import Workspace


class Reads(Protocol):
    """What is needed of `core.retrieval.reranker.Reranker`."""

    def score(self, pairs: Sequence[tuple[str, str]], on_progress: Callable[[int, int], None] | None = None) -> Floats:
        """Scores (p,) float32 of pairs of anchor and document text, higher is better."""


class RerankedSystems:
    """Opens systems whose name ends in `+rerank`.

    Parameters: `reader`, which is called once, when the first list is to be read; `depth`, how many of its head; `openers` of the first systems. A list
    that several columns share is made once.
    """

    def __init__(self, reader: Callable[[], Reads], reference: str, depth: int, openers: dict[str, Opener]) -> None:
        self.reference = reference
        self.depth = depth
        self._make_reader = reader
        self._reader: Reads | None = None
        self._openers = openers

    def open(self, workspace: Workspace, project_id: str, name: str) -> System:
        """The system whose head is reranked."""
        first = open_system(workspace, project_id, name.removesuffix(RERANK), self._openers)
        return System(name, f"{first.title} + rerank", lambda task: self.answer(task, first.answer(task)), first.record, first.is_trained)

    def answer(self, task: Task, first: Answer) -> Answer:
        """The first answer with its head in the reranker's order, and what that adds to a query."""
        self._reader = self._reader or self._make_reader()
        reader, contents = self._reader, {document.id: document.content for document in task.documents}
        ranking = rerank_heads(task, first.ranking, reader, self.depth, contents)
        heads = {anchor.text: [contents[item] for item in first.ranking[anchor.id][: self.depth]] for anchor in task.anchors[: task.timed]}
        added = time_queries(task, lambda text: reader.score([(text, head) for head in heads[text]]))
        latency = None if added is None or first.latency_ms is None else first.latency_ms + added
        notes = [*first.notes, f"The first {self.depth} were read by {self.reference}."]
        return replace(first, ranking=ranking, latency_ms=latency, added_ms=added, reranked=self.depth, notes=notes)


def rerank_heads(task: Task, ranking: Ranking, reader: Reads, depth: int, contents: dict[str, str]) -> Ranking:
    """Each list with its first `depth` in the order of the reader's scores, the rest as it was."""
    found: dict[str, list[str]] = {}
    for number, anchor in enumerate(task.anchors):
        listed = list(ranking.get(anchor.id, ()))
        head = listed[:depth]
        scores = reader.score([(anchor.text, contents[item]) for item in head])
        order = np.argsort(-scores, kind="stable").tolist()
        found[anchor.id] = [head[place] for place in order] + listed[depth:]
        if task.on_progress:
            task.on_progress(number + 1, len(task.anchors))
    return found


def order_perfectly(qrels: Qrels, ranking: Ranking, depth: int) -> Ranking:
    """Each list with its first `depth` in the order of their grades: what a reranker that never errs would make of it. Ties by the place in the list."""
    return {
        anchor_id: sorted(listed[:depth], key=lambda item: -qrels.get(anchor_id, {}).get(item, 0)) + list(listed[depth:])
        for anchor_id, listed in ranking.items()
    }
