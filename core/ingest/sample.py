"""The sample project: commercial contracts, with part of the anchors left unlabelled and a queue to review."""

from __future__ import annotations

from pathlib import Path

import sample_data
from core.ingest.beir import read_beir, read_qrels
from core.ingest.bundle import ImportRefused, Problem, store_bundle
from core.model import Project
from core.store import projects
from core.workspace import Workspace

SAMPLE_ID = "contracts"
SAMPLE_NAME = "Commercial contracts (sample)"


def create_sample(workspace: Workspace, project_id: str = SAMPLE_ID) -> Project:
    """Make the sample project, all of it in one transaction. An existing project of that id is returned as it is."""
    bundle = read_beir(sample_data.CONTRACTS)
    with workspace.store.write() as conn:
        found = projects.find_project(conn, project_id)
        if found is not None:
            return found
        projects.add_project(conn, project_id, name=SAMPLE_NAME, base_model=workspace.settings.base_model)
        store_bundle(conn, project_id, bundle)
        return projects.get_project(conn, project_id)


def read_oracle(path: Path) -> dict[str, dict[str, int]]:
    """Grades by anchor and document id from a qrels file. Raises `ImportRefused` when it has faults."""
    problems: list[Problem] = []
    grades: dict[str, dict[str, int]] = {}
    for _, anchor_id, document_id, grade in read_qrels(path, problems):
        grades.setdefault(anchor_id, {})[document_id] = grade
    if problems:
        raise ImportRefused(problems)
    return grades
