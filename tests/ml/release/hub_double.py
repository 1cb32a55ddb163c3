"""A hub on this machine: the four requests of an upload, as huggingface.co answers them, with every file sent inside the commit."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.http_double import Asked, answering

TOKEN = "hf_goodtoken"


class HubDouble:
    """What a hub was asked: `repositories` made, and the `files` of the last commit by name."""

    def __init__(self) -> None:
        self.repositories: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.message = ""
        self.asked: list[str] = []
        self.url = ""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        self.asked.append(asked.path)
        if asked.authorization != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid credentials in Authorization header"}
        if asked.path == "/api/repos/create":
            self.repositories.append(asked.read_json())
            return 200, {"url": f"{self.url}/someone/clauses", "name": "someone/clauses"}
        if asked.path == "/api/models/someone/clauses/preupload/main":
            return 200, {"files": [{"path": item["path"], "uploadMode": "regular", "shouldIgnore": False} for item in asked.read_json()["files"]]}
        if asked.path == "/api/models/someone/clauses/commit/main":
            for line in map(json.loads, asked.body.splitlines()):
                if line["key"] == "header":
                    self.message = line["value"]["summary"]
                else:
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return 200, {"commitOid": "0" * 40, "commitUrl": f"{self.url}/someone/clauses/commit/{'0' * 40}", "hookOutput": ""}
        if asked.path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        return 404, {"error": f"no such path {asked.path}"}


@contextmanager
def running_hub() -> Iterator[HubDouble]:
    double = HubDouble()
    with answering(double.answer) as double.url:
        yield double
