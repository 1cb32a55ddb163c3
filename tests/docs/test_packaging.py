"""The wheel against the tree: every package that has code is named in `pyproject.toml`, and the files that pages read beside their code go with it."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
TOPS = ("core", "pages", "sample_data")
ASSETS = {".js", ".css", ".html", ".mako"}


def list_files(top: str) -> list[Path]:
    """Files below a top folder, relative to the repository, without what Python leaves there."""
    return [path.relative_to(ROOT) for path in sorted((ROOT / top).rglob("*")) if path.is_file() and "__pycache__" not in path.parts]


def name_package(path: Path) -> str:
    return ".".join(path.parent.parts)


def test_every_folder_with_code_is_a_package_of_the_wheel_and_no_other_is_named() -> None:
    """Once new packages were in no wheel, as only the checkout was ever tried."""
    assert {name_package(path) for top in TOPS for path in list_files(top) if path.suffix == ".py"} == set(TOOL["packages"])


def test_every_file_that_is_read_beside_the_code_goes_into_the_wheel() -> None:
    assets = [path for top in TOPS for path in list_files(top) if path.suffix in ASSETS]
    left = [path for path in assets if not any(fnmatch(path.name, pattern) for pattern in TOOL["package-data"].get(name_package(path), []))]
    assert assets
    assert left == []


def test_every_pattern_of_package_data_finds_a_file() -> None:
    for package, patterns in TOOL["package-data"].items():
        folder = ROOT / package.replace(".", "/")
        assert [pattern for pattern in patterns if not any(path.is_file() for path in folder.glob(pattern))] == [], package


def test_the_sample_goes_into_the_wheel_whole() -> None:
    assert TOOL["package-data"]["sample_data"] == ["**/*"]
