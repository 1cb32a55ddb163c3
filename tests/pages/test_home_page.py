"""Home: the sample in one click, a project of one's own, and the way on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.model import RunKind, RunStatus
from core.store import projects, runs
from core.workspace import Workspace
from pages._ui.text import escape_label

OpenScreen = Callable[..., AppTest]


def list_ids(workspace: Workspace) -> list[str]:
    with workspace.store.read() as conn:
        return [project.id for project in projects.list_projects(conn)]


def list_kinds(workspace: Workspace, project_id: str) -> list[tuple[RunKind, RunStatus]]:
    with workspace.store.read() as conn:
        return [(run.kind, run.status) for run in reversed(runs.list_runs(conn, project_id))]


def create_on_folder(open_screen: OpenScreen, folder: str) -> AppTest:
    """The home page after a project named "Mine" was to be made on a model folder."""
    app = open_screen("home")
    app.text_input(key="new_name").set_value("Mine")
    app.radio(key="base_kind").set_value("A folder on this machine").run()
    app.text_input(key="model_folder").set_value(folder)
    next(button for button in app.button if button.label == "Create project").click().run()
    return app


def test_one_click_opens_the_sample_and_prepares_it(open_screen: OpenScreen, workspace: Workspace) -> None:
    app = open_screen("home")
    app.button(key="open_sample").click().run()
    assert not app.exception
    assert list_ids(workspace) == ["contracts"]
    assert list_kinds(workspace, "contracts") == [(RunKind.EMBED, RunStatus.QUEUED), (RunKind.MINE, RunStatus.QUEUED)]
    assert app.session_state["project_id"] == "contracts"
    assert app.button(key="next_action").label


def test_the_sample_is_offered_while_it_is_not_there_and_prepared_once(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    app = open_screen("home")
    app.button(key="open_sample").click().run()
    assert app.session_state["project_id"] == "contracts"
    assert len(list_kinds(workspace, "contracts")) == 2
    assert [button.key for button in app.button if button.key == "open_sample"] == []


def test_a_new_project_gets_an_id_from_its_name_and_becomes_the_open_one(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    app = open_screen("home")
    app.text_input(key="new_name").set_value("Verträge & Lizenzen 2025")
    next(button for button in app.button if button.label == "Create project").click().run()
    assert not app.exception
    assert list_ids(workspace) == ["small", "vertrage-lizenzen-2025"]
    assert app.session_state["project_id"] == "vertrage-lizenzen-2025"
    with workspace.store.read() as conn:
        assert projects.get_project(conn, "vertrage-lizenzen-2025").base_model == "embedded:all-MiniLM-L6-v2"
    assert app.button(key="next_action").label == "Import documents"


def test_a_folder_that_is_not_there_is_refused_with_words_and_nothing_is_made(open_screen: OpenScreen, workspace: Workspace) -> None:
    app = create_on_folder(open_screen, "/no/such/folder")
    assert list_ids(workspace) == []
    assert escape_label("/no/such/folder") in app.error[0].value


def test_what_is_typed_as_a_folder_is_never_looked_for_on_the_hub(open_screen: OpenScreen, workspace: Workspace) -> None:
    """Once a name of the form owner/name was fetched by the page itself, which stood still meanwhile."""
    app = create_on_folder(open_screen, "models/encoder")
    assert list_ids(workspace) == []
    assert app.error[0].value.startswith(escape_label("There is no model folder 'models/encoder' on this machine."))


def test_a_folder_given_from_where_the_app_stands_is_kept_absolute(
    open_screen: OpenScreen, workspace: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker may stand elsewhere, and would take it for the name of a model on the hub."""
    monkeypatch.chdir(tiny_model.parents[1])
    create_on_folder(open_screen, f"{tiny_model.parent.name}/{tiny_model.name}")
    with workspace.store.read() as conn:
        assert projects.get_project(conn, "mine").base_model == str(tiny_model)


def test_a_model_folder_becomes_the_base_model(open_screen: OpenScreen, workspace: Workspace, tiny_model: Path) -> None:
    app = create_on_folder(open_screen, str(tiny_model))
    assert not app.error
    with workspace.store.read() as conn:
        assert projects.get_project(conn, "mine").base_model == str(tiny_model)


def test_the_form_is_read_as_it_stands_when_the_button_is_pressed(open_screen: OpenScreen, workspace: Workspace) -> None:
    app = open_screen("home")
    app.radio(key="base_kind").set_value("A folder on this machine").run()
    app.text_input(key="model_folder").set_value("/no/such/folder")
    app.text_input(key="new_name").set_value("Mine")
    app.radio(key="base_kind").set_value("The built-in model")
    next(button for button in app.button if button.label == "Create project").click().run()
    assert not app.error
    with workspace.store.read() as conn:
        assert projects.get_project(conn, "mine").base_model == "embedded:all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("kind", "field"), [("A model from the Hugging Face hub", "hub_id"), ("A folder on this machine", "model_folder"), ("The built-in model", None)]
)
def test_the_base_model_of_the_installation_is_preset_and_named_as_the_default(
    open_screen: OpenScreen, workspace: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, kind: str, field: str | None
) -> None:
    default = {"hub_id": "owner/encoder", "model_folder": str(tiny_model), None: "embedded:all-MiniLM-L6-v2"}[field]
    monkeypatch.setenv("PAIRSMITH_BASE_MODEL", default)
    app = open_screen("home")
    radio = app.radio(key="base_kind")
    assert radio.value == kind
    assert [words.endswith("The default here.") for words in radio.proto.captions] == [option == kind for option in radio.options]
    if field:
        assert app.text_input(key=field).value == default
    app.text_input(key="new_name").set_value("Mine")
    next(button for button in app.button if button.label == "Create project").click().run()
    with workspace.store.read() as conn:
        assert projects.get_project(conn, "mine").base_model == default


def test_a_project_without_a_name_is_refused(open_screen: OpenScreen, workspace: Workspace) -> None:
    app = open_screen("home")
    next(button for button in app.button if button.label == "Create project").click().run()
    assert app.error[0].value == escape_label("Give the project a name first.")
    assert list_ids(workspace) == []


def test_the_next_action_of_a_project_with_few_answers_is_to_label(open_screen: OpenScreen, small_project: str) -> None:
    app = open_screen("home")
    assert app.button(key="next_action").label == "Label answers"
    assert "24 documents · 10 of 12 anchors with answers · 0 hard negatives · 0 tuned models" in [item.value for item in app.caption]


def test_another_project_is_opened_from_its_row(open_screen: OpenScreen, workspace: Workspace, small_project: str) -> None:
    with workspace.store.write() as conn:
        projects.add_project(conn, "other", name="**Other** :red[x] $y$", base_model="embedded:all-MiniLM-L6-v2")
    app = open_screen("home")
    assert app.session_state["project_id"] == "small"
    assert r"**\*\*Other\*\* \:red\[x\] \$y\$**" in [item.value for item in app.markdown]
    app.button(key="open-other").click().run()
    assert app.session_state["project_id"] == "other"
    assert app.query_params["project"] == "other"
