"""Every page of the router: opens without an exception in every early state of a project, and keeps the rules that make it safe."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.store import projects
from core.workspace import Workspace

ROOT = Path(__file__).parents[2]
PAGE_FILES = sorted(path for path in (ROOT / "pages").glob("*.py") if not path.name.startswith("_"))


def read_page_names() -> list[str]:
    """The names in the router's table, read without running it."""
    tree = ast.parse((ROOT / "pages" / "_router.py").read_text(encoding="utf-8"))
    table = next(node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PAGES")
    return [entry[0] for entries in ast.literal_eval(table).values() for entry in entries]


PAGE_NAMES = read_page_names()


def test_the_router_knows_every_page_file() -> None:
    assert sorted(PAGE_NAMES) == [path.stem for path in PAGE_FILES]


@pytest.mark.parametrize("name", PAGE_NAMES)
@pytest.mark.parametrize("state", ["no project", "an empty project", "a small project"])
def test_a_page_opens_without_an_exception(
    name: str, state: str, open_screen: Callable[..., AppTest], request: pytest.FixtureRequest, workspace: Workspace
) -> None:
    if state == "an empty project":
        with workspace.store.write() as conn:
            projects.add_project(conn, "empty", base_model="embedded:all-MiniLM-L6-v2")
    elif state == "a small project":
        request.getfixturevalue("small_project")
    app = open_screen(name)
    assert not app.exception
    assert len(app.title) == 1
    assert app.title[0].value


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_a_page_shows_nothing_of_a_project_before_the_sign_in(
    name: str, open_screen: Callable[..., AppTest], small_project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAIRSMITH_REQUIRE_SIGN_IN", "true")
    app = open_screen(name)
    assert not app.exception
    assert app.title[0].value == "Sign in"
    assert not app.selectbox
    assert not app.dataframe
    assert "Small project" not in str([item.value for item in [*app.text, *app.markdown, *app.caption]])


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.stem)
def test_a_page_opens_with_the_guard_before_it_does_anything(path: Path) -> None:
    """Whatever stands above `page = open_page(…)` runs for visitors who are not signed in: imports, definitions and plain values only."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert ast.get_docstring(ast.Module(body, []))
    rest = [node for node in body[1:] if not isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)]
    first = next(node for node in rest if not is_constant(node))
    assert isinstance(first, ast.Assign), ast.unparse(first)
    assert ast.unparse(first.targets[0]) == "page"
    assert isinstance(first.value, ast.Call)
    assert ast.unparse(first.value.func) == "open_page"


def is_constant(node: ast.stmt) -> bool:
    """Whether a statement only names a value in capitals."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names = [name for target in targets for name in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return bool(names) and all(isinstance(name, ast.Name) and name.id.isupper() for name in names)


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.stem)
def test_a_page_is_at_most_200_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("folder", ["pages", "core"])
def test_no_file_hides_a_module_of_the_standard_library_or_begins_with_a_digit(folder: str) -> None:
    names = {path.stem for path in (ROOT / folder).rglob("*.py")} - {"__init__"}
    assert names & sys.stdlib_module_names == set()
    assert [name for name in names if name[0].isdigit()] == []
