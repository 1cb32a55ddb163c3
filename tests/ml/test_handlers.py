"""What a run of each kind does with the names it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.jobs.engine import LocalEngine
from core.jobs.handlers import draw_map
from core.jobs.reporter import Reporter
from core.model import NotFound, PairsmithError, RunKind
from core.store import artefacts
from core.workspace import Workspace


def draw(workspace: Workspace, project: str, config: dict[str, str]) -> str:
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
        assert sorted(arrays) == ["base", "ids"]
