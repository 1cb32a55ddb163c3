"""The values, the settings, the home folder."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from core import model
from core.model import Document, Progress, RunStatus, hash_text
from core.settings import Settings, load_settings
from core.workspace import draft_folder, open_workspace, replace_file


def test_every_value_is_frozen():
    modules = [importlib.import_module(f"core.model.{found.name}") for found in pkgutil.iter_modules(model.__path__)]
    values = [item for module in modules for item in vars(module).values() if dataclasses.is_dataclass(item)]
    assert len(values) > 8
    assert all(item.__dataclass_params__.frozen for item in values)


def test_content_joins_title_and_text_as_beir_does():
    assert [Document("d", "text", "Title").content, Document("d", " text ").content] == ["Title text", "text"]


def test_progress_is_a_share_between_nothing_and_all():
    assert [Progress().fraction, Progress(3, 4).fraction, Progress(9, 4).fraction, Progress(5, 0).fraction] == [0.0, 0.75, 1.0, 0.0]


def test_only_queued_and_running_go_on():
    assert {status for status in RunStatus if not status.is_over} == {RunStatus.QUEUED, RunStatus.RUNNING}


def test_a_hash_is_of_utf8_and_half_surrogates_do_not_break_it():
    assert hash_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len({hash_text("\ud800"), hash_text("\udc00"), hash_text("?")}) == 3


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PAIRSMITH_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("PAIRSMITH_LEASE_S", "7.5")
    monkeypatch.setenv("PAIRSMITH_START_WORKER", "false")
    monkeypatch.delenv("PAIRSMITH_DATABASE_URL", raising=False)
    settings = Settings()
    assert (settings.home, settings.lease_s, settings.start_worker) == (tmp_path / "h", 7.5, False)
    assert settings.url == f"sqlite:///{tmp_path / 'h' / 'pairsmith.db'}"
    assert Settings(database_url="postgresql://x/y").url == "postgresql://x/y"


@pytest.mark.parametrize("values", [{"lease_s": 0}, {"attempts": 0}, {"poll_s": -1}, {"threads": -1}, {"cancel_grace_s": -0.1}])
def test_settings_that_make_no_sense_are_refused(values):
    with pytest.raises(ValidationError):
        Settings(**values)


def test_settings_are_frozen_and_a_relative_home_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAIRSMITH_HOME", "here")
    load_settings.cache_clear()
    try:
        settings = load_settings()
        assert settings.home == tmp_path / "here"
        with pytest.raises(ValidationError):
            settings.lease_s = 3.0
    finally:
        load_settings.cache_clear()


def test_a_workspace_makes_its_home_on_first_use(tmp_path, monkeypatch):
    monkeypatch.delenv("PAIRSMITH_DATABASE_URL", raising=False)
    workspace = open_workspace(tmp_path / "new" / "home")
    assert (workspace.home / "pairsmith.db").exists()
    assert workspace.run_folder("r1") == workspace.home / "runs" / "r1"
    assert workspace.run_folder("r1").is_dir()
    workspace.store.close()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "sub" / "f.txt"
    with replace_file(path) as temporary:
        temporary.write_text("first")
    with pytest.raises(RuntimeError), replace_file(path) as temporary:  # noqa: PT012 - the block is what is tested
        temporary.write_text("hal")
        raise RuntimeError
    assert path.read_text() == "first"
    assert [item.name for item in path.parent.iterdir()] == ["f.txt"]


def test_two_threads_that_replace_the_same_file_do_not_meet(tmp_path):
    """Once both wrote the same temporary file, and the second found it moved away."""
    path, meeting, errors = tmp_path / "f.txt", threading.Barrier(2, timeout=10), []

    def replace(text: str) -> None:
        try:
            with replace_file(path) as temporary:
                temporary.write_text(text)
                meeting.wait()
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=replace, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert path.read_text() in ("one", "two")


DRAFT = """
import sys, time
from pathlib import Path
from core.workspace import draft_folder
with draft_folder(Path(sys.argv[1]), "int8") as draft:
    draft.mkdir()
    (draft / "half").write_text("of it")
    print(draft.name, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_left_half_made_goes_when_the_next_begins_and_what_another_is_making_stays(tmp_path):
    """Once it stayed for ever."""
    command = [sys.executable, "-c", DRAFT, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    killed, alive = (subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2))
    try:
        left, living = ((tmp_path / process.stdout.readline().strip()) for process in (killed, alive))
        killed.kill()
        assert killed.wait(timeout=60) == -signal.SIGKILL
        assert (left / "half").exists()
        with draft_folder(tmp_path, "else"):
            assert left.exists()
        with draft_folder(tmp_path, "int8") as draft:
            assert (left.exists(), living.exists(), draft.exists()) == (False, True, False)
            draft.mkdir()
            draft.rename(tmp_path / "whole")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, living.with_suffix(".lock").name, "whole"])
    finally:
        for process in (killed, alive):
            process.kill()
            process.wait(timeout=60)
            process.stdout.close()
