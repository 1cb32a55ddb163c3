"""What the commands share: the application itself, its options, and running work to its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from core import __version__
from core.cli.output import Out, follow_run
from core.jobs.engine import LocalEngine
from core.model import Run, RunKind
from core.store import projects
from core.workspace import Workspace, open_workspace

app = typer.Typer(name="pairsmith", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
ProjectName = Annotated[str, typer.Argument(help="The project's id.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"pairsmith {__version__}")
        raise typer.Exit


@app.callback()
def root(
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state; else PAIRSMITH_HOME, else ~/.pairsmith.")] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Tune embedding models on your own domain, with hard negatives that experts reviewed."""
    if home is not None:
        os.environ["PAIRSMITH_HOME"] = str(home.expanduser().resolve())


def open_project(project: str) -> Workspace:
    """The workspace, once it is sure that it has the project. Raises `NotFound`."""
    workspace = open_workspace()
    with workspace.store.read() as conn:
        projects.get_project(conn, project)
    return workspace


def run_to_end(project: str, kind: RunKind, config: dict[str, Any], *, alone: bool = False) -> Run:
    """Queue a run and wait for it; `alone`: refused where another of its kind is under way."""
    workspace = open_project(project)
    engine = LocalEngine(workspace)
    return follow_run(workspace, (engine.enqueue_alone if alone else engine.enqueue)(project, kind, config))


def run_and_show(project: str, kind: RunKind, config: dict[str, Any], json: bool) -> None:
    """Queue a run, wait for it, print what it found."""
    run = run_to_end(project, kind, config)
    result = dict(run.result or {})
    Out(json).show({"run": run.id, **result}, "\n".join(f"{name}: {value}" for name, value in result.items()))
