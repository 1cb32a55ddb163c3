"""What a run of each kind does with the names it is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.jobs.engine import LocalEngine
from core.jobs.handlers import draw_map
from core.jobs.reporter import Reporter
from core.model import ModelKind, NotFound, PairsmithError, RunKind
from core.retrieval.models import describe_model
from core.store import artefacts
from core.workspace import Workspace
from tests.tiny_model import make_tiny_model


def draw(workspace: Workspace, project: str, config: dict[str, Any]) -> str:
    engine = LocalEngine(workspace)
    engine.enqueue(project, RunKind.MAP, config)
    run = engine.claim("w")
    assert run is not None
    return str(draw_map(workspace, run, Reporter(engine, run))["projection_id"])


@pytest.mark.parametrize(("system", "error", "words"), [("tunde", NotFound, "has no model 'tunde'"), ("bm25", PairsmithError, "BM25 has no vectors")])
def test_a_map_of_no_model_is_refused_and_nothing_is_drawn(workspace: Workspace, small_project: str, system: str, error: type[Exception], words: str):
    """Once a mistyped name, or BM25, gave a map of the base model alone, as if all were well."""
    with pytest.raises(error, match=words):
        draw(workspace, small_project, {"system": system})
    with workspace.store.read() as conn:
        assert artefacts.list_projections(conn, small_project) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")  # umap says so on import; its parametric kind is not used here
@pytest.mark.parametrize("config", [{}, {"system": "tuned"}])
def test_while_nothing_is_tuned_the_map_shows_the_base_model_alone(workspace: Workspace, small_project: str, config: dict[str, str]):
    projection_id = draw(workspace, small_project, config)
    with workspace.store.read() as conn:
        (projection,) = artefacts.list_projections(conn, small_project)
    assert (projection.id, projection.tuned_id) == (projection_id, None)
    assert Path(projection.path).parent == workspace.home / "maps"
    with np.load(projection.path) as arrays:
        assert sorted(arrays) == ["anchors", "anchors_base", "base", "ids"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")
def test_a_map_of_two_models_holds_both_layouts_the_density_view_anchors_and_neighbours_kept(workspace: Workspace, small_project: str, tmp_path: Path):
    record = replace(describe_model(str(make_tiny_model(tmp_path / "other", seed=1))), kind=ModelKind.TUNED)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, small_project, record)
    draw(workspace, small_project, {"density": True})
    with workspace.store.read() as conn:
        (projection,) = artefacts.list_projections(conn, small_project)
    assert (projection.tuned_id, projection.figures["verdict"], projection.figures["hotspots"]) == (record.id, "none", [])
    with np.load(projection.path) as arrays:
        shapes = {name: arrays[name].shape for name in arrays}
        assert 0 <= arrays["overlap"].min() <= arrays["overlap"].max() <= 1
        assert all(np.isfinite(arrays[name]).all() for name in ("base", "tuned", "base_dense", "tuned_dense", "anchors_tuned_dense"))
    places = {f"{more}{view}": (rows, 2) for more, rows in (("", 24), ("anchors_", 12)) for view in ("base", "tuned", "base_dense", "tuned_dense")}
    assert shapes == {"ids": (24,), "anchors": (12,), "overlap": (24,), **places}
