"""Measuring again by itself: once the holes that were put into the review queue are judged, the same systems are due once more. No torch.

What was asked for lies in one file a project (`evaluations/PROJECT.again.json`, the settings of an evaluation) until then; a newer wish takes its place.
Invariants: nothing is due before the last hole is judged, nor where no judgement changed a figure or somebody measured again already; a trained model and
a cross-encoder of the project are named by their ids, so that a newer one does not come in their stead (`base` is the present one);
nothing goes to an endpoint without a new word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.evaluation.found import find_staleness, list_comparisons
from core.evaluation.holes import count_waiting, queue_holes
from core.evaluation.options import RERANK, EvaluateOptions
from core.model import PairsmithError
from core.workspace import Workspace, replace_file


def repeat_settings(test: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that measure the systems of a stored comparison again. Raises `PairsmithError` where what it was measured with is no setting any more."""
    told = test.get("facts", {}).get("settings") or {"systems": ["base", test["tuned"]["model_id"]]}
    options = EvaluateOptions.read(told)
    ids = {item["system"]: item["model_id"] for item in test["systems"]}
    systems = [_pin_model(name, ids) for name in options.systems]
    reranker = test.get("facts", {}).get("reranker_id") or options.reranker
    return replace(options, systems=systems, reference=_pin_model(options.reference, ids), reranker=reranker, send=False).to_json()


def _pin_model(name: str, ids: Mapping[str, str]) -> str:
    first, mark, _ = name.partition(RERANK)
    return ids[name] + mark if first in ("tuned", "unblended") and name in ids else name


def judge_holes(workspace: Workspace, project_id: str, test: Mapping[str, Any], author: str) -> int:
    """Put the holes of a comparison into the review queue, and have its systems measured again once none waits any more. Returns how many came.

    Where none waits after that, nothing is to be measured again: a later judgement would else open the test part, unasked.
    """
    placed = queue_holes(workspace, project_id, test, author)
    if not count_waiting(workspace, project_id):
        forget(workspace, project_id)
        return placed
    with replace_file(_find_path(workspace, project_id)) as path:
        path.write_text(json.dumps(repeat_settings(test)), encoding="utf-8")
    return placed


def read_due(workspace: Workspace, project_id: str) -> dict[str, Any] | None:
    """The settings of the evaluation that is due now, or None. What has become needless is forgotten."""
    path = _find_path(workspace, project_id)
    if not path.exists() or count_waiting(workspace, project_id):
        return None
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    newest = next((test for _, test in list_comparisons(workspace, project_id) if _is_of(test, settings)), None)
    if newest is None or not find_staleness(workspace, project_id, newest):
        forget(workspace, project_id)
        return None
    return settings


def _is_of(test: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    try:
        return repeat_settings(test) == settings
    except PairsmithError:  # measured with settings that are none any more: not what waits
        return False


def forget(workspace: Workspace, project_id: str) -> None:
    """Nothing is to be measured again any more."""
    _find_path(workspace, project_id).unlink(missing_ok=True)


def _find_path(workspace: Workspace, project_id: str) -> Path:
    return workspace.folder("evaluations") / f"{project_id}.again.json"
