"""Asking the worker's warm encoder for the vector of a query, so that a web process never imports torch."""

from __future__ import annotations

import json
import platform
import urllib.error
import urllib.request

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
    with workspace.store.read() as conn:
        found = [worker for worker in workers.live_workers(conn) if worker.encoder_url and worker.host == platform.node()]
    if not found:
        raise EncoderAway("No worker is running, so only words can be searched for. Start one with `pairsmith worker`.")
    worker = found[0]
    body = json.dumps({"project": project_id, "model": record.id, "texts": [text]}).encode()
    request = urllib.request.Request(f"{worker.encoder_url}/encode", body, {"Authorization": f"Bearer {worker.encoder_token}"})
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as response:
            payload = json.load(response)
    except urllib.error.HTTPError as error:
        raise EncoderAway(f"The worker could not encode the query: {error.read(500).decode('utf-8', 'replace')}") from error
    except (OSError, ValueError) as error:
        raise EncoderAway(f"The worker does not answer ({error}). It may be starting: try again in a moment.") from error
    return np.asarray(payload["vectors"][0], dtype=np.float32)
