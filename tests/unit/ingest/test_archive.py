"""Zipped BEIR folders: what is taken, and every archive that is refused without a trace."""

from __future__ import annotations

import io
import stat
import tempfile
import zipfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ingest.archive import MAX_MEMBERS, unpack_archive
from core.ingest.beir import read_beir
from core.ingest.upload import read_upload
from core.model import Document, PairsmithError

CORPUS = b'{"_id": "d1", "text": "one"}\n'


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("prefix", ["", "set/", "a/b/set/"])
def test_the_folder_that_holds_the_corpus_is_found_wherever_it_lies(tmp_path: Path, prefix: str) -> None:
    archive = write_zip(tmp_path / "set.zip", {f"{prefix}corpus.jsonl": CORPUS, f"{prefix}qrels/test.tsv": b"", "__MACOSX/corpus.jsonl": b"junk"})
    folder = unpack_archive(archive, tmp_path / "out")
    assert folder == (tmp_path / "out" / prefix)
    assert list(read_beir(folder).documents) == [Document("d1", "one")]
    assert not (tmp_path / "out" / "__MACOSX").exists()


@pytest.mark.parametrize("name", ["../corpus.jsonl", "a/../../corpus.jsonl", "/etc/corpus.jsonl", "..\\corpus.jsonl", "C:/corpus.jsonl"])
def test_a_member_that_points_outside_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    archive = write_zip(tmp_path / "evil.zip", {"corpus.jsonl": CORPUS, name: CORPUS})
    with pytest.raises(PairsmithError, match="points outside"):
        unpack_archive(archive, tmp_path / "in" / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["evil.zip"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("corpus.jsonl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(PairsmithError, match="is a link"):
        unpack_archive(tmp_path / "link.zip", tmp_path / "out")


def test_an_archive_that_unpacks_to_too_much_is_stopped_while_it_does(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "bomb.zip", {"corpus.jsonl": b"0" * 5_000_000})
    with pytest.raises(PairsmithError, match="unpacks to more"):
        unpack_archive(archive, tmp_path / "out", max_bytes=2_000_000)
    assert not (tmp_path / "out").exists()


def test_the_limit_counts_all_members_together(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "many.zip", {"corpus.jsonl": b"0" * 1_500, "queries.jsonl": b"0" * 1_500})
    with pytest.raises(PairsmithError, match="unpacks to more"):
        unpack_archive(archive, tmp_path / "out", max_bytes=2_000)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "many.zip", {f"{n}.tsv": b"" for n in range(MAX_MEMBERS + 1)})
    with pytest.raises(PairsmithError, match="at most"):
        unpack_archive(archive, tmp_path / "out")


def test_an_archive_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PairsmithError, match="holds nothing that can be read"):
        unpack_archive(write_zip(tmp_path / "other.zip", {"readme.pdf": b"x"}), tmp_path / "out")


def test_what_is_no_zip_is_refused() -> None:
    with pytest.raises(PairsmithError, match="cannot be unpacked"):
        read_upload("broken.zip", b"PK\x03\x04 not really")


def test_an_archive_cut_short_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("corpus.jsonl", CORPUS * 1_000)
    with pytest.raises(PairsmithError, match="cannot be unpacked"):
        read_upload("cut.zip", out.getvalue()[:-200])


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    """Once it came through as an IndexError of the library."""
    data = write_zip(tmp_path / "set.zip", {"corpus.jsonl": CORPUS}).read_bytes().replace(b"corpus.jsonl", b"\0orpus.jsonl")
    (tmp_path / "set.zip").write_bytes(data)
    with pytest.raises(PairsmithError, match="without a name"):
        unpack_archive(tmp_path / "set.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def make_zip(compression: int, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr("corpus.jsonl", content)
    return out.getvalue()


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_refused_in_words_and_leaves_nothing(tmp_path: Path, compression: int) -> None:
    """Once the decompressor's own error came through, and what was unpacked so far stayed."""
    data = bytearray(make_zip(compression, bytes(Random(0).randbytes(20_000).hex(), "ascii")))
    data[60:200] = b"\xff" * 140
    (tmp_path / "damaged.zip").write_bytes(data)
    with pytest.raises(PairsmithError, match="cannot be unpacked"):
        unpack_archive(tmp_path / "damaged.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_whatever_bytes_are_wrong_an_archive_is_unpacked_or_refused_in_words(compression: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(make_zip(compression, CORPUS * 20))
    for place, value in changes:
        data[place % len(data)] = value
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "set.zip").write_bytes(data)
        try:
            unpack_archive(Path(made) / "set.zip", Path(made) / "out")
        except PairsmithError:
            assert not (Path(made) / "out").exists()


def test_the_name_of_an_upload_cannot_lead_elsewhere(tmp_path: Path) -> None:
    bundle = read_upload("../../../corpus.jsonl", CORPUS)
    assert list(bundle.documents) == [Document("d1", "one")]
