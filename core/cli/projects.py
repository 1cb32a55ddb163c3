"""Projects, runs and the installation."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out, describe_run, run_doctor, show_project
from core.ingest.sample import create_sample
from core.jobs.engine import LocalEngine
from core.retrieval.models import EMBEDDED_DEFAULT, pin_reference
from core.store import projects, runs
from core.workspace import open_workspace

project_app = typer.Typer(no_args_is_help=True, help="List projects, or show one.")
app.add_typer(project_app, name="project")


@app.command()
def init(
    project: Annotated[str | None, typer.Argument(help="Also make an empty project of this id.")] = None,
    sample: Annotated[bool, typer.Option(help="Also make the sample project of contract clauses.")] = False,
    base_model: Annotated[str, typer.Option(help="Base model of the project: the embedded default, a hub id or a folder.")] = "",
    json: Json = False,
) -> None:
    """Make the home folder, and a project where asked."""
    workspace = open_workspace()
    pinned = pin_reference(base_model or workspace.settings.base_model) if project else ""
    made = [create_sample(workspace).id] if sample else []
    if project:
        with workspace.store.write() as conn:
            made.append(projects.add_project(conn, project, base_model=pinned).id)
    Out(json).show({"home": str(workspace.home), "projects": made}, f"Home {workspace.home}" + "".join(f"\nproject {name}" for name in made))


@project_app.command("list")
def project_list(json: Json = False) -> None:
    """List the projects with what they hold."""
    workspace = open_workspace()
    with workspace.store.read() as conn:
        found = [{"id": item.id, "name": item.name, **projects.count_contents(conn, item.id)} for item in projects.list_projects(conn)]
    lines = [f"{row['id']}: {row['documents']} documents, {row['labelled_anchors']} of {row['anchors']} anchors with answers" for row in found]
    Out(json).show({"projects": found}, "\n".join(lines) or "No project yet. `pairsmith init --sample` makes the sample.")


@project_app.command("show")
def project_show(project: ProjectName, json: Json = False) -> None:
    """Show a project: contents, parts of the split, models, runs, snapshots."""
    value = show_project(open_workspace(), project)
    Out(json).show(value)


@app.command("runs")
def runs_(project: ProjectName, json: Json = False) -> None:
    """List the runs of a project, newest first."""
    workspace = open_project(project)
    with workspace.store.read() as conn:
        found = [describe_run(run) for run in runs.list_runs(conn, project)]
    Out(json).show({"runs": found}, "\n".join(f"{row['id']} {row['kind']:<8} {row['status']}" for row in found) or "No run yet.")


@app.command()
def cancel(run: Annotated[str, typer.Argument(help="The run's id.")], json: Json = False) -> None:
    """Ask a run to stop."""
    workspace = open_workspace()
    with workspace.store.read() as conn:
        runs.get_run(conn, run)
    LocalEngine(workspace).request_cancel(run)
    with workspace.store.read() as conn:
        status = runs.get_run(conn, run).status
    Out(json).show({"run": run, "status": status.value}, f"{run}: {status.value}, asked to stop")


@app.command()
def worker(until_idle: Annotated[bool, typer.Option(help="End when no run waits.")] = False) -> None:
    """Carry out runs until stopped (Ctrl-C)."""
    from core.jobs.worker import run_worker

    run_worker(open_workspace(), until_idle=until_idle)


@app.command()
def doctor(json: Json = False) -> None:
    """Check this installation: home, database, embedded model, worker, versions."""
    report = run_doctor(open_workspace(), EMBEDDED_DEFAULT)
    Out(json).show(report, "\n".join(f"{'ok ' if check['ok'] else 'NOT'} {check['name']}: {check['detail']}" for check in report["checks"]))
    if not report["ok"]:
        raise typer.Exit(1)
