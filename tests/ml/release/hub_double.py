"""A hub on this machine: the requests of an upload, with every file sent inside the commit, and those of a download, as huggingface.co answers them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_goodtoken"
COMMIT = "c" * 40
PIECE = 1 << 20


class HubDouble:
    """What a hub was asked: `repositories` made, and the `files` of the last commit by name.

    `shelf`: files by name of each repository that can be fetched. `gate`: while it is not set, a file stops after its first twelve pieces. Such a file goes on
    slowly, so that who was told to stop meanwhile has heard of it before the last of it comes.
    """

    def __init__(self) -> None:
        self.repositories: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.message = ""
        self.asked: list[str] = []
        self.shelf: dict[str, dict[str, bytes]] = {}
        self.gate = threading.Event()
        self.gate.set()
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

            def do_HEAD(self) -> None:
                self.give(is_wanted=False)

            def do_GET(self) -> None:
                self.give(is_wanted=True)

            def give(self, *, is_wanted: bool) -> None:
                path = self.path.split("?")[0]
                status, content = double.fetch(path)
                double.asked.append(f"{self.command} {path}")
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                if status == 404:
                    self.send_header("X-Error-Code", "RepoNotFound")
                self.end_headers()
                is_held = not double.gate.is_set()
                for start in range(0, len(content) if is_wanted else 0, PIECE):
                    if start == 12 * PIECE:
                        double.gate.wait(60)
                    if start > 12 * PIECE and is_held:
                        time.sleep(0.5)
                    self.wfile.write(content[start : start + PIECE])

            def log_message(self, format: str, *args: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def fetch(self, path: str) -> tuple[int, bytes]:
        """Status and content of what a download asks for."""
        for name, files in self.shelf.items():
            sizes = {file: len(content) for file, content in files.items()}
            if path in (f"/api/models/{name}", f"/api/models/{name}/revision/main"):
                return 200, json.dumps({"id": name, "sha": COMMIT, "siblings": [{"rfilename": file, "size": size} for file, size in sizes.items()]}).encode()
            if path == f"/api/models/{name}/tree/{COMMIT}":
                return 200, json.dumps([{"type": "file", "path": file, "size": size, "oid": file} for file, size in sizes.items()]).encode()
            if path.startswith(f"/{name}/resolve/{COMMIT}/"):
                return 200, files[path.removeprefix(f"/{name}/resolve/{COMMIT}/")]
        return 404, b"{}"

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
