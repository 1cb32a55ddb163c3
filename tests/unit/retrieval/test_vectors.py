"""The vector cache: only what is new is encoded, and what a crash or another writer left does no harm."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from core.model import PairsmithError, hash_text
from core.retrieval import vectors as module
from core.retrieval.vectors import VectorCache, key_content, key_text

DIMENSION = 4


class CountingEncoder:
    """Encodes a text by its hash, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.asked.append(texts)
        return encode(texts)


def encode(texts: list[str]) -> np.ndarray:
    rows = [[int(hash_text(text)[8 * place : 8 * place + 4], 16) for place in range(DIMENSION)] for text in texts]
    return np.array(rows, dtype=np.float32).reshape(-1, DIMENSION)


def get(cache: VectorCache, texts: list[str], prompt: str = "") -> np.ndarray:
    return np.asarray(cache.get([key_text(text, prompt) for text in texts]))


def test_only_what_is_new_is_encoded_the_longest_first(tmp_path: Path):
    encoder, cache = CountingEncoder(), VectorCache(tmp_path, DIMENSION)
    assert cache.fill(["a", "bbb", "cc", "a"], "", encoder) == 3
    assert cache.fill(["cc", "new", "a"], "", encoder) == 1
    assert VectorCache(tmp_path, DIMENSION).fill(["a", "new"], "", encoder) == 0
    assert encoder.asked == [["bbb", "cc", "a"], ["new"]]
    wanted = ["a", "new", "bbb", "a", "cc"]
    assert np.array_equal(get(cache, wanted), encode(wanted))
    assert len(cache) == 4


def test_the_prompt_belongs_to_the_key(tmp_path: Path):
    encoder, cache = CountingEncoder(), VectorCache(tmp_path, DIMENSION)
    cache.fill(["a"], "query: ", encoder)
    assert cache.has([key_text("a", "query: "), key_text("a"), key_content(hash_text("a"), "query: ")]) == [True, False, True]


def test_a_missing_vector_is_an_error_and_no_vectors_are_an_empty_array(tmp_path: Path):
    cache = VectorCache(tmp_path, DIMENSION)
    assert get(cache, []).shape == (0, DIMENSION)
    with pytest.raises(KeyError):
        get(cache, ["a"])


def test_chunks_that_were_stored_stay_when_the_rest_is_stopped(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 2)
    encoder, cache, heard = CountingEncoder(), VectorCache(tmp_path, DIMENSION), []

    def stop(done: int, total: int) -> None:
        heard.append((done, total))
        if done == 4:
            raise InterruptedError

    texts = ["aaaaa", "bbbb", "ccc", "dd", "e"]
    with pytest.raises(InterruptedError):
        cache.fill(texts, "", encoder, stop)
    assert VectorCache(tmp_path, DIMENSION).fill(texts, "", encoder, lambda *at: heard.append(at)) == 1
    assert heard == [(2, 5), (4, 5), (1, 1)]
    assert encoder.asked == [["aaaaa", "bbbb"], ["ccc", "dd"], ["e"]]
    assert np.array_equal(get(cache, texts), encode(texts))


@pytest.mark.parametrize("left", [b"\1" * 16, b"\1" * 7, b"\1" * 37], ids=["a whole row", "part of a row", "two rows and a part"])
def test_rows_that_a_crash_left_without_keys_are_ignored_and_cut_off(tmp_path: Path, left: bytes):
    """Once a row that was written in part made every reading fail until the next writing."""
    VectorCache(tmp_path, DIMENSION).fill(["a", "b"], "", encode)
    with (tmp_path / "vectors.f32").open("ab") as stream:
        stream.write(left)
    cache = VectorCache(tmp_path, DIMENSION)
    assert np.array_equal(get(cache, ["b", "a"]), encode(["b", "a"]))
    cache.fill(["c"], "", encode)
    assert np.array_equal(get(VectorCache(tmp_path, DIMENSION), ["a", "b", "c"]), encode(["a", "b", "c"]))
    assert (tmp_path / "vectors.f32").stat().st_size == 3 * 4 * DIMENSION


def test_part_of_a_key_does_not_count(tmp_path: Path):
    VectorCache(tmp_path, DIMENSION).fill(["a", "b"], "", encode)
    keys = tmp_path / "keys.bin"
    keys.write_bytes(keys.read_bytes()[:-5])
    cache = VectorCache(tmp_path, DIMENSION)
    assert len(cache) == 1
    cache.fill(["a", "b"], "", encode)
    assert np.array_equal(get(VectorCache(tmp_path, DIMENSION), ["a", "b"]), encode(["a", "b"]))


@pytest.mark.parametrize("damaged", ["zeroed", "doubled"])
def test_damaged_keys_cost_their_own_rows_and_shift_no_other(tmp_path: Path, damaged: str):
    """Once distinct keys were counted for rows: after two equal ones every later row was another text's vector."""
    VectorCache(tmp_path, DIMENSION).fill(["eeeee", "dddd", "ccc", "bb"], "", encode)
    keys = tmp_path / "keys.bin"
    raw = keys.read_bytes()
    keys.write_bytes((bytes(2 * 32) if damaged == "zeroed" else raw[:32] + raw[:32]) + raw[2 * 32 :])
    cache = VectorCache(tmp_path, DIMENSION)
    assert np.array_equal(get(cache, ["bb", "ccc"]), encode(["bb", "ccc"]))
    gone = ["eeeee", "dddd"] if damaged == "zeroed" else ["dddd"]
    assert cache.fill(["eeeee", "dddd", "ccc", "bb", "a"], "", encode) == len(gone) + 1
    for seen in (cache, VectorCache(tmp_path, DIMENSION)):
        assert np.array_equal(get(seen, ["a", "dddd", "ccc", "bb", "eeeee"]), encode(["a", "dddd", "ccc", "bb", "eeeee"]))


def test_keys_whose_rows_are_gone_are_encoded_again(tmp_path: Path):
    """Once the missing rows were read as zeros."""
    VectorCache(tmp_path, DIMENSION).fill(["aaa", "bb", "c"], "", encode)
    rows = tmp_path / "vectors.f32"
    rows.write_bytes(rows.read_bytes()[: 4 * DIMENSION])
    assert VectorCache(tmp_path, DIMENSION).fill(["aaa", "bb", "c"], "", encode) == 2
    rows.unlink()
    cache = VectorCache(tmp_path, DIMENSION)
    assert cache.fill(["c", "d"], "", encode) == 2
    assert np.array_equal(get(cache, ["d", "c"]), encode(["d", "c"]))


def test_what_another_writer_added_is_seen_and_not_written_twice(tmp_path: Path):
    one, two = VectorCache(tmp_path, DIMENSION), VectorCache(tmp_path, DIMENSION)

    def meanwhile(texts: list[str]) -> np.ndarray:
        two.fill(["a", "x"], "", encode)
        return encode(texts)

    one.fill(["a", "b"], "", meanwhile)
    assert np.array_equal(get(two, ["a", "b", "x"]), encode(["a", "b", "x"]))
    assert (tmp_path / "keys.bin").stat().st_size == 3 * 32


def _fill(folder: Path, texts: list[str], barrier) -> None:
    barrier.wait(30)
    for text in texts:
        VectorCache(folder, DIMENSION).fill([text], "", encode)


def test_two_processes_writing_at_once_lose_nothing(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    parts = [[f"text {n}" for n in range(40)], [f"text {n}" for n in range(60, 20, -1)]]
    children = [context.Process(target=_fill, args=(tmp_path, part, barrier)) for part in parts]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    every = sorted({text for part in parts for text in part})
    assert np.array_equal(get(VectorCache(tmp_path, DIMENSION), every), encode(every))
    assert (tmp_path / "vectors.f32").stat().st_size == len(every) * 4 * DIMENSION


@pytest.mark.parametrize(("wrong", "message"), [(np.zeros((1, 3), np.float32), "shape"), (np.full((1, 4), np.nan, np.float32), "not finite")])
def test_vectors_of_the_wrong_shape_or_value_are_refused(tmp_path: Path, wrong: np.ndarray, message: str):
    cache = VectorCache(tmp_path, DIMENSION)
    with pytest.raises(PairsmithError, match=message):
        cache.fill(["a"], "", lambda _: wrong)
    assert len(VectorCache(tmp_path, DIMENSION)) == 0
