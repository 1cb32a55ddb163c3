"""From a lasso on the map to the review queue, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from playwright.sync_api import Page, expect

from core.curation.twins import write_twins
from core.model import ModelKind, ModelRecord, Part, Projection
from core.store import artefacts, candidates, corpus, projects
from core.workspace import Workspace
from tests.e2e.conftest import QUEUE_PROJECT, fill_queue
from tests.e2e.test_judging_panel import PANEL
from tests.servers import Server

BASE, TUNED = "b" * 64, "c" * 64


def draw_map(workspace: Workspace, *, text: str = "", hotspots: Sequence[Mapping[str, object]] = ()) -> None:
    """A map of six questions' answers on which those of the first three lie at the left, the others and all candidates at the right.

    `text` stands at the head of every text; `hotspots` as the clumping report has them.
    """
    fill_queue(workspace, anchors=6, per_anchor=2, text=text)
    with workspace.store.read() as conn:
        ids, _ = corpus.read_document_ids(conn, QUEUE_PROJECT)
        revision = projects.get_project(conn, QUEUE_PROJECT).corpus_revision
    places = np.random.default_rng(0).uniform(0, 1, size=(len(ids), 2)).astype(np.float32)
    places[[row for row, item in enumerate(ids) if item not in ("r00", "r01", "r02")], 0] += 4
    path = workspace.folder("maps") / "one.npz"
    np.savez(path, ids=np.array(ids), anchors=np.array([], dtype=str), base=places, tuned=places)
    write_twins(workspace, QUEUE_PROJECT, {}, revision)
    figures = {"documents": len(ids), "drawn": len(ids), "verdict": "none", "reasons": ["Too few."], "global": {"n": len(ids)}, "gap": {}}
    figures["hotspots"] = list(hotspots)
    with workspace.store.write() as conn:
        corpus.set_parts(conn, QUEUE_PROJECT, {f"a{n:02}": Part.TEST if n == 1 else Part.TRAIN for n in range(6)})
        for model_id, kind in ((BASE, ModelKind.BASE), (TUNED, ModelKind.TUNED)):
            artefacts.put_model(conn, QUEUE_PROJECT, ModelRecord(model_id, kind.value, kind, "/nowhere", 32, 64, created_at=1.0))
        artefacts.put_projection(conn, QUEUE_PROJECT, Projection("one", BASE, TUNED, str(path), figures, 10.0))


def review_inside(tab: Page, workspace: Workspace) -> list[tuple[str, str]]:
    """Have the first three answers reviewed, by the button that is there; the pairs that are queued then."""
    tab.get_by_role("button", name="Review what is in here").click()
    expect(tab.get_by_role("heading", name="Hard negatives")).to_be_visible()
    expect(tab.get_by_text("2 pairs of 2 questions answered there come next.")).to_be_visible()
    # r01 answers the held-out a01: only the other two may be shown, each for the other's question
    expect(tab.locator(PANEL)).to_have_attribute("data-pair", '["a00","r02"]')
    with workspace.store.read() as conn:
        pairs = candidates.list_queued_pairs(conn, QUEUE_PROJECT)
    assert {("a00", "r02"), ("a02", "r00")} <= set(pairs)
    return pairs


def test_a_lasso_is_reviewed_with_one_click_without_what_is_held_out(tab: Page, serve: Callable[..., Server], home_store: Workspace) -> None:
    draw_map(home_store)
    tab.set_viewport_size({"width": 1280, "height": 1600})
    tab.goto(f"{serve().url}/map?project={QUEUE_PROJECT}")
    tab.get_by_role("radio", name="draws around").click()
    plot = tab.locator(".js-plotly-plot .draglayer .xy .nsewdrag").first
    expect(plot).to_be_visible()
    tab.wait_for_timeout(1_000)  # the chart is drawn anew with the lasso as its drag
    box = plot.bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 2
    tab.mouse.move(left, top)
    tab.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        tab.mouse.move(x, y, steps=8)
    tab.mouse.up()
    expect(tab.get_by_text("3 documents drawn around")).to_be_visible()
    pairs = review_inside(tab, home_store)
    assert not [pair for pair in pairs if pair[1] == "r01"]
