"""Copying the home while it is in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.backup import back_up_home
from core.cli.app import Json, app
from core.cli.output import Out
from core.workspace import open_workspace


@app.command()
def backup(out: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")], json: Json = False) -> None:
    """Copy the home folder while the app runs; the copy is a home itself. With PostgreSQL use pg_dump and copy the folder."""
    files = back_up_home(open_workspace(), out)
    Out(json).show({"out": str(out), "files": files}, f"Wrote {out}: the database and {files} files. `pairsmith --home {out} doctor` checks it.")
