"""The identity of an embedding model: what would change its vectors changes its fingerprint, nothing else does.

Reads files only, so a web process can call it. File dates, folder names and the model card do not count.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CARD = "pairsmith.json"
"""In a model's folder: what programs are to know of it; it says how the model is used and changes nothing."""
ONNX_INT8 = "onnx_int8.onnx"
"""In a model's folder: the whole model as a graph in 8 bits, where it was made so."""
TOKENIZER = "tokenizer.json"
"""In a model's folder: how texts are cut, as it is read without transformers."""
_WEIGHTS = (".safetensors", ".bin", ".onnx", ".pt")
_UNUSED = {"README.md", CARD, ".gitattributes", "data_config.json", "train_script.py", "training_args.bin"}
_CARRIES_NO_MEANING = {"__version__", "_name_or_path", "transformers_version", "torch_dtype", "dtype", "architectures", "_attn_implementation_autoset"}


def fingerprint_folder(folder: Path, *, query_prompt: str = "", document_prompt: str = "", max_length: int, precision: str = "float32") -> str:
    """SHA-256 over weights, modules, pooling, normalisation, tokenizer, prompts, maximum length (tokens) and precision.

    Returns 64 hexadecimal digits. Raises `FileNotFoundError` for a folder without weights.
    """
    digest = hashlib.sha256(b"pairsmith-model-1\0")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _counts(path.relative_to(folder)))
    if not any(path.suffix in _WEIGHTS for path in files):
        raise FileNotFoundError(f"{folder} holds no model weights (model.safetensors).")
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(_canonical(path))
    use = {"query_prompt": query_prompt, "document_prompt": document_prompt, "max_length": max_length, "precision": precision}
    digest.update(json.dumps(use, sort_keys=True).encode())
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _counts(relative: Path) -> bool:
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and relative.name not in _UNUSED and not relative.parts[0].startswith("checkpoint")


def _canonical(path: Path) -> bytes:
    if path.suffix == ".json" and path.stat().st_size < 1_000_000:
        try:
            return json.dumps(_strip(json.loads(path.read_text(encoding="utf-8"))), sort_keys=True).encode()
        except ValueError:
            pass
    return bytes.fromhex(hash_file(path))


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strip(inner) for key, inner in value.items() if key not in _CARRIES_NO_MEANING}
    return [_strip(inner) for inner in value] if isinstance(value, list) else value
