"""Taking a project's content elsewhere, in one of eight forms: each comes back in through `core.ingest.read`, as far as the form can carry it.

Everything is written beside its place and moved there when it is whole. Ambiguous, skipped and undecided pairs are in the log alone, never in a form that
a model could be trained on.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.ingest.content import Content, read_content
from core.ingest.export_beir import write_beir
from core.ingest.export_csv import write_tables
from core.ingest.export_datasets import write_datasets
from core.ingest.export_pairs import write_pairs, write_triplets, write_tuples
from core.ingest.export_qrels import write_qrels
from core.model import PairsmithError
from core.store import judgements
from core.workspace import Workspace


class Form(StrEnum):
    """The forms that a project's content can be taken in."""

    PAIRS = "pairs"
    TRIPLETS = "triplets"
    TUPLES = "tuples"
    DATASETS = "datasets"
    BEIR = "beir"
    QRELS = "qrels"
    CSV = "csv"
    LOG = "log"


@dataclass(frozen=True)
class FormShape:
    """How a form looks on disk: the ending of its file, or that it is a folder, and whether it needs answered anchors."""

    ending: str
    is_folder: bool = False
    needs_answers: bool = True


SHAPES: Mapping[Form, FormShape] = {
    Form.PAIRS: FormShape("jsonl"),
    Form.TRIPLETS: FormShape("jsonl"),
    Form.TUPLES: FormShape("jsonl"),
    Form.DATASETS: FormShape("zip", is_folder=True),
    Form.BEIR: FormShape("zip", is_folder=True, needs_answers=False),
    Form.QRELS: FormShape("qrels"),
    Form.CSV: FormShape("zip", is_folder=True, needs_answers=False),
    Form.LOG: FormShape("jsonl", needs_answers=False),
}
_FOLDERS: Mapping[Form, Callable[[Content, Path], int]] = {Form.DATASETS: write_datasets, Form.BEIR: write_beir, Form.CSV: write_tables}
_ROWS: Mapping[Form, Callable[[Content], Iterator[dict[str, Any]]]] = {Form.PAIRS: write_pairs, Form.TRIPLETS: write_triplets, Form.TUPLES: write_tuples}
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""A fixed one, so that the same content gives the same bytes."""


def export_project(workspace: Workspace, project_id: str, form: Form, out: Path) -> int:
    """Write the project in this form to `out`, a file or a folder that must not exist. Returns how many rows, judgements or events it holds.

    Raises `PairsmithError` when `out` exists, there is nothing to write, or the form cannot carry an id; then nothing is left behind.
    """
    if out.exists():
        raise PairsmithError(f"{out} exists already. Remove it, or name another place.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name[:40]}-", dir=out.parent) as made:
        beside = Path(made) / "out"
        count = _write(workspace, project_id, form, beside)
        if not count and SHAPES[form].needs_answers:
            missing = "no anchor has both an answer and a hard negative" if form == Form.TRIPLETS else "no anchor has an answer"
            raise PairsmithError(f"There is nothing to export as {form.value}: {missing} yet. Label some on the label page first.")
        os.rename(beside, out)
    return count


def render_download(workspace: Workspace, project_id: str, form: Form) -> bytes:
    """The project in this form as one file, folders as a zip. Raises what `export_project` raises."""
    with tempfile.TemporaryDirectory(prefix="pairsmith-") as made:
        out = Path(made) / form.value
        export_project(workspace, project_id, form, out)
        return _zip_folder(out) if out.is_dir() else out.read_bytes()


def render_pairs(workspace: Workspace, project_id: str) -> bytes:
    """The pair file as JSON Lines in UTF-8; empty for a project without answers."""
    return "".join(_to_lines(write_pairs(read_content(workspace, project_id)))).encode("utf-8")


def _write(workspace: Workspace, project_id: str, form: Form, path: Path) -> int:
    if form == Form.LOG:
        with workspace.store.read() as conn:
            log = judgements.read_log(conn, project_id)
        return _write_file(path, _to_lines({**vars(event), "label": event.label.value, "source": event.source.value} for event in log))
    content = read_content(workspace, project_id)
    if form in _FOLDERS:
        return _FOLDERS[form](content, path)
    return _write_file(path, write_qrels(content) if form == Form.QRELS else _to_lines(_ROWS[form](content)))


def _write_file(path: Path, lines: Iterable[str]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        for line in lines:
            stream.write(line)
            count += 1
    return count


def _to_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _zip_folder(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                with path.open("rb") as source, archive.open(zipfile.ZipInfo(str(path.relative_to(folder)), _ZIP_DATE), "w") as sink:
                    shutil.copyfileobj(source, sink)
    return buffer.getvalue()
