"""Systems whose vectors come from outside: files that were brought, or a service that is asked."""

from __future__ import annotations

from core.evaluation.systems import Answer, Opener, System, Task, rank_vectors, time_queries
from core.evaluation.uploaded import PREFIX, Brought, find_brought
from core.model import PairsmithError
from core.retrieval.endpoint import Endpoint
from core.retrieval.ranking import search_dense
from core.retrieval.sending import ENDPOINT, embed_outside, get_price, name_endpoint, plan_sending
from core.workspace import Workspace


def open_brought(workspace: Workspace, project_id: str, name: str) -> System:
    """The system of vectors that were brought as files, by `vectors:NAME`. Raises `NotFound`."""
    brought = find_brought(workspace, project_id, name.partition(":")[2])
    return System(name, brought.name, lambda task: _answer_brought(task, brought))


def _answer_brought(task: Task, brought: Brought) -> Answer:
    ranking = rank_vectors(task, brought.read_anchors(task.anchors), brought.read_documents(task.documents))
    note = "Vectors were brought as files: a query's time is not known here, and what made them cannot be checked."
    return Answer(ranking, f"{PREFIX}:{brought.id[:32]}", None, 4.0 * brought.dimension, notes=[note])


def make_endpoint_opener(*, may_send: bool) -> Opener:
    """An opener of `endpoint:MODEL` or `endpoint:MODEL@DIMENSIONS`. Without `may_send` it answers from what is here, and refuses where a text would leave."""

    def open_named(workspace: Workspace, project_id: str, name: str) -> System:
        endpoint = name_endpoint(workspace.settings, name)
        return System(name, endpoint.model, lambda task: _answer_endpoint(task, endpoint, may_send=may_send))

    return open_named


def _answer_endpoint(task: Task, endpoint: Endpoint, *, may_send: bool) -> Answer:
    plan = plan_sending(task.workspace, endpoint, task.documents, task.anchors, get_price(task.workspace.settings, endpoint.model))
    if not may_send and plan.documents + plan.anchors:
        raise PairsmithError(f"Nothing was sent, since nobody confirmed it. {plan.words} Confirm it on the page, or with --send.")
    received = embed_outside(task.workspace, endpoint, task.documents, task.anchors, task.on_progress)
    vectors = {anchor.text: row for anchor, row in zip(task.anchors, received.anchors, strict=True)}
    search = time_queries(task, lambda text: search_dense(vectors[text][None], received.documents, 10))
    latency = None if received.latency_ms is None or search is None else received.latency_ms + search
    notes = [plan.words, f"The service counted {received.tokens:,} tokens." if received.tokens else ""]
    ranking = rank_vectors(task, received.anchors, received.documents)
    return Answer(ranking, f"{ENDPOINT}:{received.record.id[:32]}", latency, 4.0 * received.record.dimension, notes=[note for note in notes if note])
