"""Models in a list to choose from."""

from __future__ import annotations

from core.model import ModelKind, ModelRecord
from pages._ui.model_label import MOST, label_model


def make_model(name: str) -> ModelRecord:
    return ModelRecord("0123456789abcdef" * 4, name, ModelKind.TUNED, "/nowhere", 384, 256)


def test_a_name_that_fits_is_whole_and_the_fingerprint_tells_namesakes_apart() -> None:
    assert label_model(make_model("all-MiniLM-L6-v2 tuned 2026-01-02 09:41")) == "all-MiniLM-L6-v2 tuned 2026-01-02 09:41 · 01234567"


def test_of_a_long_name_the_middle_is_left_out_and_the_end_in_which_models_differ_stays() -> None:
    long = label_model(make_model("owner/a-very-long-encoder-name-v1.5 tuned 2026-01-02 09:41 cancelled at step 40"))
    assert long == "owner/a-v… tuned 2026-01-02 09:41 cancelled at step 40 · 01234567"
    assert len(long.partition(" · ")[0]) == MOST
