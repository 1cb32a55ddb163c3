"""The command line: everything the pages can do, without a browser; one module a concern.

Figures go to stdout (as JSON with `--json`), progress and errors to stderr. Exit code 0, 1 for an error, 2 for wrong usage. `--home DIR` may
stand anywhere; without it PAIRSMITH_HOME counts.
"""

from __future__ import annotations

import sys

import typer

from core.cli.app import app
from core.model import PairsmithError

# The order here is the order of the commands in the help.
# isort: off
from core.cli import projects, data, anchors, curate, agreement, value, mining, review, tuning, reranker, evaluation, history, runs, backup, models, release
# isort: on

__all__ = [
    "agreement",
    "anchors",
    "app",
    "backup",
    "curate",
    "data",
    "evaluation",
    "history",
    "main",
    "mining",
    "models",
    "projects",
    "release",
    "reranker",
    "review",
    "runs",
    "tuning",
    "value",
]


def main() -> None:
    """Entry point: `--home` may stand anywhere, errors end as one line on stderr and exit code 1."""
    arguments = _hoist_home(sys.argv[1:])
    try:
        app(arguments)
    except PairsmithError as error:
        typer.echo(f"pairsmith: {error}", err=True)
        sys.exit(1)


def _hoist_home(arguments: list[str]) -> list[str]:
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--home="):
            return [argument, *arguments[:place], *arguments[place + 1 :]]
        if argument == "--home" and place + 1 < len(arguments):
            return [*arguments[place : place + 2], *arguments[:place], *arguments[place + 2 :]]
    return arguments
