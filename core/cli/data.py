"""What comes in and what goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.models import say_cost
from core.cli.output import Out
from core.evaluation.systems import find_system
from core.ingest.export import Form, export_project
from core.ingest.kinds import Kind
from core.ingest.preview import Change, Preview
from core.ingest.read import import_path, preview_path
from core.model import PairsmithError
from core.release.model_zip import export_model, refuse_existing
from core.retrieval.models import pin_reference
from core.store import projects
from core.workspace import Workspace, open_workspace

MODEL = "model"


@app.command("import")
def import_(
    project: ProjectName,
    path: Annotated[Path, typer.Argument(help="A file, a folder or its .zip: pairs, documents, questions, tables, texts, judgements; see docs/formats.md.")],
    base_model: Annotated[str, typer.Option(help="Base model, where the project is new.")] = "",
    kind: Annotated[Kind | None, typer.Option(help="What it is, where that cannot be told from it.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--map", help="Of a table, which column is what: text=Body, id=Ref. Give it once for each.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come in, and store nothing.")] = False,
    json: Json = False,
) -> None:
    """Bring in a file or folder, all or nothing; a project that does not exist is made."""
    workspace = open_workspace()
    choices = _read_choices(columns or [])
    with workspace.store.read() as conn:
        is_new = projects.find_project(conn, project) is None
    if dry_run:
        _show_preview(project, is_new, preview_path(workspace, project, path, kind=kind, choices=choices), json)
        return
    new_with = pin_reference(base_model or workspace.settings.base_model) if is_new else None
    done = import_path(workspace, project, path, new_with=new_with, kind=kind, choices=choices)
    value = {"project": project, "created": is_new, "changed": done.changed, "notes": list(done.notes), "columns": done.columns}
    words = f"{project}: " + ", ".join(f"{count} {what}" for what, count in done.changed.items())
    Out(json).show(value, "\n".join([*_say_columns(done.columns), *done.notes, words]))


@app.command()
def export(
    project: ProjectName,
    out: Annotated[Path, typer.Option(help="File to write, or folder (datasets, beir, csv, model; model.zip as a zip); it must not exist.")],
    what: Annotated[str, typer.Option(help="pairs, triplets, tuples, datasets, beir, qrels, csv, log (every event), or model (the tuned model).")] = "pairs",
    system: Annotated[str, typer.Option(help="With model: tuned (the newest measured) or a model's id.")] = "tuned",
    onnx_int8: Annotated[
        bool, typer.Option("--onnx-int8", help="With model: its 8-bit ONNX form, for applications without torch; refused where its NDCG@5 falls.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a project's content, its history or a model to disk, whole or not at all."""
    if what not in [*Form, MODEL]:
        raise typer.BadParameter(f"{what!r} is none of {', '.join([*Form, MODEL])}.", param_hint="--what")
    if onnx_int8 and what != MODEL:
        raise typer.BadParameter("it goes with --what model.", param_hint="--onnx-int8")
    workspace = open_project(project)
    words = f"Wrote {out}."
    value: dict[str, Any]
    if onnx_int8:
        made = _quantise(workspace, project, system, out)
        value = {"model": _export_model(workspace, project, made["id"], out), **made}
        words += f" {say_cost(made)}."
    elif what == MODEL:
        value = {"model": _export_model(workspace, project, system, out)}
    else:
        value = {"rows": export_project(workspace, project, Form(what), out)}
    Out(json).show({"project": project, "out": str(out), **value}, words)


def _read_choices(columns: list[str]) -> dict[str, str]:
    """Columns by role, from `role=Column`."""
    for item in columns:
        if "=" not in item:
            raise typer.BadParameter(f"{item!r} is no role=column, such as text=Body.", param_hint="--map")
    return dict(item.split("=", 1) for item in columns)


def _show_preview(project: str, is_new: bool, preview: Preview, json: bool) -> None:
    changes: dict[str, Change] = {"documents": preview.documents, "anchors": preview.anchors, "judgements": preview.judgements}
    words = [f"{name}: {change.found} found, {change.new} new, {change.changed} changed, {change.same} already here" for name, change in changes.items()]
    value = {"project": project, "new_project": is_new, **{name: asdict(change) | {"same": change.same} for name, change in changes.items()}}
    said = [*_say_columns(preview.columns), *words, *preview.notes, "Nothing was stored."]
    Out(json).show(value | {"notes": list(preview.notes), "columns": preview.columns}, "\n".join(said))


def _say_columns(columns: Mapping[str, str]) -> list[str]:
    return ["Columns: " + ", ".join(f"{column} is {role}" for column, role in columns.items()) + ". Change one with --map ROLE=COLUMN."] if columns else []


def _quantise(workspace: Workspace, project: str, system: str, out: Path) -> dict[str, Any]:
    """The 8-bit ONNX form of a system's model, registered like any model so that an index can be built by it."""
    from core.tuning import quantise

    refuse_existing(out)
    return quantise.quantise_model(workspace, project, system, quantise.Form.ONNX)


def _export_model(workspace: Workspace, project: str, system: str, out: Path) -> str:
    record = find_system(workspace, project, system)
    if record is None:
        raise PairsmithError("BM25 has no weights. Name a model instead: tuned, base, or a model's id.")
    export_model(workspace, project, record, out)
    return record.id
