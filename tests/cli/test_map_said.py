"""What `pairsmith map` says of the map that it drew: the page's own words."""

from __future__ import annotations

from dataclasses import replace

from core.cli.models import tell_map
from core.model import Projection
from core.store import artefacts
from core.workspace import Workspace

SPACE = {
    "mean_cosine": {"base": 0.2, "tuned": 0.9},
    "participation_ratio": {"value": 0.3, "low": 0.25, "high": 0.35},
    "relative_contrast": {"value": 1.0, "low": 0.95, "high": 1.05},
}
FIGURES = {
    "verdict": "red",
    "reasons": ["The spread of the documents lies in 30% as many directions as before."],
    "global": {"documents": SPACE, "ndcg@5": {"gain": -0.2, "low": -0.3, "high": -0.1}},
    "hotspots": [{"ids": ["d1", "d2"], "terms": ["rent", "lease"], "closer": 2.0}],
    "noise_floor": 0.125,
    "displacement": 1.0,
}


def test_the_map_that_was_drawn_is_told_by_flag_reasons_search_groups_and_movement(workspace: Workspace, small_project: str) -> None:
    both = Projection("one", "b" * 64, "c" * 64, "/nowhere/one.npz", FIGURES, 10.0)
    with workspace.store.write() as conn:
        artefacts.put_projection(conn, small_project, both)
        artefacts.put_projection(conn, small_project, replace(both, id="two", tuned_id=None, created_at=20.0))
    verdict, said = tell_map(workspace, small_project, "one")
    assert verdict == "red"
    assert said[0].startswith("Clumped: the model tells documents apart less well.")
    assert said[1:4] == [*FIGURES["reasons"], said[2], "Group 1: rent, lease (2 documents)"]
    assert said[2].endswith("fewer answers are found.")
    assert said[4].startswith("Documents moved 8 times as far")
    assert tell_map(workspace, small_project, "two")[0] == "none"
