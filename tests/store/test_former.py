"""Copy on write: what was replaced, and every state that a project was in."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.model import Anchor, Document, Part, hash_text
from core.store import Store, corpus, former, projects

_SERIAL = itertools.count()
IDS = st.sampled_from(["x", "y", "z"])
TEXTS = st.sampled_from(["", "one", "two", "tw\u00f6 \U0001f600"])
DOCUMENTS = st.lists(st.builds(Document, IDS, TEXTS, st.sampled_from(["", "Title"]), st.fixed_dictionaries({"k": TEXTS})), max_size=4)
ANCHORS = st.lists(st.builds(Anchor, IDS, TEXTS, group=st.sampled_from([None, "x"]), fields=st.fixed_dictionaries({"k": TEXTS})), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("documents"), DOCUMENTS),
        st.tuples(st.just("anchors"), ANCHORS),
        st.tuples(st.just("parts"), st.dictionaries(IDS, st.sampled_from(Part))),
        st.tuples(st.just("groups"), st.dictionaries(IDS, st.sampled_from([None, "x", "y"]))),
    ),
    max_size=9,
)
WRITERS: dict[str, Callable[..., object]] = {
    "documents": corpus.put_documents,
    "anchors": corpus.put_anchors,
    "parts": corpus.set_parts,
    "groups": corpus.set_groups,
}


def bare(items: list[Anchor]) -> list[tuple[object, ...]]:
    """Anchors without their fields, which no revision counts."""
    return [(item.id, item.text, item.part, item.group) for item in items]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_was_written_can_be_read_back_at_every_revision(store: Store, steps: list[tuple[str, object]]):
    name = f"former{next(_SERIAL)}"
    documents: dict[int, dict[str, Document]] = {}
    anchors: dict[int, list[tuple[object, ...]]] = {}
    with store.write() as conn:
        projects.add_project(conn, name, base_model="none", now=1.0)
        for what, given_items in [("documents", []), *steps]:
            WRITERS[what](conn, name, given_items)
            project = projects.get_project(conn, name)
            documents[project.corpus_revision] = {item.id: item for item in corpus.read_documents(conn, name)}
            anchors[project.anchor_revision] = bare(corpus.read_anchors(conn, name))
        assert {revision: former.read_documents_at(conn, name, ["x", "y", "z", "unknown"], revision) for revision in documents} == documents
        assert {revision: bare(former.read_anchors_at(conn, name, revision)) for revision in anchors} == anchors


def test_writing_the_same_again_makes_no_revision_and_keeps_nothing(store: Store, project: str):
    with store.write() as conn:
        before = projects.get_project(conn, project)
        corpus.put_documents(conn, project, corpus.read_documents(conn, project))
        corpus.put_anchors(conn, project, corpus.read_anchors(conn, project))
        corpus.set_parts(conn, project, {"nobody": Part.TEST})
        corpus.set_groups(conn, project, {"a0": None})
        assert projects.get_project(conn, project) == before
        corpus.put_anchors(conn, project, [Anchor("a0", "question 0", fields={"origin": "a form"})])
        assert projects.get_project(conn, project) == before
        assert corpus.get_anchor(conn, project, "a0").fields == {"origin": "a form"}


def test_the_last_of_two_texts_for_one_id_stands(store: Store, project: str):
    with store.write() as conn:
        assert corpus.put_documents(conn, project, [Document("d0", "other"), Document("d0", "text 0", fields={"n": "0"})]) == 0
        assert corpus.put_documents(conn, project, [Document("d0", "first"), Document("d0", "second")]) == 1
        assert corpus.get_documents(conn, project, ["d0"])["d0"].text == "second"


def test_a_former_text_is_found_by_its_hash(store: Store, project: str):
    with store.write() as conn:
        corpus.put_documents(conn, project, [Document("d0", "second", "Title")])
        corpus.put_anchors(conn, project, [Anchor("a0", "reworded")])
        assert former.find_text(conn, project, "d0", hash_text("text 0")) == Document("d0", "text 0", fields={"n": "0"})
        assert former.find_text(conn, project, "d0", hash_text("Title second")) == Document("d0", "second", "Title")
        assert former.find_text(conn, project, "d1", hash_text("text 0")) is None
        assert former.find_question(conn, project, "a0", hash_text("question 0")) == "question 0"
        assert former.find_question(conn, project, "a0", hash_text("reworded")) == "reworded"
        assert former.find_question(conn, project, "a0", hash_text("never said")) is None


def test_another_projects_former_texts_stay_its_own(store: Store, project: str):
    with store.write() as conn:
        projects.add_project(conn, "other", base_model="none")
        corpus.put_documents(conn, "other", [Document("d0", "theirs")])
        corpus.put_documents(conn, "other", [Document("d0", "theirs, changed")])
        assert former.read_documents_at(conn, project, ["d0"], former.OLDEST) == {}
        assert former.read_documents_at(conn, project, ["d0"], 1)["d0"].text == "text 0"
