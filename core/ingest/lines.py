"""Reading text files line by line with every fault named by its line: encodings, over-long lines, NUL bytes, broken JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.ingest.bundle import MAX_LINE_BYTES, Problem


def read_lines(path: Path, problems: list[Problem], *, blank: bool = False) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) of the lines that are not blank (all with `blank`); what cannot be read goes to `problems`.

    A byte order mark is taken off. Stops at a line over `MAX_LINE_BYTES`, which is refused unread.
    """
    with path.open("rb") as stream:
        number = 0
        while raw := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                problems.append(Problem(path.name, number, f"the line is longer than {MAX_LINE_BYTES:,} bytes; split the text into passages first."))
                return
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
                if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                    problems.append(Problem(path.name, 1, "the file is UTF-16; save it as UTF-8."))
                    return
            try:
                text = raw.decode("utf-8").strip("\r\n")
            except UnicodeDecodeError as error:
                problems.append(Problem(path.name, number, f"byte {raw[error.start]:#04x} is not UTF-8; save the file as UTF-8."))
                continue
            if "\0" in text:
                problems.append(Problem(path.name, number, "the line holds a NUL byte; remove it."))
            elif blank or text.strip():
                yield number, text


def read_objects(path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file; a line that is no JSON object goes to `problems`."""
    for number, text in read_lines(path, problems):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be parsed"
            problems.append(Problem(path.name, number, f"not valid JSON: {reason}."))
            continue
        if not isinstance(value, dict):
            problems.append(Problem(path.name, number, f"expected a JSON object, found {type(value).__name__}."))
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
