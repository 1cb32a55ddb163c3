"""A model's folder as a zip, made in memory when it is asked for: nothing half done is ever left on disk.

Keeps: exactly the files of the model's folder (weights, tokenizer, configuration, its card). No text of the corpus is among them.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from core.model import ModelRecord, NotFound


def zip_model(record: ModelRecord) -> bytes:
    """The zip of `record`'s folder, with one folder inside that any tool of the sentence-transformers family loads.

    Hidden files and links are left out. Raises `NotFound` when the folder is gone.
    """
    folder = Path(record.location)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and not _is_hidden(path.relative_to(folder)))
    if not files:
        raise NotFound(f"The files of {record.name!r} are not at {folder} any more. Restore them from a backup, or tune again from its snapshot.")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # weights do not compress
        for path in files:
            archive.write(path, f"{name_folder(record)}/{path.relative_to(folder).as_posix()}")
    return out.getvalue()


def name_folder(record: ModelRecord) -> str:
    """A plain name for the model's folder: its base's words and the beginning of its fingerprint."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-.") else "-" for char in record.name)
    return f"{'-'.join(filter(None, plain.split('-')))[:60]}-{record.id[:8]}"


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
