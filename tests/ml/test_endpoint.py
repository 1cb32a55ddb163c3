"""A service outside, asked over real HTTP: a server around the packaged model that answers well, badly, late, by half, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pydantic import SecretStr

from core.evaluation.comparison import compare_systems
from core.evaluation.options import EvaluateOptions
from core.evaluation.systems import open_systems
from core.model import PairsmithError
from core.retrieval.encoder import Encoder
from core.retrieval.endpoint import ATTEMPTS, BATCH, Endpoint, open_endpoint
from core.retrieval.models import EMBEDDED_DEFAULT, describe_model
from core.retrieval.sending import embed_outside, plan_sending
from core.settings import Settings
from core.store import artefacts, corpus
from core.tuning.columns import list_openers
from core.workspace import Workspace
from tests.embedding_service import KEY, Service, running_service

TEXTS = ["The buyer pays late.", "Who insures the goods?", "Notice of ninety days.", "The seller delivers.", "Ünïcode, 漢字 and 😀"]


@pytest.fixture(scope="module")
def packaged() -> Encoder:
    return Encoder(describe_model(EMBEDDED_DEFAULT))


@pytest.fixture
def service(packaged: Encoder) -> Iterator[Service]:
    with running_service(lambda texts: packaged.encode(texts).tolist()) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client meant to wait."""
    return []


@pytest.fixture
def endpoint(service: Service, waits: list[float]) -> Endpoint:
    return Endpoint(service.url, "minilm", KEY, sleep=waits.append)


def test_vectors_are_the_models_own_in_the_order_of_the_texts_and_batches_are_kept_small(service: Service, endpoint: Endpoint, packaged: Encoder):
    texts = [f"{text} Number {n}." for n in range(30) for text in TEXTS]
    assert np.allclose(endpoint.embed(texts), packaged.encode(texts), atol=1e-5)
    assert [len(request["body"]["input"]) for request in service.requests] == [BATCH, BATCH, len(texts) - 2 * BATCH]
    assert {request["path"] for request in service.requests} == {"/v1/embeddings"}
    assert endpoint.tokens == sum(len(text.split()) for text in texts)
    assert endpoint.embed([]).shape == (0, 0)


def test_a_rate_limit_is_waited_out_as_long_as_the_service_says_else_longer_each_time(service: Service, endpoint: Endpoint, waits: list[float]):
    service.faults = [("status", (429, "slow down", {"Retry-After": "7"})), *[("status", (503, "busy", {}))] * 3]
    assert endpoint.embed(TEXTS).shape == (5, 384)
    assert waits == [7.0, 2.0, 4.0, 8.0]


def test_what_the_service_asks_to_wait_has_a_limit(service: Service, endpoint: Endpoint, waits: list[float]):
    service.faults = [("status", (429, "", {"Retry-After": "86400"})), ("status", (429, "", {"Retry-After": "tomorrow"}))]
    endpoint.embed(TEXTS)
    assert waits == [60.0, 2.0]


def test_after_a_number_of_attempts_it_gives_up_in_words(service: Service, endpoint: Endpoint, waits: list[float]):
    service.faults = [("status", (429, "", {}))] * 20
    with pytest.raises(PairsmithError, match=r"could not be used after 6 attempts: it answered 429 \(too many requests\)"):
        endpoint.embed(TEXTS)
    assert (len(service.requests), len(waits)) == (ATTEMPTS, ATTEMPTS - 1)


@pytest.mark.parametrize("fault", [("half", None), ("cut", None), ("values", "x")], ids=["half the vectors", "broken off", "no numbers"])
def test_an_answer_that_is_not_whole_is_never_used_but_asked_for_again(service: Service, endpoint: Endpoint, packaged: Encoder, fault: tuple[str, object]):
    service.faults = [fault]
    assert np.allclose(endpoint.embed(TEXTS), packaged.encode(TEXTS), atol=1e-5)
    assert len(service.requests) == 2


def test_a_service_that_does_not_answer_is_asked_again(service: Service, endpoint: Endpoint, waits: list[float]):
    endpoint.timeout_s = 0.5
    service.faults = [("silent", None)]
    assert endpoint.embed(TEXTS[:1]).shape == (1, 384)
    assert waits == [1.0]


def test_nobody_at_the_address_is_said(endpoint: Endpoint):
    endpoint.url = "http://127.0.0.1:9/v1"
    with pytest.raises(PairsmithError, match=r"minilm at 127\.0\.0\.1 could not be used after 6 attempts: the connection failed"):
        endpoint.embed(TEXTS)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (("status", (400, "input too long", {})), "refused with 400: .*input too long.*will not take these texts"),
        (("status", (404, "no such model", {})), "PAIRSMITH_EMBEDDINGS_URL and the model's name"),
        (("status", (403, "", {})), "may not use this model"),
        (("dimension", 100), "gave vectors of 100 dimensions, expected 384"),
        (("values", float("nan")), "without a direction"),
        (("values", 0.0), "without a direction"),
    ],
)
def test_what_will_not_pass_is_told_at_once(service: Service, endpoint: Endpoint, fault: tuple[str, object], words: str):
    endpoint.dimensions = 384
    service.faults = [fault]
    with pytest.raises(PairsmithError, match=words):
        endpoint.embed(TEXTS)
    assert len(service.requests) == 1
    assert service.requests[0]["body"]["dimensions"] == 384


def test_a_refused_key_is_told_without_the_key_though_the_service_repeats_it(service: Service, endpoint: Endpoint):
    endpoint.key = "sk-secret-of-somebody"
    with pytest.raises(PairsmithError, match="PAIRSMITH_EMBEDDINGS_KEY") as caught:
        endpoint.embed(TEXTS)
    assert "secret" not in str(caught.value)


def test_a_redirect_is_not_followed_since_it_would_carry_the_key_elsewhere(service: Service, endpoint: Endpoint):
    service.faults = [("status", (307, "", {"Location": f"{service.url}/elsewhere"}))]
    with pytest.raises(PairsmithError, match="refused with 307"):
        endpoint.embed(TEXTS)
    assert len(service.requests) == 1


def test_address_and_key_come_from_the_settings_and_the_key_never_goes_in_the_clear():
    assert open_endpoint(Settings(embeddings_key=SecretStr("k")), "m").url == "https://api.openai.com/v1"
    with pytest.raises(PairsmithError, match="No key is set"):
        open_endpoint(Settings(), "m")
    with pytest.raises(PairsmithError, match="without encryption"):
        open_endpoint(Settings(embeddings_url="http://example.org/v1", embeddings_key=SecretStr("k")), "m")
    with pytest.raises(PairsmithError, match="no http or https"):
        open_endpoint(Settings(embeddings_url="file:///etc/passwd"), "m")
    assert "sk-hidden" not in repr(Settings(embeddings_key=SecretStr("sk-hidden")))


@pytest.fixture
def outside(workspace: Workspace, service: Service) -> Workspace:
    """A workspace whose settings name the service."""
    settings = workspace.settings.model_copy(update={"embeddings_url": service.url, "embeddings_key": SecretStr(KEY)})
    return Workspace(settings, workspace.store)


def read_texts(workspace: Workspace, project: str):  # type: ignore[no-untyped-def]
    with workspace.store.read() as conn:
        return corpus.read_documents(conn, project), corpus.read_anchors(conn, project)


def test_the_plan_says_what_leaves_the_machine_and_nothing_else_does(outside: Workspace, small_project: str, service: Service, endpoint: Endpoint):
    documents, anchors = read_texts(outside, small_project)
    plan = plan_sending(outside, endpoint, documents, anchors, 0.02)
    assert (plan.documents, plan.anchors, plan.known, plan.host) == (24, 12, 0, "127.0.0.1")
    assert plan.tokens == round(sum(len(text) for text in [*(d.content for d in documents), *(a.text for a in anchors)]) / 4)
    assert plan.dollars == pytest.approx(plan.tokens * 0.02 / 1e6)
    assert "24 documents (title and text) and 12 questions" in plan.words
    assert "which is this machine" in plan.words
    assert service.requests == []
    received = embed_outside(outside, endpoint, documents, anchors)
    assert (received.documents.shape, received.anchors.shape, received.latency_ms is not None) == ((24, 384), (12, 384), True)
    assert sorted(service.texts) == sorted([*(d.content for d in documents), *(a.text for a in anchors)])
    assert {frozenset(request["body"]) for request in service.requests} == {frozenset({"model", "input", "encoding_format"})}
    known = plan_sending(outside, endpoint, documents, anchors)
    assert (known.documents, known.anchors, known.known) == (0, 0, 36)
    assert "Nothing is sent" in known.words
    again = embed_outside(outside, endpoint, documents, anchors)
    assert np.array_equal(again.documents, received.documents)
    assert (len(service.texts), again.latency_ms) == (36, None)


def test_what_was_received_before_a_failure_is_not_paid_for_again(outside: Workspace, small_project: str, service: Service, endpoint: Endpoint):
    documents, anchors = read_texts(outside, small_project)
    service.faults = [("", None)] * 3 + [("status", (400, "no", {}))]
    with pytest.raises(PairsmithError, match="400"):
        embed_outside(outside, endpoint, documents, anchors)
    received = service.texts[:3]
    embed_outside(outside, endpoint, documents, anchors)
    assert all(service.texts.count(text) == 1 for text in received)


def test_a_service_whose_model_changed_under_its_name_is_refused(outside: Workspace, small_project: str, service: Service, endpoint: Endpoint):
    documents, anchors = read_texts(outside, small_project)
    embed_outside(outside, endpoint, documents[:5], anchors[:1])
    service.faults = [("dimension", 100)]
    with pytest.raises(PairsmithError, match="100 dimensions now, and gave 384 before"):
        embed_outside(outside, endpoint, documents, anchors)


def test_an_evaluation_sends_nothing_that_nobody_confirmed(outside: Workspace, small_project: str, service: Service):
    options = EvaluateOptions(["base", "endpoint:minilm"], "all")
    systems = open_systems(outside, small_project, options.systems, list_openers(outside, small_project, options))
    with pytest.raises(PairsmithError, match=r"Nothing was sent, since nobody confirmed it\. 24 documents"):
        compare_systems(outside, small_project, systems, "all")
    assert service.requests == []


def test_the_packaged_model_scores_the_same_from_outside_as_from_here(outside: Workspace, small_project: str, service: Service):
    with outside.store.write() as conn:
        artefacts.put_model(conn, small_project, describe_model(EMBEDDED_DEFAULT))
    options = EvaluateOptions(["base", "all-MiniLM-L6-v2", "endpoint:minilm"], "all", send=True)
    systems = open_systems(outside, small_project, options.systems, list_openers(outside, small_project, options))
    found = compare_systems(outside, small_project, systems, "all", settings=options.to_json())
    here, theirs = found.others
    assert theirs.figures.measures == pytest.approx(here.figures.measures)
    assert [figures.cost["bytes_per_document"] for figures in (here.figures, theirs.figures)] == [4 * 384] * 2
    assert theirs.figures.cost["latency_ms"] is not None
    assert "tokens" in " ".join(theirs.figures.notes)
    assert KEY not in repr(found.to_json())
