"""Taking a model away, as a folder or a zip: the files of its folder and a card of ours, whole or not at all.

Keeps: the files that the model needs (weights, tokenizer, configuration). Refuses: a model whose files changed since it was registered. No text of the corpus
is among what leaves: the card of the trainer, which quotes training rows, is replaced.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from core.model import ModelRecord, NotFound, PairsmithError
from core.release.card import write_release_files
from core.release.plan import check_files
from core.workspace import Workspace

_LEFT_OUT = {"README.md", "training_args.bin", "train_script.py", "data_config.json", "trainer_state.json"}
"""What a trainer may leave beside a model: its card and script quote training rows, the rest is of no use elsewhere."""


def export_model(workspace: Workspace, project_id: str, record: ModelRecord, out: Path) -> None:
    """Write the model to `out`, which must not exist: a zip where its name ends so, else a folder that `SentenceTransformer(out)` loads."""
    refuse_existing(out)
    check_files(record)
    added = write_release_files(workspace, project_id, record)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name[:40]}-", dir=out.parent) as made:
        beside = Path(made) / "model"
        if out.suffix == ".zip":
            beside.write_bytes(zip_model(record, added))
        else:
            for name, path in _list_files(record).items():
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, beside / name)
            for name, content in added.items():
                (beside / name).write_bytes(content)
        os.rename(beside, out)


def refuse_existing(out: Path) -> None:
    """Raise `PairsmithError` where there is something at `out`."""
    if out.exists():
        raise PairsmithError(f"{out} exists already. Remove it, or name another place.")


def zip_model(record: ModelRecord, added: Mapping[str, bytes] | None = None) -> bytes:
    """The zip of `record`'s folder, with one folder inside that any tool of the sentence-transformers family loads, made in memory.

    `added`: further files by name, such as those of `write_release_files`. Raises `NotFound` when the folder is gone.
    """
    files = _list_files(record)
    added = added or {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # weights do not compress
        for name, path in files.items():
            if name not in added:
                archive.write(path, f"{name_folder(record)}/{name}")
        for name, content in added.items():
            archive.writestr(f"{name_folder(record)}/{name}", content)
    return out.getvalue()


def name_folder(record: ModelRecord) -> str:
    """A plain name for the model's folder: its base's words and the beginning of its fingerprint."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-.") else "-" for char in record.name)
    return f"{'-'.join(filter(None, plain.split('-')))[:60]}-{record.id[:8]}"


def _list_files(record: ModelRecord) -> dict[str, Path]:
    """The model's files by their name within its folder; hidden files, links and what a trainer left are not among them."""
    folder = Path(record.location)
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}
    files = {name.as_posix(): path for name, path in found.items() if not _is_hidden(name) and name.name not in _LEFT_OUT}
    if not files:
        raise NotFound(f"The files of {record.name!r} are not at {folder} any more. Restore them from a backup, or tune again from its snapshot.")
    return files


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part.startswith("checkpoint") for part in path.parts)
