"""The run that takes a cross-encoder of the hub into a project. Of its own, as it needs none of the libraries that the other kinds of run load first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.jobs.reporter import Reporter
from core.model import Run
from core.retrieval.hub import tell_megabytes
from core.retrieval.rerankers import take_reranker
from core.workspace import Workspace


def take(workspace: Workspace, run: Run, reporter: Reporter) -> Mapping[str, Any]:
    """Fetch the cross-encoder that the run names, and register it."""
    reporter.stage("Asking the hub")
    record = take_reranker(workspace, run.project_id, str(run.config["reference"]), tell_megabytes(reporter.report))
    return {"model_id": record.id, "model_name": record.name}
