"""The map of a project: layouts and clumping figures in one run, stored for the page and the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.geometry.clumps import MAX_DOCUMENTS, SearchScores, find_clumps
from core.geometry.control import describe_random, describe_space
from core.geometry.held_out import read_scores
from core.geometry.nearest import find_neighbours
from core.geometry.neighbours import K, Neighbours, neighbour_overlap
from core.geometry.project_search import read_search
from core.geometry.projection import (
    MAX_POINTS,
    NEIGHBOURS,
    align_layout,
    displacement,
    draw_base,
    draw_tuned,
    measure_noise,
    measure_shuffled,
    place_between,
    sample_rows,
)
from core.geometry.references import read_references
from core.geometry.stored_map import VIEWS
from core.geometry.terms import name_rows
from core.model import Document, ModelRecord, PairsmithError, Projection
from core.plain import make_plain
from core.retrieval.encoder import embed_anchors, embed_documents, embed_texts
from core.retrieval.vectors import Floats
from core.store import artefacts, corpus
from core.workspace import Workspace, replace_file

OnStage = Callable[[str, int, int], None]
"""Called with a message, the step and the number of steps."""
NO_SCORES = SearchScores({}, {}, {})
"""Before the held-out anchors were measured: development anchors choose checkpoints, so they say nothing fair of what tuning did."""


class Steps:
    """Tells `on_stage` which of `total` steps begins."""

    def __init__(self, on_stage: OnStage, total: int) -> None:
        self.on_stage, self.total, self.done = on_stage, total, 0

    def begin(self, message: str) -> None:
        """The next step begins."""
        self.on_stage(message, self.done, self.total)
        self.done += 1


def measure_clumps(workspace: Workspace, project_id: str, base: ModelRecord, tuned: ModelRecord) -> dict[str, Any]:
    """The clumping report of a project's documents (a seeded sample of at most `MAX_DOCUMENTS`), hotspots by document id."""
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, project_id)
    if not documents:
        raise PairsmithError("The project has no documents, so there is nothing to measure. Import a corpus first.")
    vectors = [embed_documents(workspace, record, documents) for record in (base, tuned)]
    return _report(workspace, project_id, (base, tuned), documents, (vectors[0], vectors[1]))


def draw_maps(workspace: Workspace, project_id: str, base: ModelRecord, tuned: ModelRecord | None, on_stage: OnStage, *, density: bool = False) -> Projection:
    """Draw base and, where given, tuned, measure clumping, and store all of it. Raises `PairsmithError` for an empty corpus.

    The file holds, for the documents drawn: `ids`; places (n, 2) float32 as `base` and `tuned`, by densMAP too as `base_dense` and `tuned_dense` where
    `density`; `overlap` (n,) float32, the share of each one's nearest neighbours (among those drawn) that both models have; and for all anchors
    `anchors` (ids) with their places as `anchors_base` and `anchors_tuned`, and on the density view.
    """
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id)
    if not documents:
        raise PairsmithError("The project has no documents, so there is nothing to draw. Import a corpus first.")
    steps = Steps(on_stage, 1 + (3 + density) * (2 if tuned else 1) + (2 if tuned else 0))
    rows = sample_rows(len(documents), MAX_POINTS)
    ids = [documents[row].id for row in rows]
    arrays: dict[str, Any] = {"ids": np.array(ids), "anchors": np.array([anchor.id for anchor in anchors], dtype=str)}
    whole: dict[str, Floats] = {}
    vectors: dict[str, Floats] = {}
    questions: dict[str, Floats] = {}
    near: dict[str, Neighbours] = {}
    for side, record in [("base", base), *([("tuned", tuned)] if tuned else [])]:
        steps.begin(f"Encoding documents with the {side} model")
        whole[side] = embed_documents(workspace, record, documents)
        questions[side] = embed_anchors(workspace, record, [anchor.text for anchor in anchors])
        vectors[side] = np.asarray(whole[side][rows])
        near[side] = _place(steps, side, vectors[side], arrays, density=density)
    sample = vectors["base"][sample_rows(len(ids), MAX_DOCUMENTS)]
    figures: dict[str, Any] = {"documents": len(documents), "drawn": len(ids), "base": describe_space(sample), "random": describe_random(*sample.shape)}
    if tuned is not None:
        steps.begin("Measuring how much the method itself moves points")
        noise = measure_noise(vectors["base"], arrays["base"], near=near["base"])
        figures |= {"noise_floor": noise, "displacement": displacement(arrays["tuned"], arrays["base"]), "shuffled": measure_shuffled(arrays["base"])}
        if len(ids) > K:
            arrays["overlap"] = neighbour_overlap(near["base"].rows[:, :K], near["tuned"].rows[:, :K]).astype(np.float32)
        steps.begin("Looking for clumps")
        figures |= _report(workspace, project_id, (base, tuned), documents, (whole["base"], whole["tuned"]))
    figures["map_recall"] = {side: found.recall for side, found in near.items()}
    steps.begin("Placing anchors and saving")
    for name in [name for name in arrays if name in VIEWS]:
        side = name.removesuffix("_dense")
        arrays[f"anchors_{name}"] = place_between(questions[side], vectors[side], arrays[name])
    projection_id = artefacts.new_id()
    path = workspace.folder("maps") / f"{projection_id}.npz"
    with replace_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)
    projection = Projection(projection_id, base.id, tuned.id if tuned else None, str(path), make_plain(figures), time.time())
    with workspace.store.write() as conn:
        artefacts.put_projection(conn, project_id, projection)
    return projection


def _place(steps: Steps, side: str, vectors: Floats, arrays: dict[str, Any], *, density: bool) -> Neighbours:
    """The neighbours of one model's documents (n, d); its layouts are put in `arrays`, where the base's are already for the tuned model's."""
    steps.begin(f"Finding neighbours under the {side} model")
    near = find_neighbours(vectors, NEIGHBOURS - 1)
    steps.begin(f"Drawing the {side} model")
    arrays[side] = draw_base(vectors, near=near) if side == "base" else draw_tuned(vectors, arrays["base"], near=near)
    if density:
        steps.begin(f"Drawing the density view of the {side} model")
        init = arrays["base"] if side == "base" else arrays["base_dense"]
        draw = draw_base(vectors, init=init, density=True, near=near)
        arrays[f"{side}_dense"] = draw if side == "base" else align_layout(draw, init)
    return near


def _report(
    workspace: Workspace, project_id: str, records: tuple[ModelRecord, ModelRecord], documents: Sequence[Document], vectors: tuple[Floats, Floats]
) -> dict[str, Any]:
    """The report on a seeded sample of at most `MAX_DOCUMENTS`, hotspots by document id and with their terms."""
    rows = sample_rows(len(documents), MAX_DOCUMENTS)
    ids = [documents[row].id for row in rows]
    references = [embed_texts(workspace, record, read_references(), prompt=record.document_prompt) for record in records]
    report = find_clumps(
        np.asarray(vectors[0][rows]),
        np.asarray(vectors[1][rows]),
        reference_base=references[0],
        reference_tuned=references[1],
        search=read_search(workspace, project_id, records, documents, vectors),
        scores=read_scores(workspace, project_id, (records[0].id, records[1].id), {document_id: row for row, document_id in enumerate(ids)}) or NO_SCORES,
    )
    return report.to_json(ids, name_rows([spot.rows for spot in report.hotspots], [documents[row].content for row in rows]))
