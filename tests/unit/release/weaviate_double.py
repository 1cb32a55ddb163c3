"""A Weaviate server on this machine, as its published REST and gRPC interfaces (1.33) say; requests are checked, and refused where a server would refuse."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
from weaviate.proto.v1.v6300.v1 import aggregate_pb2, batch_pb2, health_weaviate_pb2, properties_pb2, search_get_pb2, weaviate_pb2_grpc

from tests.http_double import Asked, answering

KEY = "a-good-key"


class WeaviateDouble(weaviate_pb2_grpc.WeaviateServicer):
    """Collections by name, each with its configuration and its objects by UUID; aliases by name.

    `away`: refuse REST requests as a gateway does whose server is down.
    """

    def __init__(self) -> None:
        self.configs: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, dict[str, tuple[dict[str, str], np.ndarray]]] = {}
        self.aliases: dict[str, str] = {}
        self.away = False

    # REST

    def answer(self, asked: Asked) -> tuple[int, Any]:
        parts = asked.path.strip("/").split("/")[1:]  # behind v1
        if parts[0] == ".well-known":
            return (200, {}) if parts[1] in ("ready", "live") else (404, None)
        if self.away or asked.authorization != f"Bearer {KEY}":
            return (503, {}) if self.away else (401, {"code": 401, "message": "unauthorized: invalid api key, please provide a valid api key"})
        if parts == ["meta"]:
            return 200, {"version": "1.33.0", "hostname": "http://[::]:8080", "modules": {}, "grpcMaxMessageSize": 104_858_000}
        if parts[0] in ("schema", "aliases"):
            return (self._answer_schema if parts[0] == "schema" else self._answer_alias)(asked.method, parts[1:], asked.read_json())
        if parts[0] == "objects" and asked.method == "DELETE":
            return (204, None) if self.objects.get(parts[1], {}).pop(parts[2], None) else (404, None)
        return 404, {"error": [{"message": f"no such path {asked.path}"}]}

    def _answer_schema(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        if method == "POST":
            name = body["class"]
            if not name[0].isupper() or name in self.configs or name in self.aliases:
                return 422, {"error": [{"message": f"class name {name} is invalid or taken"}]}
            self.configs[name], self.objects[name] = body, {}
            return 200, body
        if method == "DELETE":
            self.configs.pop(rest[0], None)
            self.objects.pop(rest[0], None)
            return 200, None
        found = self.configs.get(self.aliases.get(rest[0], rest[0]))
        return (200, found) if found else (404, None)

    def _answer_alias(self, method: str, rest: list[str], body: Any) -> tuple[int, Any]:
        if method == "POST":
            if body["alias"] in self.aliases or body["alias"] in self.configs or body["class"] not in self.configs:
                return 422, {"error": [{"message": "alias taken, or no such class"}]}
            self.aliases[body["alias"]] = body["class"]
            return 200, body
        if rest[0] not in self.aliases:
            return 404, None
        if method == "PUT":
            if body["class"] not in self.configs:
                return 422, {"error": [{"message": "no such class"}]}
            self.aliases[rest[0]] = body["class"]
        return 200, {"alias": rest[0], "class": self.aliases[rest[0]]}

    # gRPC

    def BatchObjects(self, request: Any, context: Any) -> Any:
        self._check(context)
        errors = []
        for place, item in enumerate(request.objects):
            raw = item.vector_bytes or item.vectors[0].vector_bytes
            vector = np.array(struct.unpack(f"<{len(raw) // 4}f", raw))
            there = self.objects.get(item.collection)
            if there is None:
                errors.append(batch_pb2.BatchObjectsReply.BatchError(index=place, error="no such class"))
            elif there and len(next(iter(there.values()))[1]) != len(vector):
                errors.append(batch_pb2.BatchObjectsReply.BatchError(index=place, error="vector lengths don't match"))
            else:
                there[item.uuid] = (dict(item.properties.non_ref_properties.items()), vector)
        return batch_pb2.BatchObjectsReply(took=0.001, errors=errors)

    def Search(self, request: Any, context: Any) -> Any:
        self._check(context)
        there = self.objects[self.aliases.get(request.collection, request.collection)]
        scored: list[tuple[str, float | None]]
        if request.HasField("near_vector"):
            raw = request.near_vector.vector_bytes or request.near_vector.vectors[0].vector_bytes
            query = np.array(struct.unpack(f"<{len(raw) // 4}f", raw))
            distance = {key: 1 - float(vector @ query / np.linalg.norm(vector) / np.linalg.norm(query)) for key, (_, vector) in there.items()}
            scored = [(key, distance[key]) for key in sorted(distance, key=lambda key: distance[key])]
        elif request.HasField("filters"):
            wanted = request.filters.value_text
            scored = [(wanted, None)] if wanted in there else []
        else:
            scored = [(key, None) for key in sorted(there) if key > request.after]
        results = []
        for key, distance_found in scored[: request.limit or 100]:
            fields = {name: properties_pb2.Value(text_value=value) for name, value in there[key][0].items()}
            times = {"creation_time_unix": 1, "creation_time_unix_present": True, "last_update_time_unix": 1, "last_update_time_unix_present": True}
            meta = search_get_pb2.MetadataResult(
                id_as_bytes=uuid.UUID(key).bytes, distance=distance_found or 0.0, distance_present=distance_found is not None, **times
            )
            properties = search_get_pb2.PropertiesResult(non_ref_props=properties_pb2.Properties(fields=fields), target_collection=request.collection)
            results.append(search_get_pb2.SearchResult(metadata=meta, properties=properties))
        return search_get_pb2.SearchReply(took=0.001, results=results)

    def Aggregate(self, request: Any, context: Any) -> Any:
        self._check(context)
        count = len(self.objects[self.aliases.get(request.collection, request.collection)])
        return aggregate_pb2.AggregateReply(took=0.001, single_result=aggregate_pb2.AggregateReply.Single(objects_count=count))

    def _check(self, context: Any) -> None:
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {KEY}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "unauthorized: invalid api key")


@contextmanager
def running_weaviate() -> Iterator[tuple[WeaviateDouble, str]]:
    double = WeaviateDouble()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    weaviate_pb2_grpc.add_WeaviateServicer_to_server(double, server)
    healthy = health_weaviate_pb2.WeaviateHealthCheckResponse(status=health_weaviate_pb2.WeaviateHealthCheckResponse.SERVING)
    check = grpc.unary_unary_rpc_method_handler(
        lambda request, context: healthy,
        request_deserializer=health_weaviate_pb2.WeaviateHealthCheckRequest.FromString,
        response_serializer=health_weaviate_pb2.WeaviateHealthCheckResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with answering(double.answer) as url:
            yield double, f"{url}?grpc={port}"
    finally:
        server.stop(None).wait()
