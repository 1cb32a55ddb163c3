"""Release: what is live, what would change, starting, going back, dropping, and asking the live index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.model import ModelRecord, RunKind, RunStatus
from core.release.reindex import reindex
from core.release.stores.faiss_files import FaissFiles
from core.release.target import read_target
from core.retrieval.encoder import embed_anchors
from core.store import runs
from core.workspace import Workspace
from tests.ml.release.conftest import Quiet, register
from tests.tiny_model import make_tiny_model

OpenScreen = Callable[..., AppTest]
QUESTION = "What does the contract say on insurance?"


@pytest.fixture(scope="module")
def second_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("second") / "second", seed=2)


@pytest.fixture
def released(workspace: Workspace, small_project: str, tiny_model: Path, second_model: Path) -> tuple[FaissFiles, list[ModelRecord], list[dict[str, Any]]]:
    """The small project's index brought to one model, then to another."""
    target = read_target(workspace, small_project)
    store = FaissFiles(target.place, target.alias)
    records = [register(workspace, tiny_model, "first *model*"), register(workspace, second_model, "second model")]
    return store, records, [reindex(workspace, small_project, record, store, Quiet()) for record in records]


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def say(app: AppTest) -> str:
    return "\n".join(str(item.value) for kind in ("text", "caption", "markdown", "success", "error", "warning", "info") for item in getattr(app, kind))


def test_before_the_first_release_the_page_says_so_and_a_dry_run_writes_nothing(
    open_screen: OpenScreen, workspace: Workspace, small_project: str, tiny_model: Path
) -> None:
    register(workspace, tiny_model, "first")
    app = open_screen("release")
    assert not app.exception
    assert "Nothing is live under small yet" in say(app)
    press(app, "dry_run")
    assert "A new version is built beside what is live" in say(app)
    assert [(item.label, item.value) for item in app.metric][:3] == [("Documents", "24"), ("To encode", "24"), ("To write", "24")]
    assert not (workspace.home / "indexes").exists()


def test_what_is_live_and_its_versions_are_shown_letter_for_letter(open_screen: OpenScreen, released: Any) -> None:
    app = open_screen("release")
    assert not app.exception
    assert "Model: second model" in say(app)
    versions = next(frame.value for frame in app.dataframe if "Version" in frame.value.columns)
    assert versions[["Model", "State", "Documents"]].to_numpy().tolist() == [["second model", "Live", 24], ["first *model*", "Finished", 24]]


def test_one_click_goes_back_and_a_drop_must_be_confirmed(open_screen: OpenScreen, released: Any) -> None:
    store, _, done = released
    app = press(open_screen("release"), "roll_back")
    assert store.read_alias() == done[0]["version"]
    assert "is live again" in say(app)
    assert "Model: first *model*" in say(app)
    assert app.button(key="drop").disabled
    app.checkbox(key=f"sure-{done[1]['version']}").check().run()
    press(app, "drop")
    assert store.list_names() == [done[0]["version"]]
    assert "was dropped" in say(app)


def test_the_live_index_is_asked_beside_the_exact_ranking(open_screen: OpenScreen, workspace: Workspace, released: Any) -> None:
    embed_anchors(workspace, released[1][1], [QUESTION])
    app = open_screen("release")
    app.text_input(key="release_query").input(QUESTION).run()
    assert not app.exception
    assert "Both rank alike." in say(app)
    assert "**Live index**" in say(app)
    app.text_input(key="release_query").input("a question that was never embedded").run()
    assert "No worker is running" in say(app).replace("\\", "")


def test_a_start_queues_one_run_and_a_second_is_refused(open_screen: OpenScreen, workspace: Workspace, released: Any) -> None:
    second = open_screen("release")
    app = press(open_screen("release"), "start")
    with workspace.store.read() as conn:
        queued = runs.list_runs(conn, "small", kind=RunKind.REINDEX)
    assert [(run.status, run.config["system"] in [record.id for record in released[1]]) for run in queued] == [(RunStatus.QUEUED, True)]
    assert "Re-index under way" in [item.value for item in app.subheader]
    press(second, "start")
    with workspace.store.read() as conn:
        assert len(runs.list_runs(conn, "small", kind=RunKind.REINDEX)) == 1


def test_a_failed_run_shows_its_words_and_its_figures(open_screen: OpenScreen, workspace: Workspace, released: Any) -> None:
    checks = [{"name": "Documents", "value": "23", "needed": "24", "holds": False}]
    with workspace.store.write() as conn:
        run_id = runs.add_run(conn, "small", RunKind.REINDEX, {"system": "tuned"})
        run = runs.claim_run(conn, "a-worker", lease_s=30)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.FAILED, result={"checks": checks}, error="It was *not* put live.")
    app = open_screen("release")
    assert not app.exception
    assert "It was \\*not\\* put live\\." in say(app)
    assert any(frame.value.columns.tolist() == ["Check", "Found", "Needed", "Holds"] for frame in app.dataframe)
    assert "What was live before is still live" in say(app)


def test_a_place_that_cannot_be_used_is_refused_in_words(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    app = open_screen("release")
    app.text_input(key="alias").input("Not An Alias").run()
    press(app, "save_target")
    assert "cannot be used" in say(app)
    app.text_input(key="alias").input("clauses").run()
    press(app, "save_target")
    assert read_target(workspace, small_project).alias == "clauses"


def test_those_who_do_not_lead_can_look_but_not_touch(open_screen: OpenScreen, released: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages._ui.sign_in.is_lead", lambda settings, author: False)
    app = open_screen("release")
    assert not app.exception
    assert [app.button(key=key).disabled for key in ("start", "save_target", "roll_back", "drop")] == [True] * 4
