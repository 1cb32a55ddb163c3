"""A folder that arrives as a zip (BEIR, tables, plain texts): unpacked into an empty folder, whole or not at all.

Refuses: a file that is no zip, members that point outside the folder (absolute, `..`, links), encrypted members, more than `MAX_MEMBERS` of them, and more than
`MAX_BYTES` once unpacked, counted while unpacking since a header can lie. Only files of a
kind that can be read are written.
"""

from __future__ import annotations

import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from core.model import PairsmithError

MAX_BYTES = 2_000_000_000
MAX_MEMBERS = 20_000
_CHUNK = 1 << 20
_WANTED = (".jsonl", ".tsv", ".csv", ".parquet", ".arrow", ".json", ".txt", ".text", ".md", ".markdown")
_MARKS = ("corpus.jsonl", "documents.csv")
"""Files that say where the folder begins, whatever it was zipped in."""


def unpack_archive(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES) -> Path:
    """Unpack `archive` below `folder` and return the folder in it that was zipped. Raises `PairsmithError`; then nothing is left of `folder`."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _refuse_members(archive.name, members)
            left = max_bytes
            for member in members:
                name = PurePosixPath(member.filename)
                if not member.is_dir() and name.suffix.lower() in _WANTED and "__MACOSX" not in name.parts and not name.name.startswith("."):
                    left -= _write_member(opened, member, folder.joinpath(*name.parts), left, max_bytes)
        files = [path for path in folder.rglob("*") if path.is_file()]
        if not files:
            raise PairsmithError(
                f"{archive.name} holds nothing that can be read. Zip a BEIR folder (corpus.jsonl, queries.jsonl, qrels/), or a folder of tables or texts."
            )
        marked = sorted((path for path in files if path.name in _MARKS), key=lambda path: (len(path.parts), str(path)))
        return marked[0].parent if marked else _find_top(folder)
    except PairsmithError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise PairsmithError(f"{archive.name} cannot be unpacked: {error}. Zip the folder again.") from error


def _find_top(folder: Path) -> Path:
    """The folder itself, or the one below it where that is all it holds."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _refuse_members(archive: str, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise PairsmithError(f"{archive} holds {len(members):,} files; {MAX_MEMBERS:,} at most are taken. Zip the folder alone.")
    for member in members:
        if not member.filename:
            raise PairsmithError(f"{archive} holds a file without a name: it is damaged. Zip the folder again.")
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename or ":" in member.filename:
            raise PairsmithError(f"{archive} holds {member.filename!r}, which points outside the folder it is unpacked to. Nothing was unpacked.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise PairsmithError(f"{archive} holds {member.filename!r}, which is a link. Zip the files themselves.")
        if member.flag_bits & 0x1:
            raise PairsmithError(f"{archive} is encrypted. Zip it again without a password.")


def _write_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int, max_bytes: int) -> int:
    """Write one member; returns its bytes. Raises `PairsmithError` once more than `left` came out."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(member) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > left:
                raise PairsmithError(f"The archive unpacks to more than {max_bytes / 1e9:.1f} GB. Import it from the command line instead, unpacked.")
            sink.write(chunk)
    return written
