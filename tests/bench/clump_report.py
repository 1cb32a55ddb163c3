"""The clumping report of a model that a benchmark trained, by the same way as a map in the app: the gap on development anchors, the effect on held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.geometry.clumps import MAX_DOCUMENTS, Search, find_clumps
from core.geometry.gap import Questions
from core.geometry.projection import sample_rows
from core.geometry.references import read_references
from core.model import Part
from core.retrieval.encoder import Encoder
from core.retrieval.vectors import Floats
from tests.bench.quality.prepare import Prepared


def report_clumps(data: Prepared, tuned: Encoder) -> dict[str, Any]:
    """The report on the collection's documents (at most `MAX_DOCUMENTS`), the reference set and the anchors, hotspots by row."""
    models = Encoder(data.base), tuned
    rows = sample_rows(len(data.documents), MAX_DOCUMENTS)
    documents = [data.documents[row] for row in rows]
    row_of = {document.id: row for row, document in enumerate(documents)}
    vectors = [model.encode([document.content for document in documents], data.base.document_prompt) for model in models]
    references = [model.encode(read_references(), data.base.document_prompt) for model in models]
    search, held_out = (ask(data, part, models, row_of, vectors) for part in (Part.DEV, Part.TEST))
    return find_clumps(vectors[0], vectors[1], reference_base=references[0], reference_tuned=references[1], search=search, scores=held_out.score()).to_json()


def ask(data: Prepared, part: Part, models: tuple[Encoder, Encoder], row_of: dict[str, int], vectors: Sequence[Floats]) -> Search:
    """The anchors of a part under both models, with the rows of their answers."""
    anchors = data.snapshot.part(part)
    grades = [{row_of[item]: grade for item, grade in anchor.positives.items() if item in row_of} for anchor in anchors]
    groups = [data.groups.get(anchor.id, anchor.id) for anchor in anchors]
    base, after = (Questions(model.encode_queries([anchor.text for anchor in anchors]), grades, groups) for model in models)
    return Search(base, after, vectors[0], vectors[1])
