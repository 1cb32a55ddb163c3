"""The map of a project: layouts and clumping figures in one run, stored for the page and the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import sample_data
from core.geometry.clumps import MAX_DOCUMENTS, SearchScores, describe_space, find_clumps
from core.geometry.neighbours import K, neighbour_distances, neighbour_overlap
from core.geometry.project_search import read_scores, read_search
from core.geometry.projection import MAX_POINTS, displacement, draw_base, draw_tuned, measure_noise, place_between, sample_rows
from core.geometry.stored_map import VIEWS
from core.geometry.terms import name_groups
from core.model import Document, ModelRecord, PairsmithError, Projection
from core.plain import make_plain
from core.retrieval.encoder import embed_anchors, embed_documents, embed_texts
from core.retrieval.vectors import Floats
from core.store import artefacts, corpus
from core.workspace import Workspace, replace_file

OnStage = Callable[[str, int, int], None]
"""Called with a message, the step and the number of steps."""
STEPS = 6
NO_SCORES = SearchScores({}, {}, {})
"""Before the held-out anchors were measured: development anchors choose checkpoints, so they say nothing fair of what tuning did."""


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
    `density`; `overlap` (n,) float32, the share of each one's nearest neighbours (exact, among those drawn) that both models have; and for all anchors
    `anchors` (ids) with their places as `anchors_base` and `anchors_tuned`, and on the density view.
    """
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id)
    if not documents:
        raise PairsmithError("The project has no documents, so there is nothing to draw. Import a corpus first.")
    on_stage("Encoding documents", 0, STEPS)
    rows = sample_rows(len(documents), MAX_POINTS)
    ids = [documents[row].id for row in rows]
    whole_base = embed_documents(workspace, base, documents)
    vectors = {"base": np.asarray(whole_base[rows])}
    questions = {"base": embed_anchors(workspace, base, [anchor.text for anchor in anchors])}
    on_stage("Drawing the base model", 1, STEPS)
    layout = draw_base(vectors["base"])
    arrays: dict[str, Any] = {"ids": np.array(ids), "anchors": np.array([anchor.id for anchor in anchors], dtype=str), "base": layout}
    if density:
        arrays["base_dense"] = draw_base(vectors["base"], init=layout, density=True)
    figures: dict[str, Any] = {"documents": len(documents), "drawn": len(ids), "base": describe_space(vectors["base"][sample_rows(len(ids), MAX_DOCUMENTS)])}
    if tuned is not None:
        whole_tuned = embed_documents(workspace, tuned, documents)
        vectors["tuned"] = np.asarray(whole_tuned[rows])
        questions["tuned"] = embed_anchors(workspace, tuned, [anchor.text for anchor in anchors])
        on_stage("Drawing the tuned model", 2, STEPS)
        arrays["tuned"] = draw_tuned(vectors["tuned"], layout)
        if density:
            arrays["tuned_dense"] = draw_tuned(vectors["tuned"], arrays["base_dense"], density=True)
        on_stage("Measuring how much the method itself moves points", 3, STEPS)
        figures |= {"noise_floor": measure_noise(vectors["base"], layout), "displacement": displacement(arrays["tuned"], layout)}
        if len(ids) > K:
            before, after = (neighbour_distances(vectors[side])[0] for side in ("base", "tuned"))
            arrays["overlap"] = neighbour_overlap(before, after).astype(np.float32)
        on_stage("Looking for clumps", 4, STEPS)
        figures |= _report(workspace, project_id, (base, tuned), documents, (whole_base, whole_tuned))
    for name in [name for name in arrays if name in VIEWS]:
        side = name.removesuffix("_dense")
        arrays[f"anchors_{name}"] = place_between(questions[side], vectors[side], arrays[name])
    on_stage("Saving", 5, STEPS)
    projection_id = artefacts.new_id()
    path = workspace.folder("maps") / f"{projection_id}.npz"
    with replace_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)
    projection = Projection(projection_id, base.id, tuned.id if tuned else None, str(path), make_plain(figures), time.time())
    with workspace.store.write() as conn:
        artefacts.put_projection(conn, project_id, projection)
    return projection


def read_references() -> list[str]:
    """The bundled texts over everyday topics, which no tuning saw."""
    lines = sample_data.REFERENCE_TEXTS.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line.strip()]


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
        scores=read_scores(workspace, project_id, records, {document_id: row for row, document_id in enumerate(ids)}) or NO_SCORES,
    )
    inside = {row for spot in report.hotspots for row in spot.rows}
    groups = [[documents[rows[row]].content for row in spot.rows] for spot in report.hotspots]
    terms = name_groups(groups, [documents[row].content for place, row in enumerate(rows) if place not in inside]) if groups else []
    return report.to_json(ids, terms)
