"""An 8-bit model of a model: faster on processors with instructions for it, a model of its own as its vectors are others.

Its graph is run by OpenVINO, or by onnxruntime, which applications without torch can take too. Refused where NDCG@5 on the development anchors falls by more
than `MOST_LOST`, measured with documents and anchors both in 8 bits, as they will be used.
Invariant: what is refused leaves nothing behind, and a form that was made before stays as it is.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.curation.split import ensure_split
from core.evaluation.systems import find_system
from core.evaluation.vector_ndcg import score_vectors
from core.model import ModelKind, PairsmithError, Part
from core.retrieval.encoder import Encoder, embed_anchors, embed_documents, load_transformer
from core.retrieval.fingerprint import CARD, ONNX_INT8, TOKENIZER, fingerprint_folder
from core.retrieval.onnx_graph import INSTALL as INSTALL_ONNX
from core.retrieval.onnx_graph import write_onnx
from core.retrieval.openvino_encoder import INSTALL, INT8, OpenVinoEncoder, import_nncf
from core.store import artefacts, corpus, judgements
from core.workspace import Workspace, draft_folder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MOST_LOST = 0.005
CALIBRATION = 100
"""Documents that the ranges of numbers are taken from."""


class Form(StrEnum):
    """What an 8-bit model's graph is run by."""

    OPENVINO = "openvino"
    ONNX = "onnx"


def quantise_model(
    workspace: Workspace, project_id: str, system: str, form: Form = Form.OPENVINO, *, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Make and register the 8-bit form of a system's model. Returns its id and name with NDCG@5 before and after.

    `on_progress(done, total)` hears of documents encoded. Raises `PairsmithError` without the extra, for an ONNX graph of a model without
    `tokenizer.json`, without development anchors to measure on, and where the model loses too much.
    """
    _require_extra(form)
    record = find_system(workspace, project_id, system)
    if record is None or record.kind in (ModelKind.INT8, ModelKind.ADAPTER):
        raise PairsmithError(f"{system!r} cannot be made an 8-bit model of. Name base, a tuned model or a model's id.")
    if form == Form.ONNX and not (Path(record.location) / TOKENIZER).is_file():
        raise PairsmithError(f"{record.name!r} has no {TOKENIZER} at the top of its folder, by which applications cut texts without torch. Use it as it is.")
    ensure_split(workspace, project_id)
    with workspace.store.read() as conn:
        documents = corpus.read_documents(conn, project_id)
        anchors = corpus.read_anchors(conn, project_id, part=Part.DEV)
        qrels = judgements.read_qrels(conn, project_id)
    row_of = {document.id: row for row, document in enumerate(documents)}
    asked = [anchor for anchor in anchors if any(grade > 0 for grade in qrels.get(anchor.id, {}).values())]
    if not asked:
        raise PairsmithError("No development anchor has an answer, so what 8 bits cost cannot be measured. Label answers on the label page first.")
    grades = [{row_of[item]: grade for item, grade in qrels[anchor.id].items() if item in row_of} for anchor in asked]
    texts = [anchor.text for anchor in asked]
    before = float(score_vectors(embed_anchors(workspace, record, texts), embed_documents(workspace, record, documents), grades).mean())
    model = load_transformer(record)
    step = max(1, len(documents) // CALIBRATION)
    models = workspace.folder("models")
    with draft_folder(models, "int8") as draft:
        shutil.copytree(record.location, draft, ignore=shutil.ignore_patterns(".*", "README.md"))
        _write_graph(form, model, [record.document_prompt + document.content for document in documents[::step][:CALIBRATION]], draft)
        shape: dict[str, Any] = {"query_prompt": record.query_prompt, "document_prompt": record.document_prompt, "max_length": record.max_length}
        fingerprint = fingerprint_folder(draft, **shape, precision="int8")
        target = models / fingerprint[:32]
        name = f"{record.name} int8" + (" ONNX" if form == Form.ONNX else "")
        made = replace(record, id=fingerprint, name=name, kind=ModelKind.INT8, location=str(draft), base_id=record.id, created_at=time.time())
        encoder = Encoder(made, model)
        vectors = embed_documents(workspace, made, documents, encoder=encoder, on_progress=on_progress)
        after = float(score_vectors(encoder.encode_queries(texts), vectors, grades).mean())
        if before - after > MOST_LOST:
            if not target.exists():
                shutil.rmtree(workspace.folder("vectors", fingerprint[:32]))
            raise PairsmithError(
                f"In 8 bits NDCG@5 on {len(asked)} development anchors falls from {before:.4f} to {after:.4f}, by more than {MOST_LOST}: "
                f"{record.name!r} stays as it is. OpenVINO makes its vectors in float32 as well, where that is installed."
            )
        measured = {"before": before, "after": after, "anchors": len(asked)}
        (draft / CARD).write_text(json.dumps({"int8": measured}), encoding="utf-8")
        if target.exists():
            (draft / CARD).replace(target / CARD)
        else:
            draft.rename(target)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, project_id, replace(made, location=str(target)))
    return {"id": fingerprint, "name": made.name, "made_from": record.id, **measured}


def _require_extra(form: Form) -> None:
    try:
        if form == Form.ONNX:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
        else:
            import_nncf()
    except ImportError as error:
        install = INSTALL_ONNX if form == Form.ONNX else INSTALL
        raise PairsmithError(f"Making an 8-bit model needs packages that are not installed: {install}.") from error


def _write_graph(form: Form, model: SentenceTransformer, samples: Sequence[str], folder: Path) -> None:
    if form == Form.ONNX:
        write_onnx(model, folder / ONNX_INT8)
    else:
        OpenVinoEncoder(model).quantise(samples).save(folder / INT8)
