"""The log of a run as people read it: the end of the file, as text, whatever bytes a library wrote. No torch here: pages show it."""

from __future__ import annotations

from pathlib import Path

from core.workspace import Workspace

LOG_CHARS = 8_000
"""What is shown of a log: its end, where the error stands."""


def find_log(workspace: Workspace, run_id: str) -> Path:
    """Where the log of a run lies, whether or not there is one yet."""
    return workspace.home / "runs" / run_id / "log.txt"


def read_log(workspace: Workspace, run_id: str, most: int = LOG_CHARS) -> str:
    """The last `most` characters of the run's log; empty where it wrote none."""
    path = find_log(workspace, run_id)
    return path.read_text(encoding="utf-8", errors="replace")[-most:] if path.exists() else ""
