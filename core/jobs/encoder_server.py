"""The worker's warm encoder: query vectors and a cross-encoder's scores over HTTP on 127.0.0.1, behind a token that only the database knows."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from core.model import PairsmithError
from core.retrieval.encoder import Encoder
from core.retrieval.models import is_hub_id
from core.retrieval.reranker import Reranker
from core.retrieval.rerankers import find_reranker
from core.store import artefacts, corpus
from core.workspace import Workspace

MAX_BODY_BYTES = 1_000_000
MODELS_HELD = 3


class EncoderServer:
    """Serves `POST /encode {project, model, texts}` → `{vectors}` and `POST /rerank {project, reranker, query, documents}` → `{scores}`.

    The last few models stay loaded, and the last cross-encoder, which has a lock of its own: a query does not wait for it. Refuses a cross-encoder that
    would have to be fetched first.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.token = secrets.token_urlsafe(24)
        self._encoders: dict[str, Encoder] = {}
        self._reranker: tuple[str, Reranker] | None = None
        self._lock = threading.Lock()
        self._reranking = threading.Lock()
        server = self

        class _Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = self.headers.get("Authorization", "")
                work = {"/encode": server.answer_encode, "/rerank": server.answer_rerank}.get(self.path)
                if work is None or not hmac.compare_digest(given.encode(), f"Bearer {server.token}".encode()):
                    return self._answer(403, {"error": "not allowed"})
                length = int(self.headers.get("Content-Length") or 0)
                if not 0 < length <= MAX_BODY_BYTES:
                    return self._answer(413, {"error": "the request is empty or too large"})
                try:
                    answer = work(json.loads(self.rfile.read(length)))
                except PairsmithError as error:
                    return self._answer(400, {"error": str(error)})
                except (KeyError, TypeError, ValueError):
                    return self._answer(400, {"error": "the request is malformed"})
                return self._answer(200, answer)

            def _answer(self, status: int, payload: dict[str, Any]) -> None:
                data = json.dumps(payload).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Queries are the users' own: nothing of them goes to a log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve in a thread, and load the libraries in another so that the first query need not wait for them."""
        threading.Thread(target=self._server.serve_forever, daemon=True, name="encoder").start()
        threading.Thread(target=self._warm_up, daemon=True, name="encoder-warm-up").start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def encode(self, project_id: str, model_id: str, texts: list[str]) -> list[list[float]]:
        """Query vectors under a registered model, one at a time: torch already uses every core."""
        with self._lock:
            encoder = self._encoders.pop(model_id, None)
            if encoder is None:
                with self.workspace.store.read() as conn:
                    encoder = Encoder(artefacts.get_model(conn, project_id, model_id))
            self._encoders[model_id] = encoder
            while len(self._encoders) > MODELS_HELD:
                self._encoders.pop(next(iter(self._encoders)))
            vectors: list[list[float]] = encoder.encode_queries(texts).tolist()
            return vectors

    def answer_encode(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What `/encode` answers."""
        return {"vectors": self.encode(str(body["project"]), str(body["model"]), [str(text) for text in body["texts"]])}

    def answer_rerank(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What `/rerank` answers: a score for each document, in the order asked. Refuses a document that is not there."""
        project_id, ids = str(body["project"]), [str(item) for item in body["documents"]]
        with self.workspace.store.read() as conn:
            documents = corpus.get_documents(conn, project_id, ids)
        if missing := [item for item in ids if item not in documents]:
            raise PairsmithError(f"Project {project_id!r} has no document {missing[0]!r}. Search again.")
        folder = find_reranker(self.workspace, project_id, str(body["reranker"]))
        if is_hub_id(folder):
            raise PairsmithError(f"{folder!r} is no cross-encoder of the project. Take it in first: pairsmith reranker add {project_id} {folder}")
        with self._reranking:
            if self._reranker is None or self._reranker[0] != folder:
                self._reranker = (folder, Reranker(folder))
            return {"scores": self._reranker[1].score([(str(body["query"]), documents[item].content) for item in ids]).tolist()}

    def _warm_up(self) -> None:
        with self._lock:
            import sentence_transformers  # noqa: F401
