"""Projects, documents and anchors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.model import Anchor, Candidate, CandidateStatus, Document, Judgement, Label, NotFound, PairsmithError, Part, Project
from core.store import Store, candidates, corpus, judgements, projects
from tests.store.conftest import await_waiting


def test_a_project_is_made_listed_and_found(store: Store):
    with store.write() as conn:
        made = projects.add_project(conn, "b-1", name="Second", base_model="m", now=2.0)
        projects.add_project(conn, "a_1", base_model="m", now=1.0)
        assert made == Project("b-1", "Second", 2.0, "m", 0)
        assert [project.id for project in projects.list_projects(conn)] == ["a_1", "b-1"]
        assert projects.get_project(conn, "a_1").name == "a_1"
        assert projects.find_project(conn, "none") is None


@pytest.mark.parametrize("name", ["", "Upper", "ä", "a b", "../x", "-a", "a" * 64, "a\n"])
def test_an_id_that_is_no_plain_name_is_refused(store: Store, name: str):
    with store.write() as conn, pytest.raises(PairsmithError, match="cannot name a project"):
        projects.add_project(conn, name, base_model="m")


def test_a_taken_id_is_refused_and_an_unknown_one_names_those_there_are(store: Store, project: str):
    with pytest.raises(PairsmithError, match="exists already"), store.write() as conn:
        projects.add_project(conn, project, base_model="m")
    with store.read() as conn, pytest.raises(NotFound, match=r"there are: p\)"):
        projects.get_project(conn, "q")


def test_documents_come_back_in_order_of_arrival_and_by_page(store: Store, project: str):
    with store.write() as conn:
        corpus.put_documents(conn, project, [Document("aa", "late", "Title", {"x": "ü"})])
    with store.read() as conn:
        ids = [document.id for document in corpus.read_documents(conn, project)]
        assert ids == ["d0", "d1", "d2", "d3", "d4", "d5", "aa"]
        pages = [corpus.read_documents(conn, project, offset=offset, limit=3) for offset in range(0, 9, 3)]
        assert [document.id for page in pages for document in page] == ids
        assert corpus.get_documents(conn, project, ["aa", "none"]) == {"aa": Document("aa", "late", "Title", {"x": "ü"})}
        assert corpus.read_document_ids(conn, project)[0] == ids


def test_putting_the_same_documents_twice_changes_nothing_and_a_change_keeps_its_place(store: Store, project: str):
    with store.write() as conn:
        revision = projects.get_project(conn, project).corpus_revision
        same = corpus.read_documents(conn, project)
        assert corpus.put_documents(conn, project, same) == 0
        assert projects.get_project(conn, project).corpus_revision == revision
        assert corpus.put_documents(conn, project, [Document("d1", "other"), *same[2:]]) == 1
        assert corpus.put_documents(conn, project, [Document("d2", "text 2", fields={"n": "changed"})]) == 1
        assert projects.get_project(conn, project).corpus_revision == revision + 2
        after = corpus.read_documents(conn, project)
    assert [document.id for document in after] == [document.id for document in same]
    assert (after[1].text, after[2].fields) == ("other", {"n": "changed"})


def test_many_documents_go_in_and_out_whole(store: Store, project: str):
    many = [Document(f"m{n:05}", f"many {n}") for n in range(1203)]
    with store.write() as conn:
        assert corpus.put_documents(conn, project, many) == 1203
    with store.read() as conn:
        assert corpus.read_documents(conn, project, offset=6) == many
        assert len(corpus.get_documents(conn, project, [document.id for document in many])) == 1203


def test_projects_do_not_see_each_other(store: Store, project: str):
    with store.write() as conn:
        projects.add_project(conn, "other", base_model="m")
        corpus.put_documents(conn, "other", [Document("d0", "theirs")])
        assert [document.text for document in corpus.read_documents(conn, "other")] == ["theirs"]
        assert corpus.get_documents(conn, project, ["d0"])["d0"].text == "text 0"
        with pytest.raises(NotFound, match="no anchor"):
            corpus.get_anchor(conn, "other", "a0")


def test_anchors_are_replaced_by_id_and_keep_their_part(store: Store, project: str):
    with store.write() as conn:
        corpus.set_parts(conn, project, {"a0": Part.TRAIN, "a2": Part.TEST})
        assert corpus.put_anchors(conn, project, [Anchor("a0", "reworded"), Anchor("a1", "question 1"), Anchor("a9", "new")]) == 2
        assert corpus.read_anchors(conn, project) == [
            Anchor("a0", "reworded", Part.TRAIN),
            Anchor("a1", "question 1"),
            Anchor("a2", "question 2", Part.TEST),
            Anchor("a9", "new"),
        ]
        assert corpus.read_anchors(conn, project, part=Part.TEST) == [Anchor("a2", "question 2", Part.TEST)]


def test_anchors_are_paged_with_their_answers_and_filtered_by_having_none(store: Store, project: str):
    with store.write() as conn:
        events = [("e1", "d0", Label.POSITIVE, 3), ("e2", "d1", Label.POSITIVE, 1), ("e3", "d2", Label.HARD_NEGATIVE, 0)]
        judgements.append_judgements(conn, project, [Judgement(key, "a1", document, label, grade) for key, document, label, grade in events])
        judgements.append_judgements(conn, project, [Judgement("e4", "a2", "d2", Label.HARD_NEGATIVE)])
        assert [(anchor.id, n) for anchor, n in corpus.page_anchors(conn, project)] == [("a0", 0), ("a1", 2), ("a2", 0)]
        assert [anchor.id for anchor, _ in corpus.page_anchors(conn, project, unlabelled=True, offset=1, limit=1)] == ["a2"]
        assert (corpus.count_anchors(conn, project), corpus.count_anchors(conn, project, unlabelled=True)) == (3, 2)


def test_the_contents_of_a_project_are_counted_by_what_stands_now(store: Store, project: str):
    def found(document: str, status: CandidateStatus) -> Candidate:
        return Candidate("a0", document, status, "", 1.0, 0.5, None, None, None, "m")

    with store.write() as conn:
        candidates.replace_candidates(
            conn, project, [found("d1", CandidateStatus.PROPOSED), found("d2", CandidateStatus.SUSPICIOUS), found("d3", CandidateStatus.SET_ASIDE)]
        )
        judgements.append_judgements(
            conn,
            project,
            [Judgement("e1", "a0", "d0", Label.POSITIVE, 3), Judgement("e2", "a0", "d1", Label.HARD_NEGATIVE), Judgement("e3", "a1", "d0", Label.POSITIVE, 2)],
        )
        judgements.undo_judgement(conn, project, "e3", author="x")
        assert projects.count_contents(conn, project) == {
            "documents": 6,
            "anchors": 3,
            "labelled_anchors": 1,
            "positives": 1,
            "hard_negatives": 1,
            "to_review": 1,
        }


def test_of_two_who_change_the_options_of_a_project_at_once_neither_is_lost(store: Store, other_store: Store, project: str):
    def put(name: str) -> None:
        with other_store.write() as conn:
            projects.update_options(conn, project, lambda held: {**held, name: 1})

    with ThreadPoolExecutor(1) as pool:
        with store.write() as conn:
            projects.update_options(conn, project, lambda held: {**held, "first": 1})
            second = pool.submit(put, "second")
            await_waiting(conn)
        second.result()
    with store.read() as conn:
        assert projects.get_project(conn, project).options == {"first": 1, "second": 1}
