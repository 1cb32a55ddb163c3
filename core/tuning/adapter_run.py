"""A tuning run that fits a query-side adapter: one matrix on query vectors, in seconds, saved as a model that plain sentence-transformers loads.

The folder holds the base's modules and, after them, a `Router`: queries (`encode_query`) go through the matrix, documents pass unchanged, so an index of
documents under the base serves the adapter as it is. The step is chosen on development anchors; the development figure is cross-fitted, the verdict on test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.curation.snapshot import LabelledAnchor
from core.curation.split import ensure_split
from core.evaluation.comparison import compare_models
from core.evaluation.systems import BASE
from core.model import Document, Judgement, Label, ModelKind, ModelRecord, Part, Source
from core.retrieval.encoder import embed_anchors, embed_documents, load_transformer
from core.retrieval.vectors import Floats
from core.tuning.adapter import Adapter, AdapterConfig, AnchorLabels, DevelopmentSet, cross_fit, fit_adapter
from core.tuning.config import TuneConfig, choose_scale
from core.tuning.extras import Extras
from core.tuning.save import Provenance, save_tuned
from core.tuning.value_meter import build_labels
from core.workspace import Workspace

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from core.tuning.tune_run import Speaker


def tune_adapter(
    workspace: Workspace, made: Provenance[TuneConfig], documents: Sequence[Document], twins: Mapping[str, str], extras: Extras, speaker: Speaker
) -> dict[str, Any]:
    """Fit, save and give the verdict. Returns what the run shows, as `core.tuning.tune_run.run_tuning`."""
    snapshot, config = made.snapshot, made.config
    train, dev = snapshot.part(Part.TRAIN), snapshot.part(Part.DEV)
    row_of = {document.id: row for row, document in enumerate(documents)}
    members: dict[str, list[int]] = {}
    for document_id, group in twins.items():
        if document_id in row_of:
            members.setdefault(group, []).append(row_of[document_id])
    twin_rows = {document_id: members[group] for document_id, group in twins.items() if group in members}
    labels = [_label(anchor, row_of, twin_rows, extras.ambiguous.get(anchor.id, ()), config.min_grade) for anchor in train]
    groups = ensure_split(workspace, made.project_id).groups
    development = DevelopmentSet(
        queries=embed_anchors(workspace, made.base, [anchor.text for anchor in dev]),
        grades=[{row_of[item]: grade for item, grade in anchor.positives.items() if item in row_of} for anchor in dev],
        groups=[groups.get(anchor.id, anchor.id) for anchor in dev],
    )
    vectors = embed_documents(workspace, made.base, documents)
    queries = embed_anchors(workspace, made.base, [anchor.text for anchor in train])
    settings = AdapterConfig(scale=choose_scale(config, made.base), seed=config.seed)
    speaker.stage("Training", settings.steps)
    adapter = fit_adapter(queries, vectors, labels, development, settings, on_step=lambda step, total: speaker.report(step, total, "Training"))
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


def _label(anchor: LabelledAnchor, row_of: Mapping[str, int], twin_rows: Mapping[str, Sequence[int]], ambiguous: Sequence[str], min_grade: int) -> AnchorLabels:
    said = [(document_id, Label.POSITIVE, grade) for document_id, grade in anchor.positives.items()]
    said += [(document_id, Label.HARD_NEGATIVE, 0) for document_id in anchor.hard_negatives]
    said += [(document_id, Label.AMBIGUOUS, 0) for document_id in ambiguous]
    return build_labels([Judgement("", anchor.id, item, label, grade, Source.IMPORT) for item, label, grade in said], row_of, twin_rows, min_grade=min_grade)


def _describe(adapter: Adapter) -> dict[str, Any]:
    """The step that was kept, and how far the matrix lies from the identity (Frobenius)."""
    return {"step": adapter.step, "steps": adapter.steps, "moved": float(np.linalg.norm(adapter.weights - np.eye(len(adapter.weights), dtype=np.float32)))}
