"""What the compare and map pages read, on both engines."""

from __future__ import annotations

from core.model import Anchor, Document, Judgement, Label
from core.store import Store, corpus, judgements


def test_an_anchor_is_found_by_exactly_its_text_and_the_first_of_two_wins(store: Store, project: str):
    with store.write() as conn:
        corpus.put_anchors(conn, project, [Anchor("x2", "Who pays?"), Anchor("x1", "Who pays?")])
        assert corpus.find_anchor(conn, project, "Who pays?") == Anchor("x2", "Who pays?")
        assert corpus.find_anchor(conn, project, "who pays?") is None
        assert corpus.find_anchor(conn, "other", "Who pays?") is None


def test_only_answered_anchors_are_searched_and_wildcards_are_letters(store: Store, project: str):
    with store.write() as conn:
        corpus.put_anchors(conn, project, [Anchor("x1", "Who pays 5% more?"), Anchor("x2", "Who PAYS five?"), Anchor("x3", "Who pays nothing?")])
        judgements.append_judgements(conn, project, [Judgement(f"e{n}", f"x{n}", "d0", Label.POSITIVE, 2) for n in (1, 2)])
        assert [anchor.id for anchor in corpus.search_anchors(conn, project, "who pays")] == ["x1", "x2"]
        assert [anchor.id for anchor in corpus.search_anchors(conn, project, "5% m")] == ["x1"]
        assert corpus.search_anchors(conn, project, "pays%five") == []
        assert [anchor.id for anchor in corpus.search_anchors(conn, project, "pays", limit=1)] == ["x1"]


def test_an_outline_holds_the_beginning_of_the_text_and_the_fields(store: Store, project: str):
    with store.write() as conn:
        corpus.put_documents(conn, project, [Document("long", "äbc" * 100, "Title", {"topic": "t"})])
        assert corpus.read_outlines(conn, project, ["long", "none"], width=4) == {"long": Document("long", "äbcä", "Title", {"topic": "t"})}
