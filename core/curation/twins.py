"""Near-duplicate groups of a project's documents, as last computed: a file by corpus revision that a web process can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from core.store import projects
from core.workspace import Workspace, replace_file


def read_twins(workspace: Workspace, project_id: str) -> dict[str, str] | None:
    """The group name by document id; None where the corpus changed since they were computed, or they never were."""
    path = _path(workspace, project_id)
    if not path.exists():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    with workspace.store.read() as conn:
        revision = projects.get_project(conn, project_id).corpus_revision
    return dict(stored["groups"]) if stored["revision"] == revision else None


def write_twins(workspace: Workspace, project_id: str, groups: Mapping[str, str], revision: int) -> None:
    """Keep the groups for the corpus revision they were computed from."""
    with replace_file(_path(workspace, project_id)) as path:
        path.write_text(json.dumps({"revision": revision, "groups": dict(groups)}), encoding="utf-8")


def _path(workspace: Workspace, project_id: str) -> Path:
    return workspace.home / "twins" / f"{project_id}.json"
