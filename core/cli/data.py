"""What comes in and what goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out, export_log, export_pairs
from core.ingest.read import import_path
from core.model import ModelKind, NotFound, PairsmithError
from core.store import artefacts, projects
from core.workspace import Workspace, open_workspace


@app.command("import")
def import_(
    project: ProjectName,
    path: Annotated[Path, typer.Argument(help="JSONL of anchor, positive, hard_negatives; a BEIR folder; a corpus as JSONL or CSV.")],
    base_model: Annotated[str, typer.Option(help="Base model, where the project is new.")] = "",
    json: Json = False,
) -> None:
    """Bring in a file or folder, all or nothing; a project that does not exist is made."""
    workspace = open_workspace()
    with workspace.store.read() as conn:
        is_new = projects.find_project(conn, project) is None
    stored = import_path(workspace, project, path, new_with=(base_model or workspace.settings.base_model) if is_new else None)
    Out(json).show({"project": project, "created": is_new, "changed": stored}, f"{project}: " + ", ".join(f"{count} {what}" for what, count in stored.items()))


@app.command()
def export(
    project: ProjectName,
    out: Annotated[Path, typer.Option(help="File (pairs, log) or folder (model) to write; it must not exist.")],
    what: Annotated[str, typer.Option(help="pairs: JSONL that imports again; log: every judgement event; model: the tuned model's folder.")] = "pairs",
    system: Annotated[str, typer.Option(help="With model: tuned (the newest) or a model's id.")] = "tuned",
    json: Json = False,
) -> None:
    """Write judgements or a model to disk."""
    workspace = open_project(project)
    if out.exists():
        raise PairsmithError(f"{out} exists already. Remove it, or name another place.")
    if what == "pairs":
        value: dict[str, Any] = {"rows": export_pairs(workspace, project, out)}
    elif what == "log":
        value = {"rows": export_log(workspace, project, out)}
    elif what == "model":
        value = {"model": _export_model(workspace, project, system, out)}
    else:
        raise typer.BadParameter(f"{what!r} is none of pairs, log, model.", param_hint="--what")
    Out(json).show({"project": project, "out": str(out), **value}, f"Wrote {out}.")


def _export_model(workspace: Workspace, project: str, system: str, out: Path) -> str:
    import shutil

    with workspace.store.read() as conn:
        if system == "tuned":
            tuned = [model for model in artefacts.list_models(conn, project) if model.kind == ModelKind.TUNED]
            if not tuned:
                raise NotFound(f"Project {project!r} has no tuned model yet. `pairsmith tune {project}` makes one.")
            record = tuned[0]
        else:
            record = artefacts.get_model(conn, project, system)
    shutil.copytree(record.location, out)
    return record.id
