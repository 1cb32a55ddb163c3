"""Reading text files line by line with every fault named by its line: encodings, over-long lines, NUL bytes, broken JSON.

UTF-8 with or without a byte order mark is read, and UTF-16 with one. Anything else is refused with the place of the first byte that is wrong:
a text read in a guessed encoding looks right and is not.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.ingest.bundle import MAX_LINE_BYTES, Problem

MAX_UTF16_BYTES = 200_000_000
"""A larger UTF-16 file, which can only be read whole, is to be saved as UTF-8 first."""
MAX_ID_CHARACTERS = 500
_LONE_CR = re.compile(r"(?<=\r)(?!\n)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ufeff]")


def read_lines(path: Path, problems: list[Problem], *, blank: bool = False, ends: bool = False) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) of the lines that are not blank (all with `blank`); what cannot be read goes to `problems`.

    Lines end with LF, CR LF or CR; `ends` keeps that. A byte order mark is taken off. Stops at a line over `MAX_LINE_BYTES`, which is refused unread.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        problems.append(Problem(path.name, 0, f"it cannot be opened: {error.strerror}. Check that the file is there and may be read."))
        return
    with stream:
        number = 0
        for text in _decode_utf16(path, stream, problems) if _starts_as_utf16(stream) else _decode_utf8(path, stream, problems):
            for line in _LONE_CR.split(text) if text is not None and "\r" in text else [text]:
                if line == "":
                    continue
                number += 1
                if line is not None and line.count("\0") * 3 > len(line):
                    problems.append(Problem(path.name, number, "the file is UTF-16 without a byte order mark; save it as UTF-8."))
                    return
                if line is not None and "\0" in line:
                    problems.append(Problem(path.name, number, "the line holds a NUL byte; remove it."))
                elif line is not None and (blank or line.strip()):
                    yield number, line if ends else line.rstrip("\r\n")


def read_objects(path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file; a line that is no JSON object goes to `problems`."""
    for number, text in read_lines(path, problems):
        try:
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_doubled)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(path.name, number, f"not valid JSON: {_say_why(text, error)}."))
            if number == 1 and text.strip() == "[":
                return  # every line of a JSON array would be told as a fault of its own
            continue
        if not isinstance(value, dict):
            hint = " A JSON array cannot be read: write its objects one a line." if isinstance(value, list) else ""
            problems.append(Problem(path.name, number, f"expected a JSON object, found {type(value).__name__}.{hint}"))
            continue
        yield number, value


def check_text(value: Any, what: str, path: Path, number: int, problems: list[Problem], *, empty: bool = False) -> str | None:
    """The string, or None with a problem noted when it is missing, no string, blank, or cannot be stored."""
    if not isinstance(value, str):
        problems.append(Problem(path.name, number, f"{what} is missing." if value is None else f"{what} must be a string, found {type(value).__name__}."))
        return None
    if not value.strip() and not empty:
        problems.append(Problem(path.name, number, f"{what} is empty."))
        return None
    if "\0" in value:
        problems.append(Problem(path.name, number, f"{what} holds a NUL character; remove it."))
        return None
    if any("\ud800" <= char <= "\udfff" for char in value):
        problems.append(Problem(path.name, number, f"{what} holds half a surrogate pair, which is no valid text; save the file as UTF-8 again."))
        return None
    return value


def check_id(value: Any, what: str, path: Path, number: int, problems: list[Problem]) -> str | None:
    """The id as text (a whole number is taken for one), or None with a problem noted: what `check_text` refuses, and what no file could name it by.

    That is white space around it, a tab, line break or other control character in it, and more than `MAX_ID_CHARACTERS`.
    """
    found = check_text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value, what, path, number, problems)
    if found is None:
        return None
    if fault := find_id_fault(found):
        problems.append(Problem(path.name, number, f"{what} {found[:60]!r} {fault}"))
        return None
    return found


def find_id_fault(found: str) -> str | None:
    """What is wrong with an id, as the end of a sentence, or None."""
    if found != found.strip():
        return "has white space around it; take it off."
    if _CONTROL.search(found):
        return "holds a tab, a line break or another control character; use plain characters in ids."
    if len(found) > MAX_ID_CHARACTERS:
        return f"has {len(found):,} characters; {MAX_ID_CHARACTERS} at most are taken. Use a short name as id, and keep the text in the text."
    return None


def decode_text(raw: bytes) -> str:
    """The text of bytes that are UTF-8, with or without a byte order mark, or UTF-16 with one. Raises ValueError with the reason and the byte's place."""
    codec = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        place = error.start + (3 if codec == "utf-8-sig" and raw.startswith(codecs.BOM_UTF8) else 0)
        raise ValueError(_say_undecodable(raw[place], "UTF-16" if codec == "utf-16" else "UTF-8", place)) from error


def _starts_as_utf16(stream: BinaryIO) -> bool:
    start = stream.read(2)
    stream.seek(0)
    return start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _decode_utf8(path: Path, stream: BinaryIO, problems: list[Problem]) -> Iterator[str | None]:
    """Lines of UTF-8, None for one that is not; a lone CR does not end them yet."""
    number, offset = 0, 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            problems.append(Problem(path.name, number, f"the line is longer than {MAX_LINE_BYTES:,} bytes; split the text into passages first."))
            return
        start = offset + (len(codecs.BOM_UTF8) if number == 1 and raw.startswith(codecs.BOM_UTF8) else 0)
        offset += len(raw)
        try:
            yield raw[start - (offset - len(raw)) :].decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append(Problem(path.name, number, _say_undecodable(error.object[error.start], "UTF-8", start + error.start)))
            yield None


def _decode_utf16(path: Path, stream: BinaryIO, problems: list[Problem]) -> Iterator[str]:
    if path.stat().st_size > MAX_UTF16_BYTES:
        problems.append(Problem(path.name, 0, f"the file is UTF-16 and larger than {MAX_UTF16_BYTES / 1e6:,.0f} MB; save it as UTF-8."))
        return
    raw = stream.read()
    try:
        text = raw.decode("utf-16")
    except UnicodeDecodeError as error:
        number = raw[: error.start].decode("utf-16", "replace").count("\n") + 1
        problems.append(Problem(path.name, number, _say_undecodable(raw[error.start], "UTF-16", error.start)))
        return
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        if len(line) > MAX_LINE_BYTES:
            problems.append(Problem(path.name, number, f"the line is longer than {MAX_LINE_BYTES:,} characters; split the text into passages first."))
            return
        yield line + "\n"


def _say_undecodable(byte: int, codec: str, offset: int) -> str:
    return f"byte {byte:#04x} is not {codec} (byte {offset:,} of the file); open it in the program it came from and save the file as UTF-8."


def _say_why(text: str, error: Exception) -> str:
    if text.startswith("\ufeff"):
        return "a byte order mark stands here; two files were joined. Take it off"
    if text.lstrip().startswith("["):
        return "a JSON array cannot be read, or is nested too deep; write its objects one a line, each complete"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return str(error) if isinstance(error, _Refused) else "it cannot be parsed"


class _Refused(ValueError):
    """What JSON does not allow, or what would be lost silently."""


def _refuse_constant(name: str) -> Any:
    raise _Refused(f"{name} is no JSON number")


def _refuse_doubled(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        doubled = next(key for place, (key, _) in enumerate(pairs) if any(key == other for other, _ in pairs[:place]))
        raise _Refused(f"the key {doubled[:60]!r} stands twice in one object")
    return found
