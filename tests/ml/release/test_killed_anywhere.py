"""A re-index that is killed at any place leaves the old version serving, and the next one does only what was missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from core.model import ModelRecord
from core.release.live import look_at_live
from core.release.stores.faiss_files import FaissFiles
from core.retrieval.encoder import Encoder
from core.workspace import Workspace
from tests.ml.release.die_at import BATCH
from tests.servers import ROOT

pytestmark = pytest.mark.slow
DOCUMENTS = 24
# Where it dies, which version serves then, how many documents the next attempt has to write.
PLACES = [
    ("Planning", "old", DOCUMENTS),
    ("Building the new version", "old", DOCUMENTS),
    ("create 1", "old", DOCUMENTS),
    ("Encoding documents", "old", DOCUMENTS),
    ("Writing vectors", "old", DOCUMENTS),
    ("upsert 1", "old", DOCUMENTS - BATCH),
    ("upsert 3", "old", DOCUMENTS - 3 * BATCH),
    ("Verifying", "old", 0),
    ("seal 1", "old", 0),
    ("search 2", "old", 0),
    ("put_manifest_text 2", "old", 0),
    ("Switching the alias", "old", 0),
    ("switch_alias 1", "new", 0),
    ("Asking the live index", "new", 0),
]


def test_the_old_version_serves_until_the_switch_and_the_next_attempt_goes_on(
    workspace: Workspace, bring: Callable[..., dict[str, Any]], old: ModelRecord, new: ModelRecord
) -> None:
    indexes = workspace.home / "indexes"
    loaded = Encoder(old)
    first = {place: bring(old, FaissFiles(indexes / str(number), "clauses"), encoder=loaded) for number, (place, *_) in enumerate(PLACES)}
    command = [sys.executable, "-m", "tests.ml.release.die_at", str(workspace.home), str(indexes), new.id, *first]
    killed = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, capture_output=True)
    assert killed.returncode == 0, killed.stderr.decode()[-2000:]
    assert json.loads(killed.stdout) == [signal.SIGKILL] * len(PLACES)
    encoder = Encoder(new)
    for number, (place, serving, left) in enumerate(PLACES):
        store = FaissFiles(indexes / str(number), "clauses")
        live = look_at_live(store)
        assert live.fault == "", place
        assert live.manifest is not None
        assert live.manifest.fingerprint == (old if serving == "old" else new).id, place
        done = bring(new, store, batch=BATCH, encoder=encoder)
        assert (done["written"], done["documents"], done["previous"]) == (left, DOCUMENTS, first[place]["version"]), place
        live = look_at_live(store)
        assert (live.name, live.fault, live.rollback_to) == (done["version"], "", first[place]["version"]), place
        assert [version.state for version in live.versions] == ["complete", "complete"], place
