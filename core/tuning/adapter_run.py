"""A tuning run that fits a query-side adapter: one matrix on query vectors, in seconds, saved as a model that plain sentence-transformers loads.

The folder holds the base's modules and, after them, a `Router`: queries (`encode_query`) go through the matrix, documents pass unchanged, so an index of
documents under the base serves the adapter as it is. The step is chosen on development anchors; the development figure is cross-fitted, the verdict on test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.curation.split import ensure_split
from core.evaluation.comparison import compare_models
from core.evaluation.systems import BASE
from core.model import Document, ModelKind, ModelRecord, PairsmithError, Part
from core.retrieval.encoder import embed_anchors, embed_documents, load_transformer
from core.retrieval.vectors import Floats
from core.tuning.adapter import Adapter, AdapterConfig, AnchorLabels, DevelopmentSet, cross_fit, fit_adapter
from core.tuning.config import TuneConfig, choose_scale
from core.tuning.dataset import Lesson, list_lessons
from core.tuning.extras import Extras
from core.tuning.save import Provenance, save_tuned
from core.workspace import Workspace

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from core.tuning.speaker import Speaker


def tune_adapter(
    workspace: Workspace, made: Provenance[TuneConfig], documents: Sequence[Document], twins: Mapping[str, str], extras: Extras, speaker: Speaker
) -> dict[str, Any]:
    """Fit, save and give the verdict. Returns what the run shows, as `core.tuning.tune_run.run_tuning`."""
    snapshot, config = made.snapshot, made.config
    dev = snapshot.part(Part.DEV)
    lessons = list_lessons(snapshot, config.min_grade, twins, extras).lessons
    if not lessons:
        raise PairsmithError("There is nothing to train on: no anchor of the training part has an answer. Label answers on the label page first.")
    row_of = {document.id: row for row, document in enumerate(documents)}
    rows_named = name_rows(row_of, twins)
    labels = [label_lesson(lesson, row_of, rows_named) for lesson in lessons]
    groups = ensure_split(workspace, made.project_id).groups
    development = DevelopmentSet(
        queries=embed_anchors(workspace, made.base, [anchor.text for anchor in dev]),
        grades=[{row_of[item]: grade for item, grade in anchor.positives.items() if item in row_of} for anchor in dev],
        groups=[groups.get(anchor.id, anchor.id) for anchor in dev],
    )
    vectors = embed_documents(workspace, made.base, documents)
    queries = embed_anchors(workspace, made.base, [lesson.anchor.text for lesson in lessons])
    settings = AdapterConfig(scale=choose_scale(config, made.base), seed=config.seed)
    speaker.stage("Training", settings.steps)
    adapter = fit_adapter(queries, vectors, labels, development, settings, on_step=lambda step, total: speaker.report(step, total, "Training"))
    if adapter.step == 0:
        raise PairsmithError(
            "No step of the adapter did better on the development anchors than the base model, so there is no adapter to keep. Label or review more, or tune "
            "the whole model."
        )
    fair = cross_fit(adapter, development.groups, seed=config.seed)
    speaker.report(settings.steps, settings.steps, "Training", {"dev_ndcg@5": [[step, value] for step, value in adapter.curve]})
    speaker.stage("Saving the model")
    record = save_tuned(workspace, made, build_model(made.base, adapter.weights), kind=ModelKind.ADAPTER)
    speaker.stage("Measuring on held-out anchors")
    comparison = compare_models(workspace, made.project_id, BASE, record.id, Part.TEST.value, run_id=made.run_id, on_progress=speaker.report)
    return {
        "model_id": record.id,
        "model_name": record.name,
        "base_id": made.base.id,
        "snapshot_id": snapshot.id,
        "dev": {"base": adapter.curve[0][1], "tuned": float(fair.mean())},
        "train": {"rows": sum(len(label.positives) for label in labels), "steps": adapter.step},
        "adapter": _describe(adapter),
        "forgetting": {"guard": dict(comparison.guard)},
        "test": comparison.to_json(),
    }


def build_model(base: ModelRecord, weights: Floats) -> SentenceTransformer:
    """The base with the matrix (d, d) float32 on its queries; texts that are encoded as neither query nor document pass as documents."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    start = load_transformer(base)
    size = weights.shape[0]
    matrix = Dense(size, size, bias=False, activation_function=torch.nn.Identity(), init_weight=torch.from_numpy(np.array(weights)))
    sides = Router({"query": [matrix, Normalize()], "document": [Normalize()]}, default_route="document")
    model = SentenceTransformer(modules=[*start.children(), sides], device="cpu")
    model.max_seq_length = base.max_length
    return model


def name_rows(row_of: Mapping[str, int], twins: Mapping[str, str]) -> dict[str, list[int]]:
    """The rows of each near-duplicate group, and of each document that is in none by its id."""
    found: dict[str, list[int]] = {}
    for document_id, row in row_of.items():
        found.setdefault(twins.get(document_id, document_id), []).append(row)
    return found


def label_lesson(lesson: Lesson, row_of: Mapping[str, int], rows_named: Mapping[str, Sequence[int]]) -> AnchorLabels:
    """The answers with their grades, the reviewed negatives, and masked what is neither: other answers, near-duplicates of any, and what is in doubt."""
    grades = lesson.anchor.positives
    positives = {row_of[item]: float(grades[item]) for item in lesson.chosen if item in row_of}
    masked = {row for name in lesson.known | lesson.doubtful for row in rows_named.get(name, ())}
    return AnchorLabels(positives, [row_of[item] for item in lesson.reviewed if item in row_of], sorted(masked - positives.keys()))


def _describe(adapter: Adapter) -> dict[str, Any]:
    """The step that was kept, and how far the matrix lies from the identity (Frobenius)."""
    return {"step": adapter.step, "steps": adapter.steps, "moved": float(np.linalg.norm(adapter.weights - np.eye(len(adapter.weights), dtype=np.float32)))}
