"""The settings of a project's curation: a frozen value on top of the JSON that the project row holds. Unknown names are ignored, so that an older
Pairsmith can open a newer project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from core.model import PairsmithError, Project
from core.store import projects
from core.workspace import Workspace


@dataclass(frozen=True)
class CurationOptions:
    """How a project's documents and reviewers are treated."""

    parent_field: str = ""
    """The document field that names the parent document of a passage; empty where passages have none."""
    negatives_target: int = 3
    """Reviewed hard negatives wanted for each training anchor."""
    overlap: float = 0.0
    """Share of the queue that two experts judge, to see how far they agree."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Other keys of the judging panel, by action."""


def read_options(project: Project) -> CurationOptions:
    """The options of a project, the default where it has none."""
    known = {item.name for item in fields(CurationOptions)}
    return CurationOptions(**{name: value for name, value in project.options.items() if name in known})


def change_options(workspace: Workspace, project_id: str, **changes: Any) -> CurationOptions:
    """Set some options of a project and return them all. Raises `PairsmithError` for a target below 1."""
    if changes.get("negatives_target", 1) < 1:
        raise PairsmithError(f"A target of {changes['negatives_target']} hard negatives an anchor is no target. Give 1 or more.")
    with workspace.store.write() as conn:
        project = projects.get_project(conn, project_id)
        options = CurationOptions(**asdict(read_options(project)) | changes)
        projects.set_options(conn, project_id, {**project.options, **asdict(options)})
    return options
