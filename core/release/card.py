"""The model card that leaves the house with a model: what it was made of and what it reached, and not one sentence of the corpus.

Every value is a number, a name of ours, a setting or a verdict; anchors, documents and notes of people never enter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.model import ModelKind, ModelRecord, NotFound, RunKind
from core.release.guard import CARD
from core.release.plan import describe_verdict
from core.retrieval.fingerprint import ONNX_INT8
from core.retrieval.models import EMBEDDED_SHA256, read_json
from core.store import artefacts, runs
from core.workspace import Workspace

README = "README.md"
_PATHS = ("generic_path",)
"""Settings that name a place on this machine."""
_MADE = {
    ModelKind.TUNED: "Tuned by Pairsmith from",
    ModelKind.ADAPTER: "A query-side adapter fitted by Pairsmith on",
    ModelKind.INT8: "The 8-bit form, made by Pairsmith, of",
    ModelKind.RERANKER: "A cross-encoder trained by Pairsmith from",
}
_REMARKS = {
    ModelKind.ADAPTER: "\nQueries and documents have sides of their own: a query that `encode` encodes passes as a document, without what was learned.\n",
    ModelKind.INT8: "\nThe fingerprint is that of the 8-bit graph for OpenVINO in this folder. What sentence-transformers loads makes other vectors.\n",
}
_USE_OF_ONNX = f"""`{ONNX_INT8}` is the whole model in 8 bits. What sentence-transformers loads here makes other vectors. `pairsmith release guard`
writes the package used below; it needs onnxruntime, tokenizers and numpy.

```python
from pairsmith_guard.onnx import OnnxEncoder

encode = OnnxEncoder("path/to/this/folder")
scores = encode(["…"], "query") @ encode(["…"], "document").T
```"""
_USE_OF_RERANKER = """```python
from sentence_transformers import CrossEncoder

model = CrossEncoder("path/to/this/folder")
scores = model.predict([("a question", "a document that was found for it")])
```"""


def write_release_files(workspace: Workspace, project_id: str, record: ModelRecord) -> dict[str, bytes]:
    """The files that an export adds to the model's own, by name: the card and, but for a cross-encoder, how the model is used for programs to read."""
    card = write_card(workspace, project_id, record)
    if record.kind is ModelKind.RERANKER:
        return {README: card.encode()}
    names = ("query_prompt", "document_prompt", "max_length", "precision", "dimension")
    use: dict[str, Any] = {"fingerprint": record.id, **{name: getattr(record, name) for name in names}, "metric": "cosine", **_read_cost(record)}
    return {README: card.encode(), CARD: (json.dumps(use, ensure_ascii=False, indent=2) + "\n").encode()}


def write_card(workspace: Workspace, project_id: str, record: ModelRecord) -> str:
    """The card in Markdown."""
    base, snapshot, config, result = _read_origin(workspace, project_id, record)
    licence = find_licence(base or record)
    task = "text-ranking" if record.kind is ModelKind.RERANKER else "sentence-similarity"
    front = ["---", "library_name: sentence-transformers", f"pipeline_tag: {task}", *([f"license: {licence}"] if licence else []), "---"]
    sections = [
        "\n".join(front),
        f"# {record.name}",
        _say_origin(record, base),
        _section("Data", _say_data(snapshot, result)),
        _section("Verdict on held-out anchors", [describe_verdict(workspace, project_id, record) or "Not measured.", *_say_figures(result)]),
        _section("Cost of 8 bits", list(filter(None, [describe_cost(record)]))),
        _section("Use", [_say_use(record)]),
        _section("Settings", [f"- {name}: {value}" for name, value in sorted(config.items()) if name not in _PATHS]),
        _section(
            "Licence",
            [f"The base model's: {licence}." if licence else "The base model's card names none. Ask its makers before you pass this model on."],
        ),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def find_licence(record: ModelRecord) -> str:
    """The licence that a model's own card names in its front matter; that of the embedded default is known. Empty where there is none."""
    path = Path(record.location) / README
    text = path.read_text(encoding="utf-8", errors="replace")[:5_000] if path.exists() else ""
    front = re.match(r"---\n(.*?)\n---", text, re.S)
    found = re.search(r"^license:\s*([\w.+-]+)\s*$", front.group(1), re.M) if front else None
    if found:
        return found.group(1)
    return "apache-2.0" if _is_embedded(record) else ""


def _is_embedded(record: ModelRecord) -> bool:
    from core.retrieval.fingerprint import hash_file

    weights = Path(record.location) / "model.safetensors"
    return weights.exists() and hash_file(weights) == EMBEDDED_SHA256


def _read_origin(
    workspace: Workspace, project_id: str, record: ModelRecord
) -> tuple[ModelRecord | None, Mapping[str, int], Mapping[str, Any], Mapping[str, Any]]:
    """The base model, the snapshot's counts, the run's settings and its result; empty where they are not known."""
    with workspace.store.read() as conn:
        base = next((model for model in artefacts.list_models(conn, project_id) if model.id == record.base_id), None)
        counts = next((item.counts for item in artefacts.list_snapshots(conn, project_id) if item.id == record.snapshot_id), {})
        try:
            run = runs.get_run(conn, record.run_id) if record.run_id else None
        except NotFound:
            run = None
    if run is None or run.kind != RunKind.TUNE:
        return base, counts, {}, {}
    return base, counts, run.config, run.result or {}


def _read_cost(record: ModelRecord) -> dict[str, Any]:
    """What an 8-bit model lost when it was made: NDCG@5 `before` and `after` on so many development `anchors`."""
    found = read_json(Path(record.location) / CARD).get("int8")
    return {"int8": found} if isinstance(found, dict) else {}


def describe_cost(record: ModelRecord) -> str:
    """What 8 bits cost a model, measured when it was made; empty for one that is not in 8 bits."""
    found = _read_cost(record).get("int8")
    if not found:
        return ""
    change = found["after"] - found["before"]
    return f"In 8 bits NDCG@5 on {found['anchors']} development anchors is {found['after']:.4f}, in float32 {found['before']:.4f} ({change:+.4f})."


def _say_origin(record: ModelRecord, base: ModelRecord | None) -> str:
    made = f"{_MADE[record.kind]} {base.name if base else (record.base_id or 'a model of its own')[:12]}" if record.base_id else "A base model, as it is"
    if record.kind is ModelKind.RERANKER:
        return f"{made}. Longest text {record.max_length} tokens. Fingerprint `{record.id}`."
    prompts = f"query prompt `{record.query_prompt}`, document prompt `{record.document_prompt}`"
    return f"{made}. {record.dimension} dimensions, cosine, {prompts}, longest text {record.max_length} tokens. Fingerprint `{record.id}`."


def _say_data(snapshot: Mapping[str, int], result: Mapping[str, Any]) -> list[str]:
    lines = [f"- {name.replace('_', ' ')}: {count:,}" for name, count in snapshot.items()]
    train, test = result.get("train", {}), result.get("test", {})
    if train:
        everyday = f", of everyday pairs {train['generic']:,}" if "generic" in train else ""
        lines.append(f"- training rows: {train['rows']:,}{everyday}; steps: {train['steps']:,}")
    if test:
        lines.append(f"- split by groups of anchors that share an answer or are near-duplicates; held out for the verdict: {test['difference']['n']} anchors")
    return lines


def _say_figures(result: Mapping[str, Any]) -> list[str]:
    test = result.get("test", {})
    if not test:
        return []
    rows = ["", "| NDCG@5 | base | tuned |", "|---|---|---|"]
    rows.append("| held-out anchors (95 % interval) | " + " | ".join(_say_interval(test[name]) for name in ("base", "tuned")) + " |")
    guard = test.get("guard", {})
    if len(guard) == 2:
        rows.append(f"| everyday questions (guard set) | {guard['base']:.3f} | {guard['tuned']:.3f} |")
    return rows


def _say_interval(figures: Mapping[str, Any]) -> str:
    low, high = figures["interval"]
    return f"{figures['ndcg@5']:.3f} ({low:.3f} to {high:.3f})"


def _say_use(record: ModelRecord) -> str:
    if record.kind is ModelKind.RERANKER:
        return _USE_OF_RERANKER
    if (Path(record.location) / ONNX_INT8).exists():
        return _USE_OF_ONNX
    return f"""```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
model.max_seq_length = {record.max_length}
queries = model.encode_query(["…"], prompt={record.query_prompt or None!r}, normalize_embeddings=True)
documents = model.encode_document(["…"], prompt={record.document_prompt or None!r}, normalize_embeddings=True)
scores = queries @ documents.T
```
{_REMARKS.get(record.kind, "")}
Ask only an index that was built with this fingerprint: vectors of two models have the same length and cannot be compared. `{CARD}` carries it for programs."""


def _section(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + "\n".join(lines) if lines else ""
