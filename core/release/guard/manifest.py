"""What an index says of itself, and the rules it is opened by. Needs numpy and the standard library, nothing else, so that applications can take it along.

Every version of an index carries a manifest: the fingerprint of the model that made its vectors, dimension, metric, count, and a few probe texts with
their vectors. A digest over all of it shows edits by hand. Two models of one dimension raise no error in any database; these rules are what refuses them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Encode = Callable[[list[str], str], Floats]
"""From texts and the role they play (`QUERY` or `DOCUMENT`) to vectors (n, d) float32; prompts are its own business."""
FORMAT = 1
MIN_COSINE = 0.9999
DIGITS = 6
BUILDING, COMPLETE = "building", "complete"
QUERY, DOCUMENT = "query", "document"


class ManifestFault(ValueError):
    """A manifest that cannot be trusted: its text says why and what to do."""


@dataclass(frozen=True)
class Probe:
    """A text that every opening encodes again. `vector`: float32, little-endian, rows L2-normalised, in base64."""

    text: str
    role: str
    vector: str


@dataclass(frozen=True)
class Manifest:
    """What one version of an index was made of, and by which model."""

    name: str
    """The version's physical name in the database."""
    alias: str
    state: str
    fingerprint: str
    model: str
    """The model's name, for people; the fingerprint is what counts."""
    query_prompt: str
    document_prompt: str
    max_length: int
    precision: str
    dimension: int
    metric: str
    count: int
    corpus: str
    """Digest of the documents' ids and contents."""
    snapshot: str
    verdict: str
    created_at: float
    probes: tuple[Probe, ...]
    previous: str = ""
    """The version that was live when this one was verified: where a rollback leads."""
    figures: str = ""
    """What verification measured, in words."""
    format: int = FORMAT

    @property
    def short(self) -> str:
        """The beginning of the fingerprint, as people read it."""
        return self.fingerprint[:12]


def write_manifest(manifest: Manifest) -> str:
    """The manifest as JSON with its digest."""
    values = asdict(manifest)
    return json.dumps(values | {"digest": _digest(values)}, ensure_ascii=False, sort_keys=True)


def parse_manifest(text: str) -> Manifest:
    """The manifest that `write_manifest` wrote. Raises `ManifestFault` where it was changed since, or is of another kind."""
    try:
        values = json.loads(text)
        digest = values.pop("digest")
        if values.get("format") != FORMAT:
            raise ManifestFault(f"The manifest has format {values.get('format')!r}, this code reads {FORMAT}. Use the version of Pairsmith that wrote it.")
        if digest != _digest(values):
            raise ManifestFault("The manifest was edited after it was written: its digest does not fit. Build the index again, or go back to another version.")
        return replace(Manifest(**values), probes=tuple(Probe(**probe) for probe in values["probes"]))
    except ManifestFault:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestFault(f"The manifest cannot be read ({error!r}). Build the index again, or go back to another version.") from error


def encode_vector(vector: Floats) -> str:
    """A vector (d,) as base64 of little-endian float32."""
    return base64.b64encode(np.ascontiguousarray(vector, dtype="<f4").tobytes()).decode("ascii")


def decode_vector(text: str) -> Floats:
    """The vector (d,) float32 of `encode_vector`."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)


def find_mismatch(manifest: Manifest, fingerprint: str, dimension: int) -> str:
    """Why a model must neither write to nor ask this index; empty where it may."""
    if manifest.dimension != dimension:
        return f"The index {manifest.name} holds vectors of {manifest.dimension} numbers, this model makes {dimension}. {_advise(manifest)}"
    if manifest.fingerprint != fingerprint:
        return (
            f"The index {manifest.name} was made by {manifest.model} (fingerprint {manifest.short}), this model has fingerprint {fingerprint[:12]}: "
            f"their vectors cannot be compared, though both have {dimension} numbers. {_advise(manifest)}"
        )
    return ""


def find_probe_fault(manifest: Manifest, encode: Encode) -> str:
    """Encode the probes again and say where the vectors differ; empty where every cosine is at least `MIN_COSINE`."""
    lowest = measure_probes(manifest, encode)
    if lowest >= MIN_COSINE:
        return ""
    return (
        f"A probe text of the index {manifest.name} encodes to another vector (cosine {lowest:.4f}, needed {MIN_COSINE}), though the fingerprint is the same: "
        f"the model's library, prompts or longest text differ here. {_advise(manifest)}"
    )


def measure_probes(manifest: Manifest, encode: Encode) -> float:
    """The lowest cosine in [-1, 1] between the probes' stored vectors and those `encode` makes now; -1 where they cannot be compared or there are none."""
    lowest = 1.0 if manifest.probes else -1.0
    for role in (QUERY, DOCUMENT):
        probes = [probe for probe in manifest.probes if probe.role == role]
        if not probes:
            continue
        stored = np.stack([decode_vector(probe.vector) for probe in probes])
        fresh = np.asarray(encode([probe.text for probe in probes], role), dtype=np.float32)
        if fresh.shape != stored.shape or not np.isfinite(fresh).all():
            return -1.0
        lowest = min(lowest, float(cosines(stored, fresh).min()))
    return lowest


def cosines(left: Floats, right: Floats) -> NDArray[np.float64]:
    """Cosine (n,) of the rows of two arrays (n, d), in [-1, 1]; 0 where a row is zero."""
    a, b = left.astype(np.float64), right.astype(np.float64)
    norms: NDArray[np.float64] = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.divide((a * b).sum(axis=1), norms, out=np.zeros(len(a)), where=norms > 0))


def is_version(alias: str, name: str) -> bool:
    """Whether a name is one of the alias's versions: the alias, ten digits of the fingerprint, eight of the corpus."""
    return re.fullmatch(rf"{re.escape(alias)}_[0-9a-f]{{10}}_[0-9a-f]{{8}}", name) is not None


def rank(ids: Sequence[str], scores: Sequence[float], k: int) -> list[tuple[str, float]]:
    """The k best of one query: score descending, then id ascending; scores alike to `DIGITS` digits are equal, for equal vectors may differ in the last bit."""
    return sorted(zip(ids, (float(score) for score in scores), strict=True), key=lambda item: (-round(item[1], DIGITS), item[0]))[:k]


def _advise(manifest: Manifest) -> str:
    return f"Load the model with fingerprint {manifest.short}, or have the index built again with this one."


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
