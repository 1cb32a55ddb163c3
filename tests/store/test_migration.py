"""A database of schema 0001, with everything in it, is brought to the newest and reads as it did."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

import core.store.engine
from core.model import Candidate, CandidateStatus, Judgement, Label, Part, Source
from core.store import artefacts, candidates, corpus, judgements, open_store, projects

SAID = "INSERT INTO judgements (client_id, project_id, anchor_id, document_id, label, grade, source, author, reason, note, undoes, recorded_at) VALUES "


def make_first_schema(url: str) -> None:
    """A project as the first release left it: one pair judged, one judged and taken back, one judged anew after that; a queue and a snapshot."""
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(core.store.engine.__file__).parent / "migrations"))
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        conn.execute(text("INSERT INTO projects (id, name, created_at, base_model, corpus_revision) VALUES ('p', 'Old', 1.0, 'none', 3)"))
        for n in range(3):
            conn.execute(text(f"INSERT INTO documents VALUES ('p', 'd{n}', {n}, '', 'text {n}', 'h{n}', '{{}}')"))
        conn.execute(text("INSERT INTO anchors (project_id, id, position, text, part) VALUES ('p', 'a0', 0, 'question', 'train')"))
        for values in (
            "('e1', 'p', 'a0', 'd0', 'positive', 3, 'import', 'ann', '', '', NULL, 1.0)",
            "('e2', 'p', 'a0', 'd1', 'hard_negative', 0, 'mined', 'ann', 'partial', 'a note', NULL, 2.0)",
            "('u2', 'p', 'a0', 'd1', 'unjudged', 0, 'mined', 'bea', '', '', 'e2', 3.0)",
            "('e3', 'p', 'a0', 'd2', 'positive', 1, 'mined', 'ann', '', '', NULL, 4.0)",
            "('e4', 'p', 'a0', 'd2', 'hard_negative', 0, 'mined', 'bea', '', '', NULL, 5.0)",
        ):
            conn.execute(text(SAID + values))
        for n in range(3):
            conn.execute(text(f"INSERT INTO candidates VALUES ('p', 'a0', 'd{n}', 'proposed', 'near', {n}.0, 0.5, 0.9, 1, NULL, 'm', NULL, 0.0)"))
        conn.execute(text("""INSERT INTO snapshots VALUES ('p', 'abcdef0123', 6.0, 5, '{"anchors": 1}')"""))
    engine.dispose()


def test_a_database_of_the_first_schema_reads_right_after_the_upgrade(url: str):
    make_first_schema(url)
    store = open_store(url)
    with store.write() as conn:
        project = projects.get_project(conn, "p")
        assert (project.name, project.corpus_revision, project.anchor_revision, project.guideline, project.options) == ("Old", 3, 0, "", {})
        (anchor,) = corpus.read_anchors(conn, "p")
        assert (anchor.text, anchor.part, anchor.group, anchor.fields) == ("question", Part.TRAIN, None, {})
        log = judgements.read_log(conn, "p")
        assert [item.client_id for item in log] == ["e1", "e2", "u2", "e3", "e4"]
        assert log[1] == Judgement("e2", "a0", "d1", Label.HARD_NEGATIVE, 0, Source.MINED, "ann", "partial", "a note", seq=log[1].seq, recorded_at=2.0)
        assert judgements.read_state(conn, "p") == [log[0], log[4]]
        expected = Candidate("a0", "d1", CandidateStatus.PROPOSED, "near", 1.0, 0.5, 0.9, 1, None, "m")
        assert candidates.lease_candidates(conn, "p", "ann", n=9, lease_s=60, now=1.0) == [expected]
        assert projects.count_contents(conn, "p")["to_review"] == 1
        (snapshot,) = artefacts.list_snapshots(conn, "p")
        assert (snapshot.id, snapshot.last_seq, snapshot.corpus_revision, snapshot.anchor_revision) == ("abcdef0123", 5, None, None)
        judgements.undo_judgement(conn, "p", "e4", author="ann", now=7.0)
        assert judgements.read_qrels(conn, "p") == {"a0": {"d0": 3, "d2": 1}}
        assert judgements.last_seq(conn, "p") > log[-1].seq
    store.close()
