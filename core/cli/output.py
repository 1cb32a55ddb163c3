"""What the command line prints: one place for JSON, progress on stderr."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from typing import Any

from tqdm import tqdm

from core import __version__
from core.jobs.engine import LocalEngine, has_worker, start_worker
from core.model import PairsmithError, Run, RunStatus
from core.plain import make_plain
from core.retrieval.models import describe_model
from core.store import artefacts, corpus, projects, runs
from core.tuning.checks import Checked
from core.tuning.findings import Finding
from core.workspace import Workspace


class Out:
    """Prints a value as JSON, or as the words given for a person."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, value: dict[str, Any], words: str | None = None) -> None:
        """Print to stdout. Numbers that JSON cannot say become null."""
        if self.as_json or words is None:
            print(json.dumps(make_plain(value), ensure_ascii=False, indent=2))
        else:
            print(words)


def follow_run(workspace: Workspace, run_id: str, *, poll_s: float = 0.3) -> Run:
    """Wait for a run with a progress bar on stderr, starting a worker where it waits, or was left behind, and none is alive. Ctrl-C cancels it.

    Returns the run once it succeeded; raises `PairsmithError` in its words when it failed or was cancelled.
    """
    engine = LocalEngine(workspace)
    helper: subprocess.Popen[bytes] | None = None
    with tqdm(total=1000, file=sys.stderr, bar_format="{desc} {percentage:3.0f}% {bar} {postfix}", mininterval=0.5) as bar:
        while True:
            with workspace.store.read() as conn:
                run, is_claimable = runs.get_run(conn, run_id), runs.is_claimable(conn, run_id)
            if run.status.is_over:
                break
            if is_claimable and not has_worker(workspace) and (helper is None or helper.poll() is not None):
                helper = start_worker(workspace, until_idle=True)
            bar.set_description_str((run.progress.message or run.status.value)[:40], refresh=False)
            if run.progress.left_s is not None:
                bar.set_postfix_str(f"{run.progress.left_s:.0f} s left", refresh=False)
            bar.update(int(run.progress.fraction * 1000) - bar.n)
            try:
                time.sleep(poll_s)
            except KeyboardInterrupt:
                engine.request_cancel(run_id)
    if run.status == RunStatus.SUCCEEDED:
        return run
    if run.status == RunStatus.CANCELLED:
        raise PairsmithError(f"Run {run_id} was cancelled.")
    raise PairsmithError(f"Run {run_id} failed. {run.error}\nIts log: pairsmith log {run.project_id} --run {run_id}")


def render_finding(item: Finding) -> str:
    """A finding of a preflight on a line."""
    return f"{item.level.upper():<5} {item.text} {item.action}".rstrip()


def render_cost(report: Checked) -> str:
    """What a training would take, the memory where it is known."""
    memory = f" and {report.memory_gb:.1f} GB of memory" if report.memory_gb else ""
    return f"{report.steps} steps, about {report.seconds / 60:.0f} min{memory}"


def describe_run(run: Run) -> dict[str, Any]:
    """A run for a listing."""
    took = None if run.started_at is None or run.finished_at is None else run.finished_at - run.started_at
    return {"id": run.id, "kind": run.kind.value, "status": run.status.value, "created_at": run.created_at, "seconds": took, "error": run.error}


def show_project(workspace: Workspace, project_id: str) -> dict[str, Any]:
    """Everything a listing says of a project."""
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id)
        parts: dict[str, int] = {}
        for anchor in anchors:
            if anchor.part is not None:
                parts[anchor.part.value] = parts.get(anchor.part.value, 0) + 1
        return {
            "id": project.id,
            "name": project.name,
            "base_model": project.base_model,
            **projects.count_contents(conn, project_id),
            "parts": parts,
            "models": [
                {"id": model.id, "name": model.name, "kind": model.kind.value, "snapshot": model.snapshot_id}
                for model in artefacts.list_models(conn, project_id)
            ],
            "snapshots": [{"id": item.id, **item.counts} for item in artefacts.list_snapshots(conn, project_id)],
            "runs": [describe_run(run) for run in runs.list_runs(conn, project_id, limit=20)],
        }


def run_doctor(workspace: Workspace, embedded: str) -> dict[str, Any]:
    """Check what everything else stands on. `ok` is False when one check failed that stops work; a missing worker does not."""
    checks: list[dict[str, Any]] = []

    def check(name: str, ok: bool, detail: str) -> None:
        checks.append({"name": name, "ok": ok, "detail": detail})

    free = shutil.disk_usage(workspace.folder()).free
    check("home", free > 1e9, f"{workspace.home}, {free / 1e9:.0f} GB free")
    with workspace.store.read() as conn:
        check("database", True, f"{workspace.store.engine.dialect.name}, {len(projects.list_projects(conn))} projects")
    try:
        check("embedded model", True, f"weights as published, fingerprint {describe_model(embedded).id[:12]}")
    except PairsmithError as error:
        check("embedded model", False, str(error))
    check("worker", True, "running" if has_worker(workspace) else "none; runs started here bring their own, the app starts one")
    names = ("streamlit", "sentence-transformers", "torch", "transformers", "umap-learn", "sqlalchemy")
    check("versions", True, ", ".join([f"pairsmith {__version__}", f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)]))
    return {"ok": all(item["ok"] for item in checks), "checks": checks}
