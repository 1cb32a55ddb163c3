"""A hub on this machine: the four requests of an upload, as huggingface.co answers them, with every file sent inside the commit."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_goodtoken"


class HubDouble:
    """What a hub was asked: `repositories` made, and the `files` of the last commit by name."""

    def __init__(self) -> None:
        self.repositories: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.message = ""
        self.asked: list[str] = []
        double = self

        class _Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = double.answer(self.path.split("?")[0], self.headers.get("Authorization", ""), body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, Any]:
        self.asked.append(path)
        if authorization != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials in Authorization header"}
        if path == "/api/repos/create":
            self.repositories.append(json.loads(body))
            return 200, {"url": f"{self.url}/someone/clauses", "name": "someone/clauses"}
        if path == "/api/models/someone/clauses/preupload/main":
            return 200, {"files": [{"path": item["path"], "uploadMode": "regular", "shouldIgnore": False} for item in json.loads(body)["files"]]}
        if path == "/api/models/someone/clauses/commit/main":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "header":
                    self.message = line["value"]["summary"]
                else:
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return 200, {"commitOid": "0" * 40, "commitUrl": f"{self.url}/someone/clauses/commit/{'0' * 40}", "hookOutput": ""}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        return 404, {"error": f"no such path {path}"}


@contextmanager
def running_hub() -> Iterator[HubDouble]:
    double = HubDouble()
    thread = threading.Thread(target=double.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        double.server.shutdown()
        double.server.server_close()
        thread.join()
