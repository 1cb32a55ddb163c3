"""The log as people look back on it: filtered, paged, with what each event changed and what became of it; and several writers at once."""

from __future__ import annotations

import multiprocessing
import statistics
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.model import Anchor, Document, Judgement, Label, NotFound, Source
from core.store import Store, corpus, history, judgements, open_store, projects
from core.store.history import AuthorFigures, EventFilter


def say(key: str, label: Label = Label.HARD_NEGATIVE, **given_fields: object) -> Judgement:
    fields = {"anchor_id": "a0", "document_id": "d0", "grade": 3 if label == Label.POSITIVE else 0, "author": "ann"} | given_fields
    return Judgement(client_id=key, label=label, **fields)


@pytest.fixture
def told(store: Store, project: str) -> str:
    """Six events: a pair judged twice by two people and taken back, one that caused another, one of an import."""
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say("e1", active_ms=1000)], now=10.0)
        judgements.append_judgements(conn, project, [say("e2", Label.POSITIVE, author="bea", active_ms=500)], now=20.0)
        judgements.undo_judgement(conn, project, "e2", author="ann", undo_id="u2", now=30.0)
        judgements.append_judgements(conn, project, [say("e3", document_id="d1", active_ms=4000, reason="superseded")], now=40.0)
        judgements.append_judgements(conn, project, [say("e4", document_id="d2", caused_by="e3")], now=40.0)
        judgements.append_judgements(conn, project, [say("e5", Label.POSITIVE, anchor_id="a1", author="import", source=Source.IMPORT, grade=2)], now=50.0)
    return project


def test_events_come_newest_first_with_what_they_changed_and_what_became_of_them(store: Store, told: str):
    with store.read() as conn:
        found = history.page_events(conn, told)
    rows = [
        (item.event.client_id, item.label_before, item.event.label, item.grade_before, item.taken_back_by, item.taken_back_at, item.caused) for item in found
    ]
    assert rows == [
        ("e5", None, Label.POSITIVE, 0, None, None, 0),
        ("e4", None, Label.HARD_NEGATIVE, 0, None, None, 0),
        ("e3", None, Label.HARD_NEGATIVE, 0, None, None, 1),
        ("u2", Label.POSITIVE, Label.HARD_NEGATIVE, 3, None, None, 0),
        ("e2", Label.HARD_NEGATIVE, Label.POSITIVE, 0, "ann", 30.0, 0),
        ("e1", None, Label.HARD_NEGATIVE, 0, None, None, 0),
    ]
    assert (found[0].anchor, found[0].document) == ("question 1", "text 0")


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (EventFilter(author="bea"), ["e2"]),
        (EventFilter(label=Label.POSITIVE), ["e5", "e2"]),
        (EventFilter(source=Source.IMPORT), ["e5"]),
        (EventFilter(anchor="QUESTION 1"), ["e5"]),
        (EventFilter(anchor="a1"), ["e5"]),
        (EventFilter(anchor="question%"), []),
        (EventFilter(document_id="d1"), ["e3"]),
        (EventFilter(since=30.0, until=40.0), ["u2"]),
        (EventFilter(author="ann", label=Label.HARD_NEGATIVE, since=31.0), ["e4", "e3"]),
    ],
)
def test_a_filter_leaves_in_what_it_names(store: Store, told: str, wanted: EventFilter, ids: list[str]):
    with store.read() as conn:
        assert [item.event.client_id for item in history.page_events(conn, told, wanted)] == ids
        assert history.count_past(conn, told, wanted) == len(ids)


def test_pages_join_to_the_whole_and_one_event_is_found_by_its_id(store: Store, told: str):
    with store.read() as conn:
        whole = history.page_events(conn, told)
        assert [item for offset in range(0, 8, 2) for item in history.page_events(conn, told, offset=offset, limit=2)] == whole
        assert history.get_past(conn, told, "e2") == whole[4]
        assert history.list_caused(conn, told, "e3") == [whole[1]]
        assert history.list_authors(conn, told) == ["ann", "bea", "import"]
        with pytest.raises(NotFound, match="has no event 'e9'"):
            history.get_past(conn, told, "e9")


def test_the_figures_of_a_person_count_decisions_and_not_what_followed_from_them(store: Store, told: str):
    with store.read() as conn:
        assert history.measure_authors(conn, told) == [
            AuthorFigures("ann", 2, 2.5, 0, 10.0, 40.0),
            AuthorFigures("bea", 1, 0.5, 1, 20.0, 20.0),
            AuthorFigures("import", 1, None, 0, 50.0, 50.0),
        ]


_SERIAL = iter(range(10**9))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=st.lists(st.one_of(st.none(), st.integers(0, 20)), min_size=1, max_size=9))
def test_the_median_is_the_median(store: Store, project: str, taken: list[int | None]):
    author = f"author{next(_SERIAL)}"
    with store.write() as conn:
        judgements.append_judgements(conn, project, [say(f"{author}-{n}", author=author, active_ms=value) for n, value in enumerate(taken)])
        (figures,) = [item for item in history.measure_authors(conn, project) if item.author == author]
    timed = [value for value in taken if value is not None]
    assert (figures.decisions, figures.median_s) == (len(taken), pytest.approx(statistics.median(timed) / 1000) if timed else None)


def test_another_projects_events_are_not_shown(store: Store, told: str):
    with store.write() as conn:
        projects.add_project(conn, "other", base_model="none")
        corpus.put_anchors(conn, "other", [Anchor("a0", "theirs")])
        assert history.page_events(conn, "other") == []
        assert history.measure_authors(conn, "other") == []


def _append_many(url: str, project_id: str, writer: int, start: object) -> None:
    store = open_store(url)
    start.wait(30)
    for n in range(25):
        label = [Label.POSITIVE, Label.HARD_NEGATIVE, Label.UNJUDGED][(writer + n) % 3]
        with store.write() as conn:
            judgements.append_judgements(
                conn, project_id, [say(f"w{writer}-{n}-{d}", label, document_id=f"d{(n + d) % 4}", author=f"w{writer}") for d in range(3)]
            )
    store.close()


@pytest.mark.parametrize("apart", [False, True], ids=["threads", "processes"])
def test_with_several_writers_on_the_same_pairs_the_state_is_the_last_of_the_log(store_url: str, store: Store, project: str, apart: bool):
    if apart:
        context = multiprocessing.get_context("spawn")
        start = context.Event()
        workers = [context.Process(target=_append_many, args=(store_url, project, writer, start)) for writer in range(4)]
        for worker in workers:
            worker.start()
        start.set()
        for worker in workers:
            worker.join(120)
        assert [worker.exitcode for worker in workers] == [0] * 4
    else:
        gate = threading.Event()
        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(_append_many, store_url, project, writer, gate) for writer in range(4)]
            gate.set()
            for item in waiting:
                item.result(120)
    with store.read() as conn:
        log = judgements.read_log(conn, project)
        state = judgements.read_state(conn, project)
        at_the_end = judgements.read_state_at(conn, project, judgements.last_seq(conn, project))
    assert len(log) == 4 * 25 * 3
    last = {(item.anchor_id, item.document_id): item for item in log}
    assert state == at_the_end == sorted((item for item in last.values() if item.label != Label.UNJUDGED), key=lambda item: item.document_id)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(Label)), max_size=10))
def test_the_state_at_each_event_is_what_it_was_when_that_event_was_the_newest(store: Store, words: list[tuple[int, Label]]):
    name = f"at{next(_SERIAL)}"
    seen: dict[int, list[Judgement]] = {}
    with store.write() as conn:
        projects.add_project(conn, name, base_model="none")
        corpus.put_documents(conn, name, [Document(f"d{n}", "") for n in range(3)])
        corpus.put_anchors(conn, name, [Anchor("a0", "?")])
        for n, (document, label) in enumerate(words):
            judgements.append_judgements(conn, name, [say(f"{name}-{n}", label, document_id=f"d{document}")])
            seen[judgements.last_seq(conn, name)] = judgements.read_state(conn, name)
        assert {seq: judgements.read_state_at(conn, name, seq) for seq in seen} == seen
        assert judgements.read_state_at(conn, name, 0) == []
