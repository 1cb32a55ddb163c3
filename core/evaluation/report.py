"""A comparison as a report: everything it rests on gathered into plain values, to be written as JSON or as one HTML file. No torch.

Invariant: the values are those that were stored; only slices, the telling queries and whether it is stale are computed now, from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import __version__
from core.curation.split import plan_split
from core.evaluation.found import Found, find_comparison, list_changes, read_score_pair
from core.evaluation.holes import POOL, find_holes
from core.evaluation.lists import read_lists
from core.evaluation.report_html import render_html
from core.evaluation.slices import list_fields, slice_scores
from core.evaluation.telling import choose_telling
from core.model import PairsmithError
from core.plain import make_plain
from core.store import corpus, judgements, projects
from core.workspace import Workspace, replace_file

SHOWN = 5
"""Documents of each list that a telling query shows."""
MOST_ANCHORS = 5_000
MOST_FIELDS = 8


def build_report(
    workspace: Workspace, project_id: str, *, run_id: str | None = None, system: str | None = None, model_id: str | None = None, now: float
) -> dict[str, Any]:
    """The report of a run's comparison, else of the newest, seen from `system`. Raises `NotFound` where there is none."""
    found = find_comparison(workspace, project_id, run_id=run_id, system=system, model_id=model_id)
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        contents = projects.count_contents(conn, project_id)
    changes = list_changes(workspace, project_id, found, limit=MOST_ANCHORS)
    holes = find_holes(workspace, project_id, found.test)
    return {
        "made_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "made_by": f"Pairsmith {__version__}",
        "project": {"id": project.id, "name": project.name, "base_model": project.base_model, **contents},
        "run": {"id": found.run.id, "kind": found.run.kind.value, "finished_at": found.run.finished_at},
        "stale": list(found.stale),
        "system": found.system,
        "comparison": dict(found.comparison),
        **{name: found.test[name] for name in ("systems", "comparisons")},
        "facts": dict(found.test.get("facts", {})),
        "holes": {"open": len(holes.pairs), "pooled": holes.pooled, "pool": POOL},
        "anchors": [
            {"anchor_id": item.anchor_id, "text": item.text, "base": item.base, "tuned": item.tuned, "difference": item.difference} for item in changes
        ],
        "slices": _gather_slices(workspace, project_id, found),
        "telling": _gather_telling(workspace, project_id, found),
    }


def _gather_slices(workspace: Workspace, project_id: str, found: Found) -> dict[str, list[dict[str, Any]]]:
    gathered = {}
    for field in list_fields(workspace, project_id)[:MOST_FIELDS]:
        try:
            gathered[field] = [asdict(item) for item in slice_scores(workspace, project_id, found, field)]
        except PairsmithError:  # a field that no measured anchor has
            continue
    return gathered


def _gather_telling(workspace: Workspace, project_id: str, found: Found) -> list[dict[str, Any]]:
    before, after = read_score_pair(workspace, found)
    chosen = choose_telling(before, after, plan_split(workspace, project_id).groups)
    ids = [item.anchor_id for item in chosen]
    kept = [read_lists(workspace, evaluation_id, ids) for evaluation_id in found.ids]
    wanted = sorted({item for lists in kept for listed in lists.values() for item in listed[:SHOWN]})
    with workspace.store.read() as conn:
        anchors = corpus.get_anchors(conn, project_id, ids)
        documents = corpus.get_documents(conn, project_id, wanted)
        qrels = judgements.read_qrels(conn, project_id)

    def describe(anchor_id: str, lists: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        return [
            {"id": item, "text": documents[item].content if item in documents else "", "grade": qrels.get(anchor_id, {}).get(item)}
            for item in lists.get(anchor_id, [])[:SHOWN]
        ]

    return [
        {**asdict(item), "difference": item.difference, "text": anchors[item.anchor_id].text, "lists": [describe(item.anchor_id, lists) for lists in kept]}
        for item in chosen
        if item.anchor_id in anchors
    ]


def write_report(report: Mapping[str, Any], path: Path) -> list[Path]:
    """Write the report: `.html` writes the JSON beside it, `.json` is JSON alone. Returns what was written.

    Raises `PairsmithError` for another ending, and where a file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in (".html", ".json"):
        raise PairsmithError(f"A report is written as .html or .json, not as {path.name!r}.")
    files = {path.with_suffix(".json"): render_json(report)} | ({path: render_html(report)} if ending == ".html" else {})
    try:
        for target, text in files.items():
            with replace_file(target) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PairsmithError(f"The report cannot be written to {path}: {error}. Name a folder that may be written to.") from error
    return sorted(files)


def render_json(report: Mapping[str, Any]) -> str:
    """The report as JSON; numbers that JSON cannot say become null."""
    return json.dumps(make_plain(report), ensure_ascii=False, indent=2) + "\n"
