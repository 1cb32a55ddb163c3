"""The agreement page: what it says of two experts, and settling a record they differ on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.curation.disputes import list_disputes
from core.curation.fan_out import Twins, apply_decision
from core.curation.options import read_options
from core.model import Candidate, CandidateStatus, Document, Judgement, Label, Source
from core.store import candidates, corpus, judgements, projects
from core.workspace import Workspace

Open = Callable[..., AppTest]
HOSTILE = "<b>bold</b> **bold** $x$"


def say(workspace: Workspace, author: str, document: str, label: Label) -> None:
    event = Judgement(f"{author}-{document}", "a3", document, label, 3 if label == Label.POSITIVE else 0, Source.MINED, author, note=HOSTILE)
    with workspace.store.write() as conn:
        apply_decision(conn, "small", event, Twins(None))


@pytest.mark.usefixtures("small_project")
def test_a_project_of_one_expert_is_told_what_the_page_is_for(open_screen: Open) -> None:
    app = open_screen("agreement")
    assert not app.exception
    assert "No record was judged by more than one expert yet." in app.info[0].value
    assert "Nothing waits to be settled." in [item.value for item in app.caption]


@pytest.mark.usefixtures("small_project")
def test_two_experts_are_measured_and_what_they_differ_on_is_settled(open_screen: Open, workspace: Workspace) -> None:
    with workspace.store.write() as conn:
        corpus.put_documents(conn, "small", [Document("d1", f"{HOSTILE} text")])
    for document, first, second in (("d1", Label.HARD_NEGATIVE, Label.POSITIVE), ("d2", Label.HARD_NEGATIVE, Label.HARD_NEGATIVE)):
        say(workspace, "ann", document, first)
        say(workspace, "bob", document, second)
    app = open_screen("agreement")
    assert not app.exception
    assert {item.label: item.value for item in app.metric}["Same verdict"] == "0.50"
    assert f"{HOSTILE} text" in [item.value for item in app.text]
    (dispute,) = list_disputes(workspace, "small")
    app.text_input(key=f"why-{dispute.version}").set_value("clause 4 says it").run()
    app.button(key=f"settle-Partly-{dispute.version}").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        assert judgements.read_qrels(conn, "small")["a3"]["d1"] == 2
    assert list_disputes(workspace, "small") == []


@pytest.mark.usefixtures("small_project")
def test_the_share_judged_twice_is_kept_and_drawn_from_the_queue(open_screen: Open, workspace: Workspace) -> None:
    found = [Candidate("a3", f"d{n}", CandidateStatus.PROPOSED, "near", 1.0 - n / 100, 0.5, 0.8, 1, None, "none") for n in range(4, 12)]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "small", found)
    app = open_screen("agreement")
    app.slider(key="overlap-small").set_value(50).run()
    assert not app.exception
    with workspace.store.read() as conn:
        assert read_options(projects.get_project(conn, "small")).overlap == 0.5
    for document in (item.document_id for item in found):
        say(workspace, "ann", document, Label.HARD_NEGATIVE)
    with workspace.store.write() as conn:
        again = {item.document_id for item in candidates.lease_candidates(conn, "small", "bob", n=20, lease_s=1.0)}
    assert 0 < len(again) < len(found)
