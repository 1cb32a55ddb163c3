"""What who works on Pairsmith must know: the targets that measure, and the collections that some tests and benchmarks need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings import Settings
from tests.bench import train, value_meter
from tests.bench.quality import prepare
from tests.bench.quality.__main__ import list_present
from tests.conftest import LONGEST

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_target_that_measures_is_under_figures_and_the_long_one_in_contributing() -> None:
    figures = read("README.md").split("## Figures")[1]
    targets = re.findall(r"^(bench[a-z-]*):", read("Makefile"), re.M)
    assert targets == ["bench", "bench-quality"]
    assert [name for name in targets if f"`make {name}`" not in figures] == []
    assert "`make bench-quality`" in read("CONTRIBUTING.md")


def test_every_variable_that_only_tests_and_benchmarks_read_is_in_contributing() -> None:
    settings = {f"PAIRSMITH_{name.upper()}" for name in Settings.model_fields}
    used = {name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r'environ(?:\.get\(|\[)"(PAIRSMITH_[A-Z_]+)"', path.read_text("utf-8"))}
    own = used - settings
    assert "PAIRSMITH_COLLECTIONS" in own
    assert {name for name in own if f"`{name}`" not in read("CONTRIBUTING.md")} == set()
    for collection in ("cranfield", "stackfaq"):
        assert all(f"`{collection}`" in read(name) for name in ("README.md", "CONTRIBUTING.md"))


@pytest.mark.parametrize("module", [train, value_meter])
def test_a_benchmark_without_its_collection_says_that_it_is_skipped(module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COLLECTIONS", tmp_path)
    row = (train.run_uneven if module is train else value_meter.run)()
    assert row.notes == f"skipped: the test collections are not at {tmp_path} (set PAIRSMITH_COLLECTIONS)"
    assert row.ratio is None


def test_the_quality_benchmark_goes_on_with_the_collections_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(prepare.SOURCES, "stackfaq", tmp_path / "stackfaq")
    monkeypatch.setitem(prepare.SOURCES, "cranfield", tmp_path)
    assert list_present(["sample", "cranfield", "stackfaq"]) == ["sample", "cranfield"]
    assert capsys.readouterr().err == f"stackfaq: skipped, as there is no {tmp_path / 'stackfaq'} (set PAIRSMITH_COLLECTIONS)\n"


def test_every_file_that_is_to_begin_first_is_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
