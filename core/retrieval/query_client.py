"""Asking the worker's warm encoder for the vector of a query, or for a cross-encoder's word, so that a web process never imports torch."""

from __future__ import annotations

import json
import platform
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.model import ModelRecord, PairsmithError
from core.retrieval.vectors import Floats
from core.store import workers
from core.workspace import Workspace

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The worker is on this machine: a proxy of the environment must neither stand between nor see queries and token."""
TIMEOUT_S = 60.0
"""The first query after a start waits for the model to load."""


class EncoderAway(PairsmithError):
    """No worker answers: only words can be searched for until one runs."""


def encode_query(workspace: Workspace, project_id: str, record: ModelRecord, text: str) -> Floats:
    """The vector (d,) float32 of a query under the model, L2-normalised. Raises `EncoderAway` when no worker on this machine answers."""
    answer = _ask_worker(workspace, "encode", {"project": project_id, "model": record.id, "texts": [text]})
    return np.asarray(answer["vectors"][0], dtype=np.float32)


def rerank_documents(workspace: Workspace, project_id: str, reranker: str, query: str, document_ids: Sequence[str]) -> Floats:
    """The score (n,) float32 that a cross-encoder (a name of the project's, or a folder) gives each document. Raises `EncoderAway` as above."""
    body = {"project": project_id, "reranker": reranker, "query": query, "documents": list(document_ids)}
    return np.asarray(_ask_worker(workspace, "rerank", body)["scores"], dtype=np.float32)


def _ask_worker(workspace: Workspace, action: str, body: Mapping[str, Any]) -> Any:
    with workspace.store.read() as conn:
        found = [worker for worker in workers.live_workers(conn) if worker.encoder_url and worker.host == platform.node()]
    if not found:
        raise EncoderAway("No worker is running, so only words can be searched for. Start one with `pairsmith worker`.")
    worker = found[0]
    request = urllib.request.Request(f"{worker.encoder_url}/{action}", json.dumps(body).encode(), {"Authorization": f"Bearer {worker.encoder_token}"})
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise EncoderAway(f"The worker could not do it: {error.read(500).decode('utf-8', 'replace')}") from error
    except (OSError, ValueError) as error:
        raise EncoderAway(f"The worker does not answer ({error}). It may be starting: try again in a moment.") from error
