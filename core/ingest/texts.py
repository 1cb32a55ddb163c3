"""Plain text and Markdown files as documents: one file one document, its id the path within the folder, its text the file's, letter for letter.

Refuses links (what they lead to may lie outside the folder), files over `MAX_TEXT_BYTES`, and what is not text. Hidden files are passed over; files of
another kind are too, and are named.
"""

from __future__ import annotations

from pathlib import Path

from core.ingest.bundle import Bundle, Problem
from core.ingest.lines import check_id, check_text, decode_text
from core.model import Document

ENDINGS = (".txt", ".text", ".md", ".markdown")
MAX_TEXT_BYTES = 1_000_000
"""A larger file is no passage: a model reads the first few hundred words of it, and a search finds all of it or nothing."""


def read_texts(path: Path) -> Bundle:
    """Documents of a folder and those below it, by path, or of one file. Every fault is a `Problem` that names its file."""
    problems: list[Problem] = []
    documents: list[Document] = []
    others: list[str] = []
    root = path if path.is_dir() else path.parent
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        name = file.relative_to(root).as_posix()
        if any(part.startswith((".", "__MACOSX")) for part in file.relative_to(root).parts):
            continue
        if file.is_symlink():
            problems.append(Problem(name, 0, "it is a link; put the file itself in its place."))
        elif file.is_dir():
            continue
        elif file.suffix.lower() not in ENDINGS:
            others.append(name)
        elif (document := _read_text(file, name, problems)) is not None:
            documents.append(document)
    if not documents and not problems:
        problems.append(Problem(path.name, 0, f"it holds no text file ({', '.join(ENDINGS)}). Save the documents as plain text or Markdown first."))
    notes = [f"{len(others):,} files of other kinds are passed over: {', '.join(others[:5])}{' …' if len(others) > 5 else ''}."] if others else []
    return Bundle(documents=documents, problems=problems, notes=notes)


def _read_text(file: Path, name: str, problems: list[Problem]) -> Document | None:
    named = Path(name)
    try:
        if file.stat().st_size > MAX_TEXT_BYTES:
            problems.append(Problem(name, 0, f"it is larger than {MAX_TEXT_BYTES / 1e6:.0f} MB; split it into passages, a file each."))
            return None
        text = decode_text(file.read_bytes())
    except OSError as error:
        problems.append(Problem(name, 0, f"it cannot be opened: {error.strerror}. Check that it may be read."))
        return None
    except ValueError as error:
        problems.append(Problem(name, 0, str(error)))
        return None
    document_id = check_id(name, "the path, which becomes the id,", named, 0, problems)
    checked = check_text(text, "the text", named, 0, problems)
    return Document(document_id, checked) if document_id is not None and checked is not None else None
