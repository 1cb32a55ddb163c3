"""A small service that speaks OpenAI's embeddings API around the packaged model, and misbehaves when it is told to: on 127.0.0.1, for tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-0123456789"
Encode = Callable[[list[str]], list[list[float]]]
Fault = tuple[str, Any]


@dataclass
class Service:
    """A running service: its address, the requests it got, and the faults it will answer the next requests with, one each."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Ends the waiting of requests that are left without an answer."""

    @property
    def texts(self) -> list[str]:
        """Every text that was sent here, in order."""
        return [text for request in self.requests for text in request["body"]["input"]]


@contextmanager
def running_service(encode: Encode) -> Iterator[Service]:
    """The service for the length of a block. Data comes in reverse order, as the API allows: the index says whose it is."""
    service = Service("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.requests.append({"path": self.path, "body": body, "authorization": self.headers.get("Authorization")})
            kind, value = service.faults.pop(0) if service.faults else ("", None)
            if kind == "status":
                return self.answer(value[0], {"error": {"message": value[1]}}, value[2])
            if kind == "silent":
                service.released.wait(30)
                return None
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                return self.answer(401, {"error": {"message": f"Incorrect API key provided: {self.headers.get('Authorization')}"}}, {})
            vectors = encode(body["input"])
            rows = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)][::-1]
            if kind == "half":
                rows = rows[: len(rows) // 2]
            if kind == "dimension":
                rows = [row | {"embedding": row["embedding"][:value]} for row in rows]
            if kind == "values":
                rows[0]["embedding"] = [value] * len(rows[0]["embedding"])
            tokens = sum(len(text.split()) for text in body["input"])
            payload = {"object": "list", "data": rows, "model": body["model"], "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
            return self.answer(200, payload, {}, cut=kind == "cut")

        def answer(self, status: int, payload: dict[str, Any], headers: dict[str, str], *, cut: bool = False) -> None:
            data = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, text in headers.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
