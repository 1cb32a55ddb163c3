"""A whole release through every database that runs here for real: first model, second model stopped in the middle and gone on with, the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.model import ModelRecord
from core.release.guard import GuardedIndex, IndexRefused
from core.release.live import drop_version, look_at_live, roll_back
from core.release.probes import encode_with
from core.release.store import Store
from core.release.target import StoreKind
from core.retrieval.encoder import Encoder
from tests.ml.release.test_failures import QUESTION, Stopped, StopsAt
from tests.unit.release.conftest import EMBEDDED, open_again, pgvector_port, pgvector_url

__all__ = ["open_again", "pgvector_port", "pgvector_url"]


@pytest.mark.parametrize("kind", EMBEDDED)
def test_two_models_follow_each_other_and_are_never_mixed(
    open_again: Callable[[StoreKind], Store], bring: Callable[..., dict[str, Any]], old: ModelRecord, new: ModelRecord, kind: StoreKind
) -> None:
    first = bring(old, open_again(kind))
    store = open_again(kind)
    with pytest.raises(Stopped):
        bring(new, store, batch=5, speaker=StopsAt("Writing vectors", 10))
    assert look_at_live(store).name == first["version"]
    store = open_again(kind)
    second = bring(new, store, batch=5)
    assert (second["written"], second["previous"], [check["holds"] for check in second["checks"]]) == (14, first["version"], [True] * 8)
    store = open_again(kind)
    live = look_at_live(store)
    assert (live.name, live.fault, live.rollback_to) == (second["version"], "", first["version"])
    assert len(GuardedIndex(store, encode_with(Encoder(new)), new.id).search([QUESTION], 3)[0]) == 3
    with pytest.raises(IndexRefused, match="cannot be compared"):
        GuardedIndex(store, encode_with(Encoder(old)), old.id)
    assert roll_back(store) == (second["version"], first["version"])
    drop_version(store, second["version"])
    assert [version.name for version in look_at_live(open_again(kind)).versions] == [first["version"]]
