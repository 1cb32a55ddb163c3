"""The list of questions: groups as one row, filters, counts, pages, and what changing a group leaves behind."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.model import Anchor, Judgement, Label, NotFound
from core.store import Store, corpus, judgements, projects
from core.store.anchor_groups import AnchorFilter, AnchorRow, count_questions, next_question, page_questions, read_members
from core.store.tables import former_anchors


@pytest.fixture
def questions(store: Store, project: str) -> str:
    """Anchors q0..q5 after the project's own, `q2`, `q3` and `q5` in one group; q0 has three answers, the group two between its members."""
    said = [("q0", "d0"), ("q0", "d1"), ("q0", "d2"), ("q2", "d0"), ("q3", "d0"), ("q3", "d1")]
    with store.write() as conn:
        corpus.put_anchors(conn, project, [Anchor(f"q{n}", f"Asked 100%_{n}?") for n in range(6)])
        corpus.set_groups(conn, project, {"q3": "q2", "q5": "q2", "q2": "q2"})
        judgements.append_judgements(conn, project, [Judgement(f"s-{a}-{d}-said", a, d, Label.POSITIVE, 3) for a, d in said])
        judgements.append_judgements(conn, project, [Judgement("s-no-said", "q5", "d4", Label.HARD_NEGATIVE)])
    return project


ASKED = AnchorFilter("100%_")


def ids(rows: list[AnchorRow]) -> list[str]:
    return [row.anchor.id for row in rows]


def test_a_group_is_one_row_with_its_paraphrases_and_each_document_counted_once(store: Store, questions: str):
    with store.read() as conn:
        rows = page_questions(conn, questions, ASKED)
        assert ids(rows) == ["q0", "q1", "q2", "q4"]
        assert [(row.paraphrases, row.answers, row.negatives) for row in rows] == [(0, 3, 0), (0, 0, 0), (2, 2, 1), (0, 0, 0)]
        assert count_questions(conn, questions, ASKED) == 4
        assert rows[2].anchor == Anchor("q2", "Asked 100%_2?", group="q2")
        assert page_questions(conn, questions, AnchorFilter("nothing reads so")) == []


def test_filters_by_text_and_by_number_of_answers_and_pages_follow_each_other(store: Store, questions: str):
    with store.read() as conn:
        assert ids(page_questions(conn, questions, AnchorFilter("100%_", below=1))) == ["q1", "q4"]
        assert ids(page_questions(conn, questions, AnchorFilter("100%_", below=3))) == ["q1", "q2", "q4"]
        assert ids(page_questions(conn, questions, AnchorFilter("ASKED 100%_3"))) == ["q2"]
        assert ids(page_questions(conn, questions, AnchorFilter("100%%"))) == []
        assert [ids(page_questions(conn, questions, ASKED, offset=n, limit=2)) for n in (0, 2, 4)] == [["q0", "q1"], ["q2", "q4"], []]


def test_the_next_question_passes_over_paraphrases_and_begins_again_after_the_last(store: Store, questions: str):
    with store.read() as conn:
        asked = {anchor.id: anchor for anchor in corpus.read_anchors(conn, questions)}

        def following(anchor_id: str | None, below: int = 0) -> str | None:
            found = next_question(conn, questions, asked[anchor_id] if anchor_id else None, AnchorFilter("100%_", below))
            return found.id if found else None

        assert [following(name) for name in (None, "q0", "q1", "q2", "q3", "q5", "q4")] == ["q0", "q1", "q2", "q4", "q4", "q4", "q0"]
        assert [following(name, 1) for name in (None, "q1", "q4", "q5")] == ["q1", "q4", "q1", "q4"]
        assert next_question(conn, questions, asked["q0"], AnchorFilter("100%_0")) is None


def test_members_come_by_id_and_an_anchor_without_a_group_is_alone(store: Store, questions: str):
    with store.read() as conn:
        assert [anchor.id for anchor in read_members(conn, questions, "q5")] == ["q2", "q3", "q5"]
        assert [anchor.id for anchor in read_members(conn, questions, "q1")] == ["q1"]
        with pytest.raises(NotFound):
            read_members(conn, questions, "none")


def test_a_group_whose_name_no_anchor_bears_is_shown_by_its_first_to_arrive(store: Store, questions: str):
    with store.write() as conn:
        corpus.set_groups(conn, questions, {"q4": "topic 7", "q1": "topic 7"})
    with store.read() as conn:
        assert ids(page_questions(conn, questions, ASKED)) == ["q0", "q1", "q2"]


def test_changing_a_group_keeps_what_stood_before_and_says_that_anchors_changed(store: Store, questions: str):
    with store.write() as conn:
        revision = projects.get_project(conn, questions).anchor_revision
        assert corpus.set_groups(conn, questions, {"q3": None, "q5": "q2"}) == 1
        assert corpus.set_groups(conn, questions, {"q5": "q2", "unknown": "q2"}) == 0
        assert projects.get_project(conn, questions).anchor_revision == revision + 1
        table = former_anchors.c
        kept = conn.execute(select(table.id, table.text, table.group_id).where(table.project_id == questions, table.until_revision == revision + 1)).all()
        assert [tuple(row) for row in kept] == [("q3", "Asked 100%_3?", "q2")]
        assert corpus.get_anchor(conn, questions, "q3").group is None
