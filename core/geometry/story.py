"""One story of a tuned model wherever it is told: what its newest map says of clumping, judged by what is known of search now. No torch here.

A map keeps its figures, but held-out anchors may be measured after it was drawn, or once more. So wherever the flag is shown, the rule is applied again with
the newest measurement: a model that finds fewer answers is never green on one page and worse on another. Figures of the space stay as they were measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.geometry.clumps import SearchScores, measure_effect, tell_answered, tell_difference
from core.geometry.gap import Gap
from core.geometry.held_out import read_scores
from core.geometry.hotspots import Hotspot
from core.geometry.rule import apply_rule
from core.geometry.stored_map import find_layout, name_hotspot, read_layout
from core.model import Projection
from core.plain import make_plain
from core.store import artefacts
from core.workspace import Workspace

POINTS_REPORTED = 2_000
"""Documents whose places a report holds."""


def find_map(workspace: Workspace, project_id: str, tuned_id: str) -> Projection | None:
    """The map of a tuned model that was drawn last; None before there was one."""
    with workspace.store.read() as conn:
        return next((item for item in artefacts.list_projections(conn, project_id) if item.tuned_id == tuned_id), None)


def tell_story(workspace: Workspace, project_id: str, projection: Projection) -> dict[str, Any]:
    """The figures of a map with the flag, its reasons and each hotspot's effect as they are now; without a flag, with what tuning did to search alone."""
    figures = dict(projection.figures)
    if projection.tuned_id is None:
        return figures
    rows = {item: row for row, item in enumerate(item for spot in figures.get("hotspots", []) for item in spot["ids"])}
    scores = read_scores(workspace, project_id, (projection.base_id, projection.tuned_id), rows)
    if scores is None or not scores.base.keys() & scores.tuned.keys():
        return figures
    if figures.get("verdict", "none") == "none":
        return {**figures, "global": {**figures.get("global", {}), "ndcg@5": make_plain(tell_difference(measure_effect(scores, []).overall))}}
    with workspace.store.read() as conn:
        dimensions = {artefacts.get_model(conn, project_id, model_id).dimension for model_id in (projection.base_id, projection.tuned_id)}
    return judge_again(figures, scores, rows, same_dimension=len(dimensions) == 1)


def judge_again(figures: Mapping[str, Any], scores: SearchScores, rows: Mapping[str, int], *, same_dimension: bool) -> dict[str, Any]:
    """Stored figures with the rule applied to them and to `scores`, whose answers are numbered as `rows` numbers documents; unchanged where the map knew."""
    hotspots = [Hotspot([rows[item] for item in spot["ids"]], spot["closer"]) for spot in figures["hotspots"]]
    effect = measure_effect(scores, hotspots)
    now = make_plain(tell_difference(effect.overall))
    if figures["global"].get("ndcg@5") == now:
        return dict(figures)
    gap = figures.get("gap", {}).get("tuned")
    verdict, reasons = apply_rule(
        _restore(figures["global"]), hotspots, same_dimension=same_dimension, gap=Gap(**_restore(gap)) if gap else None, effect=effect
    )
    spots = [{**spot, **said} for spot, said in zip(figures["hotspots"], make_plain(tell_answered(effect)), strict=True)]
    return {**figures, "verdict": verdict, "reasons": reasons, "hotspots": spots, "global": {**figures["global"], "ndcg@5": now}}


def add_to_report(workspace: Workspace, project_id: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison's report with `clumping`: the story of the model that it is about, and its map; without it where that model has no map."""
    model_id = next((item["model_id"] for item in report["systems"] if item["system"] == report["system"]), "")
    projection = find_map(workspace, project_id, model_id)
    if projection is None:
        return dict(report)
    figures = tell_story(workspace, project_id, projection)
    spots = [
        {"name": name_hotspot(number, spot), "documents": len(spot["ids"]), "closer": spot["closer"], "ndcg@5": spot.get("ndcg@5")}
        for number, spot in enumerate(figures["hotspots"], start=1)
    ]
    kept = {name: figures.get(name) for name in ("verdict", "reasons", "global", "gap", "noise_floor", "displacement", "shuffled", "documents", "map_recall")}
    return {**report, "clumping": {**kept, "hotspots": spots, "map": _gather_places(workspace, projection, figures)}}


def _gather_places(workspace: Workspace, projection: Projection, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The places of at most `POINTS_REPORTED` evenly spaced documents under both models, hotspots first; empty where the map's file is gone."""
    if not find_layout(workspace, projection).exists():
        return {}
    layout = read_layout(workspace, projection)
    ids = layout["ids"].tolist()
    inside = {item for spot in figures["hotspots"] for item in spot["ids"]}
    held = [row for row, item in enumerate(ids) if item in inside][:POINTS_REPORTED]
    others = np.setdiff1d(np.arange(len(ids)), held)
    room = min(POINTS_REPORTED - len(held), len(others))
    rows = sorted([*held, *(others[np.linspace(0, len(others) - 1, room).astype(int)].tolist() if room else [])])
    return {
        **{side: np.round(layout[side][rows], 3).tolist() for side in ("base", "tuned")},
        "in_hotspot": [ids[row] in inside for row in rows],
    }


def _restore(value: Any) -> Any:
    """Stored values with what JSON could not say as nan again."""
    if isinstance(value, Mapping):
        return {key: _restore(inner) for key, inner in value.items()}
    return math.nan if value is None else value
