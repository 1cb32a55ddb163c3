"""A re-index that is killed at any place leaves the old version serving, and the next one does only what was missing; so does a drop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.model import ModelRecord
from core.release.live import drop_version, look_at_live
from core.release.store import Store
from core.release.stores import opened
from core.release.stores.faiss_files import FaissFiles
from core.release.target import StoreKind, Target
from core.retrieval.encoder import Encoder
from core.workspace import Workspace
from tests.ml.release.conftest import Quiet
from tests.ml.release.die_at import BATCH
from tests.servers import ROOT
from tests.unit.release.conftest import CLIENTS, pgvector_port, pgvector_url

__all__ = ["pgvector_port", "pgvector_url"]

pytestmark = pytest.mark.slow
DOCUMENTS = 24
# Where it dies, which version serves then, how many documents the next attempt has to write.
PLACES = [
    ("Planning", "old", DOCUMENTS),
    ("Building the new version", "old", DOCUMENTS),
    ("before create 1", "old", DOCUMENTS),
    ("before put_manifest_text 1", "old", DOCUMENTS),  # within create
    ("create 1", "old", DOCUMENTS),
    ("Encoding documents", "old", DOCUMENTS),
    ("in Encoding documents", "old", DOCUMENTS),
    ("Writing vectors", "old", DOCUMENTS),
    ("before upsert 1", "old", DOCUMENTS),
    ("upsert 1", "old", DOCUMENTS - BATCH),
    ("upsert 3", "old", DOCUMENTS - 3 * BATCH),
    ("before seal 1", "old", 0),
    ("seal 1", "old", 0),
    ("Verifying", "old", 0),
    ("search 2", "old", 0),
    ("before put_manifest_text 2", "old", 0),
    ("put_manifest_text 2", "old", 0),
    ("Switching the alias", "old", 0),
    ("before switch_alias 1", "old", 0),
    ("switch_alias 1", "new", 0),
    ("Asking the live index", "new", 0),
]
IN_EACH_STORE = [place for place in PLACES if place[0] in ("create 1", "before upsert 1", "upsert 3", "before switch_alias 1", "switch_alias 1")]


def kill_and_go_on(
    workspace: Workspace, bring: Callable[..., dict[str, Any]], old: ModelRecord, new: ModelRecord, kind: StoreKind, where: str, places: list[Any]
) -> None:
    """Under an alias for each place: release the old model, have a re-index to the new one killed there, look at what serves, and start again."""
    targets = [Target(kind, where, f"clauses{number}") for number in range(len(places))]

    def act(target: Target, do: Callable[[Store], Any]) -> Any:
        with opened(target, workspace.settings) as store:
            return do(store)

    before, after = Encoder(old), Encoder(new)
    first = [act(target, lambda store: bring(old, store, encoder=before))["version"] for target in targets]
    work = [[kind.value, where, target.alias, place] for target, (place, *_) in zip(targets, places, strict=True)]
    command = [sys.executable, "-m", "tests.ml.release.die_at", str(workspace.home), new.id, json.dumps(work)]
    killed = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, capture_output=True)
    assert killed.returncode == 0, killed.stderr.decode()[-2000:]
    assert json.loads(killed.stdout) == [signal.SIGKILL] * len(places)
    for target, version, (place, serving, left) in zip(targets, first, places, strict=True):
        live = act(target, look_at_live)
        assert live.fault == "", place
        assert live.manifest.fingerprint == (old if serving == "old" else new).id, place
        done = act(target, lambda store: bring(new, store, batch=BATCH, encoder=after))
        assert (done["written"], done["documents"], done["previous"]) == (left, DOCUMENTS, version), place
        live = act(target, look_at_live)
        assert (live.name, live.fault, live.rollback_to) == (done["version"], "", version), place
        assert [item.state for item in live.versions] == ["complete", "complete"], place


def test_the_old_version_serves_until_the_switch_and_the_next_attempt_goes_on(
    workspace: Workspace, bring: Callable[..., dict[str, Any]], old: ModelRecord, new: ModelRecord
) -> None:
    kill_and_go_on(workspace, bring, old, new, StoreKind.FAISS, str(workspace.home / "indexes"), PLACES)


@pytest.mark.parametrize("kind", [StoreKind.QDRANT, StoreKind.MILVUS, StoreKind.PGVECTOR])
def test_so_it_does_in_databases(
    request: pytest.FixtureRequest, workspace: Workspace, bring: Callable[..., dict[str, Any]], old: ModelRecord, new: ModelRecord, kind: StoreKind
) -> None:
    pytest.importorskip(CLIENTS[kind])
    where = request.getfixturevalue("pgvector_url") if kind == StoreKind.PGVECTOR else str(workspace.home / kind)
    kill_and_go_on(workspace, bring, old, new, kind, where, IN_EACH_STORE)


def test_a_drop_that_was_killed_leaves_no_version_behind_and_the_next_one_clears_up(
    files: FaissFiles, bring: Callable[..., dict[str, Any]], old: ModelRecord, new: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = bring(old), bring(new)

    def die(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            drop_version(files, first["version"])
    live = look_at_live(files)
    assert ([version.name for version in live.versions], live.fault, live.rollback_to) == ([second["version"]], "", None)
    assert list(files.root.glob(".dropped-*"))
    twin = bring(old, speaker=Quiet())["version"]
    assert (twin, bring(new)["version"]) == (first["version"], second["version"])
    drop_version(files, twin)
    assert (files.list_names(), list(files.root.glob(".dropped-*"))) == ([second["version"]], [])
