"""The documentation against the product: every setting, command, folder and dependency is in it, and it names nothing that is not there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from core.cli import app
from core.release.target import StoreKind
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default_and_none_is_invented() -> None:
    table = dict(re.findall(r"\| `(PAIRSMITH_[A-Z_]+)` \| (.+?) \|", read("docs/operating.md")))
    assert set(table) == {f"PAIRSMITH_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        shown = table[f"PAIRSMITH_{name.upper()}"].strip("`")
        if isinstance(field.default, bool):
            assert shown == str(field.default).lower()
        elif isinstance(field.default, int | float):
            assert float(shown) == field.default


def test_every_command_in_the_readme_exists_with_its_options() -> None:
    commands = get_command(app).commands
    used = re.findall(r"^pairsmith (\w+)(.*)$", read("README.md"), re.M)
    assert used
    for name, rest in used:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= options, name


def test_every_command_of_release_is_in_its_guide_and_none_is_invented() -> None:
    group = get_command(app).commands["release"].commands
    used = re.findall(r"^pairsmith release (\w+)(.*)$", read("docs/release.md"), re.M)
    assert {name for name, _ in used} | {"upload", "guard"} == set(group)
    assert {"pairsmith release upload", "pairsmith release guard"} <= set(re.findall(r"`(pairsmith release \w+)", read("docs/release.md")))
    for name, rest in used:
        options = {option for parameter in group[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= options, name


def test_every_store_is_in_the_release_guide_with_its_extra() -> None:
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    rows = dict(re.findall(r"^\| `(\w+)` \| `?(\w+)`? \|", read("docs/release.md"), re.M))
    assert set(rows) == set(StoreKind)
    assert set(rows.values()) - {"none"} <= set(extras)


def test_every_command_that_reports_can_print_json() -> None:
    commands = get_command(app).commands
    silent = {"worker"}
    leaves = {name: command for name, command in commands.items() if not hasattr(command, "commands")}
    leaves |= {f"{name} {inner}": command for name, group in commands.items() for inner, command in getattr(group, "commands", {}).items()}
    assert {name for name, command in leaves.items() if "--json" not in {option for parameter in command.params for option in parameter.opts}} == silent


def test_the_readme_has_a_line_for_each_folder_of_core_and_each_top_level_folder() -> None:
    text = read("README.md")
    folders = [path for path in (ROOT / "core").iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    assert folders
    for path in folders:
        assert f"`core/{path.name}/`" in text
    for name in ("pages", "sample_data", "scripts", "tests", "docs"):
        assert f"`{name}/`" in text


def test_every_runtime_dependency_is_listed_with_a_licence() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = (requirement for name, extra in project["optional-dependencies"].items() if name != "dev" for requirement in extra)
    runtime = [*project["dependencies"], *extras]
    names = {re.split(r"[\[<>=]", item)[0].lower() for item in runtime}
    listed = read("docs/dependencies.md").lower()
    assert {name for name in names if not re.search(rf"\b{re.escape(name)}\b", listed)} == set()


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/concepts.md",
        "docs/evaluation.md",
        "docs/operating.md",
        "docs/quality.md",
        "docs/release.md",
        "docs/dependencies.md",
    ],
)
def test_links_inside_the_repository_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", read(name)):
        if not target.startswith("http"):
            assert ((ROOT / name).parent / target).exists(), target


def test_decision_records_stay_short() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert records
    assert {path.name for path in records if len(path.read_text(encoding="utf-8").splitlines()) > 40} == set()


def test_every_make_target_says_what_it_does() -> None:
    text = read("Makefile")
    targets = set(re.findall(r"^\.PHONY: (.+)$", text, re.M)[0].split())
    assert set(re.findall(r"^([a-z-]+):.*## ", text, re.M)) == targets
