"""A backup taken while the home is in use is a home that reads the same."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.backup import back_up_home
from core.curation.snapshot import read_snapshot, take_snapshot
from core.model import Judgement, Label, PairsmithError
from core.settings import Settings
from core.store import judgements, open_store
from core.workspace import Workspace


def test_a_backup_under_writing_restores_with_what_was_said_before_it_began(workspace: Workspace, small_project: str, tmp_path: Path):
    snapshot = take_snapshot(workspace, small_project)
    data = read_snapshot(workspace, snapshot.id)
    for folder in (workspace.folder("runs", "r1", "checkpoints"), workspace.folder("models", ".r1.unfinished"), workspace.folder("models", "whole")):
        (folder / "big").write_text("x", encoding="utf-8")
    with workspace.store.read() as conn:
        before = judgements.read_log(conn, small_project)
    stop = threading.Event()

    def write() -> None:
        for n in range(10_000):
            if stop.is_set():
                return
            with workspace.store.write() as conn:
                judgements.append_judgements(conn, small_project, [Judgement(f"w{n}", "a0", f"d{n % 24}", Label.HARD_NEGATIVE)])

    writer = threading.Thread(target=write)
    writer.start()
    back_up_home(workspace, tmp_path / "copy")
    stop.set()
    writer.join()
    settings = Settings(home=tmp_path / "copy")
    restored = Workspace(settings, open_store(settings.url))
    with restored.store.read() as conn:
        log = judgements.read_log(conn, small_project)
    assert log[: len(before)] == before
    assert [item.client_id for item in log[len(before) :]] == [f"w{n}" for n in range(len(log) - len(before))]
    assert read_snapshot(restored, snapshot.id) == data
    assert not (tmp_path / "copy" / "runs").exists()
    assert [path.name for path in (tmp_path / "copy" / "models").iterdir()] == ["whole"]
    restored.store.close()


def test_a_backup_goes_to_a_new_folder_outside_the_home(workspace: Workspace, tmp_path: Path):
    for out in (tmp_path, workspace.home / "copy"):
        with pytest.raises(PairsmithError, match="new folder outside"):
            back_up_home(workspace, out)


def test_only_what_a_run_has_not_finished_is_left_out_whatever_a_project_or_its_vectors_are_called(workspace: Workspace, tmp_path: Path):
    kept = ["outside/checkpoints/mine/v.npy", "outside/p/mine.unfinished/v.npy", "outside/p/checkpoints/v.npy", "runs/r1/log.txt", "models/m1/config.json"]
    left = ["runs/r1/checkpoints/c/weights", "models/.r1.unfinished/weights", "models/.int8-1.lock", "maps/.m.npz.1-2.tmp"]
    for name in kept + left:
        (workspace.folder(*Path(name).parent.parts) / Path(name).name).write_text("x", encoding="utf-8")
    back_up_home(workspace, tmp_path / "copy")
    found = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert set(kept) <= found
    assert found.isdisjoint(left)


def test_what_lies_above_the_home_is_no_reason_to_leave_a_file_out(tmp_path: Path):
    settings = Settings(home=tmp_path / "checkpoints" / "home")
    workspace = Workspace(settings, open_store(settings.url))
    (workspace.folder("models", "whole") / "big").write_text("x", encoding="utf-8")
    assert back_up_home(workspace, tmp_path / "copy") == 1
    workspace.store.close()


def test_a_database_in_a_folder_of_the_home_is_backed_up_and_one_that_cannot_be_read_is_said(tmp_path: Path):
    home = tmp_path / "home"
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'deep' / 'p.db'}")
    nested = Workspace(settings, open_store(settings.url))
    back_up_home(nested, tmp_path / "copy")
    assert (tmp_path / "copy" / "deep" / "p.db").stat().st_size > 0
    nested.store.close()
    for path in (home / "deep").iterdir():
        path.unlink()
    (home / "deep" / "p.db").write_bytes(b"no database, but long enough to be looked at as one" * 100)
    with pytest.raises(PairsmithError, match="failed"):
        back_up_home(nested, tmp_path / "other")
    assert not (tmp_path / "other").exists()
