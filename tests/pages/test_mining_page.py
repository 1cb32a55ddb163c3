"""The candidates page: what it starts, what it lists, and what it says of the line."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.curation.options import read_options
from core.model import Candidate, CandidateStatus, Judgement, Label, RunKind, Source
from core.store import candidates, judgements, projects, runs
from core.workspace import Workspace

Open = Callable[..., AppTest]


def put_candidates(workspace: Workspace, n: int = 60) -> None:
    """Candidates of ten anchors, the first half of them suspicious, all judged: the nearer ones are answers."""
    pairs = [(f"a{i % 10}", f"d{(i // 10 + i % 10 + 1) % 24}") for i in range(n)]
    kinds = (CandidateStatus.SUSPICIOUS, CandidateStatus.PROPOSED)
    found = [
        Candidate(a, d, kinds[i >= n / 2], "near", float(n - i), 0.5, 1.2 - i / n * 0.6, 1, None, "m", audit=i % 10 == 9) for i, (a, d) in enumerate(pairs)
    ]
    labels = [Label.POSITIVE if (i * 7) % n < n - i else Label.HARD_NEGATIVE for i in range(n)]
    events = [
        Judgement(f"client-{i}", a, d, label, int(label == Label.POSITIVE), Source.MINED) for i, ((a, d), label) in enumerate(zip(pairs, labels, strict=True))
    ]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "small", found)
        judgements.append_judgements(conn, "small", events)


@pytest.mark.usefixtures("small_project")
def test_mining_starts_with_the_settings_as_they_stand_and_keeps_the_parent_field(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("mining")
    app.number_input(key="mine_depth").set_value(20)
    app.text_input(key="mine_parent_field").set_value("topic")
    app.selectbox(key="mine_same_parent").set_value("aside")
    app.button(key="mine_start").click().run()
    assert not app.exception
    with workspace.store.read() as conn:
        (run,) = runs.list_runs(conn, "small", kind=RunKind.MINE)
        project = projects.get_project(conn, "small")
    assert run.config == {"depth": 20, "per_anchor": 8, "suspicious_ratio": None, "same_parent": "aside", "reranker": "", "system": "base"}
    assert read_options(project).parent_field == "topic"


@pytest.mark.usefixtures("small_project")
def test_the_table_is_paged_and_filtered_and_warns_of_the_scores(open_screen: Open, workspace: Workspace) -> None:
    put_candidates(workspace)
    app = open_screen("mining")
    assert not app.exception
    assert any("Seeing scores before judging shifts judgements" in item.value for item in app.info)
    assert len(app.dataframe[0].value) == 50
    assert "60 candidates, page 1 of 2, in the order of the queue." in [item.value for item in app.caption]
    app.toggle(key="mine_open").set_value(True).run()
    app.selectbox(key="mine_status").set_value(CandidateStatus.SUSPICIOUS).run()
    assert len(app.dataframe[0].value) == 30
    assert set(app.dataframe[0].value["Status"]) == {"May be an answer"}


@pytest.mark.usefixtures("small_project")
def test_figures_of_what_nobody_judged_are_shown_to_leads_alone_and_only_when_asked(
    open_screen: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Candidate("a1", f"d{n}", CandidateStatus.SUSPICIOUS, "near", 9.0 - n, 0.5, 0.9, 1, None, "m") for n in (2, 3)]
    with workspace.store.write() as conn:
        candidates.replace_candidates(conn, "small", found)
        judgements.append_judgements(conn, "small", [Judgement("judged-d2", "a1", "d2", Label.HARD_NEGATIVE, 0, Source.MINED)])
    app = open_screen("mining")
    assert not app.exception
    judged, unjudged = app.dataframe[0].value.to_dict("records")
    assert (judged["Status"], judged["Ratio"]) == ("May be an answer", 0.9)
    assert all(pd.isna(unjudged[name]) for name in ("Status", "Why", "Ratio", "Similarity", "Rank by meaning", "Rank by words", "Reranker"))
    app.toggle(key="mine_open").set_value(True).run()
    assert list(app.dataframe[0].value["Ratio"]) == [0.9, 0.9]
    monkeypatch.setattr("pages._ui.sign_in.is_lead", lambda settings, author: False)
    app.run()
    assert not app.toggle
    assert pd.isna(app.dataframe[0].value["Ratio"][1])


@pytest.mark.usefixtures("small_project")
def test_the_line_is_said_with_the_decisions_it_rests_on(open_screen: Open, workspace: Workspace) -> None:
    app = open_screen("mining")
    assert any("too few to learn from" in item.value for item in app.text)
    put_candidates(workspace)
    app.run()
    assert not app.exception
    assert any("by 60 decisions on 10 anchors" in item.value for item in app.text)
    assert any("items drawn at random were answers" in item.value for item in app.text)
