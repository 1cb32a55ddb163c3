"""Looking at what ran: the log of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out, describe_run
from core.jobs.run_log import LOG_CHARS, find_log, read_log
from core.model import NotFound
from core.store import runs


@app.command()
def log(
    project: ProjectName,
    run: Annotated[str, typer.Option(help="A run's id; the newest run where it is left out.")] = "",
    chars: Annotated[int, typer.Option(min=1, help="How much of the log's end is printed.")] = LOG_CHARS,
    json: Json = False,
) -> None:
    """Print how a run ended and the end of its log."""
    workspace = open_project(project)
    with workspace.store.read() as conn:
        found = runs.get_run(conn, run) if run else next(iter(runs.list_runs(conn, project, limit=1)), None)
    if found is None or found.project_id != project:
        raise NotFound(f"Project {project!r} has no run {run!r}. `pairsmith project show {project}` lists its runs." if run else "Nothing has run yet.")
    text = read_log(workspace, found.id, chars)
    value = {**describe_run(found), "log": text, "path": str(find_log(workspace, found.id))}
    Out(json).show(value, f"{found.kind} run {found.id}: {found.status}. {found.error or ''}".rstrip() + f"\n{text or 'This run wrote no log.'}")
