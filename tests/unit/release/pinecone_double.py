"""A Pinecone index on this machine, as its published data plane API (2025-10) says: what it is asked is checked, and refused where the service would refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.http_double import Asked, answering

KEY = "a-good-key"
DIMENSION = 8
MAX_REQUEST, MAX_METADATA, MAX_RECORDS, MAX_ID, PAGE = 2_000_000, 40_960, 1_000, 512, 100


class Refused(Exception):
    """A request that the service answers with 400."""


class PineconeDouble:
    """Records by namespace and id. `away`: answer every request with 503."""

    def __init__(self, dimension: int = DIMENSION) -> None:
        self.dimension = dimension
        self.spaces: dict[str, dict[str, dict[str, Any]]] = {}
        self.away = False

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if self.away:
            return 503, {"code": 14, "message": "unavailable"}
        if asked.headers.get("api-key") != KEY:
            return 401, {"code": 16, "message": "Invalid API Key"}
        if "x-pinecone-api-version" not in asked.headers:
            return 400, {"code": 3, "message": "no API version"}
        verbs = {
            "/vectors/upsert": self.upsert,
            "/vectors/fetch": self.fetch,
            "/vectors/list": self.list,
            "/vectors/delete": self.delete,
            "/query": self.query,
            "/describe_index_stats": self.describe,
        }
        if asked.path not in verbs:
            return 404, {"code": 5, "message": f"no such path {asked.path}"}
        try:
            if len(asked.body) > MAX_REQUEST:
                raise Refused(f"message length too large: found {len(asked.body)} bytes, the limit is: {MAX_REQUEST} bytes")
            return 200, verbs[asked.path](asked.query if asked.method == "GET" else asked.read_json() or {})
        except Refused as error:
            return 400, {"code": 3, "message": str(error), "details": []}

    def upsert(self, body: dict[str, Any]) -> dict[str, Any]:
        if not 0 < len(body["vectors"]) <= MAX_RECORDS:
            raise Refused(f"{len(body['vectors'])} records, the limit is {MAX_RECORDS}")
        for record in body["vectors"]:
            if len(record["values"]) != self.dimension:
                raise Refused(f"Vector dimension {len(record['values'])} does not match the dimension of the index {self.dimension}")
            if not any(record["values"]):
                raise Refused("Dense vectors must contain at least one non-zero value.")
            if not record["id"].isascii() or len(record["id"]) > MAX_ID:
                raise Refused("Vector ID must be ASCII, 512 characters at most")
            if len(json.dumps(record.get("metadata", {}), ensure_ascii=False).encode()) > MAX_METADATA:
                raise Refused("Metadata size exceeds the limit of 40960 bytes per vector")
        space = self.spaces.setdefault(body.get("namespace", ""), {})
        space.update({record["id"]: record for record in body["vectors"]})
        return {"upsertedCount": len(body["vectors"])}

    def fetch(self, query: dict[str, list[str]]) -> dict[str, Any]:
        space = self.spaces.get(query.get("namespace", [""])[0], {})
        return {
            "vectors": {item: space[item] for item in query["ids"] if item in space},
            "namespace": query.get("namespace", [""])[0],
            "usage": {"readUnits": 1},
        }

    def list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        limit = int(query.get("limit", [str(PAGE)])[0])
        if not 0 < limit <= PAGE:
            raise Refused(f"limit must be from 1 to {PAGE}")
        space = self.spaces.get(query.get("namespace", [""])[0], {})
        prefix, after = query.get("prefix", [""])[0], query.get("paginationToken", [""])[0]
        ids = sorted(item for item in space if item.startswith(prefix) and item > after)
        answer: dict[str, Any] = {"vectors": [{"id": item} for item in ids[:limit]], "namespace": query.get("namespace", [""])[0], "usage": {"readUnits": 1}}
        return answer | ({"pagination": {"next": ids[limit - 1]}} if len(ids) > limit else {})

    def query(self, body: dict[str, Any]) -> dict[str, Any]:
        if len(body["vector"]) != self.dimension or not 0 < body["topK"] <= 10_000:
            raise Refused("the query's vector or topK is out of range")
        space = self.spaces.get(body.get("namespace", ""), {})
        query = np.array(body["vector"])
        scores = {key: float(np.dot(query, item["values"]) / np.linalg.norm(query) / np.linalg.norm(item["values"])) for key, item in space.items()}
        best = sorted(scores, key=lambda key: -scores[key])[: body["topK"]]
        shown = ("id", "metadata") if body.get("includeMetadata") else ("id",)
        matches = [{name: space[key][name] for name in shown} | {"score": scores[key], "values": []} for key in best]
        return {"matches": matches, "namespace": body.get("namespace", ""), "usage": {"readUnits": 1}}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        space = body.get("namespace", "")
        if body.get("deleteAll"):
            self.spaces.pop(space, None)
        for item in body.get("ids", []):
            self.spaces.get(space, {}).pop(item, None)
        return {}

    def describe(self, body: dict[str, Any]) -> dict[str, Any]:
        counts = {name: {"vectorCount": len(space)} for name, space in self.spaces.items() if space}
        total = sum(len(space) for space in self.spaces.values())
        return {"namespaces": counts, "dimension": self.dimension, "indexFullness": 0, "totalVectorCount": total, "metric": "cosine", "vectorType": "dense"}


@contextmanager
def running_pinecone(dimension: int = DIMENSION) -> Iterator[tuple[PineconeDouble, str]]:
    double = PineconeDouble(dimension)
    with answering(double.answer) as url:
        yield double, url
