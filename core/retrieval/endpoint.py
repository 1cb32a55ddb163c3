"""Embedding texts by a service outside: anything that speaks OpenAI's `POST /embeddings`, in batches, with retries.

Address and key come from the settings alone, so that nobody who may only name a model can have the key sent elsewhere. What is sent is texts, nothing
else. Refuses an answer that is not whole: a vector missing, of another length, or not finite. Rate limits, overload, timeouts and broken answers are
tried again after a pause that doubles, or that the service names; what it refuses for good is told at once. The key is in no error. No torch.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from core.model import PairsmithError
from core.retrieval.vectors import Floats
from core.settings import Settings

BATCH = 64
ATTEMPTS = 6
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
TIMEOUT_S = 60.0
_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
MAX_ANSWER_BYTES = 200_000_000
LOCAL = ("127.0.0.1", "localhost", "::1")


class _Unwell(Exception):
    """Something that may pass: tried again, after `pause_s` where the service names it."""

    def __init__(self, words: str, pause_s: float | None = None) -> None:
        super().__init__(words)
        self.pause_s = pause_s


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another address."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse it: the answer then is an error with the status of the redirect."""


@dataclass
class Endpoint:
    """One model of a service.

    Parameters: `url`, up to and without `/embeddings`; `model`, as the service names it; `key`, sent as a bearer token where there is one; `dimensions`, asked
    for where given; `sleep`, told the seconds to wait. `tokens` counts what the service says it read.
    """

    url: str
    model: str
    key: str = ""
    dimensions: int | None = None
    timeout_s: float = TIMEOUT_S
    sleep: Callable[[float], None] = time.sleep
    tokens: int = 0

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors (n, d) float32, rows L2-normalised, in the order of the texts. Raises `PairsmithError` in words a person can act on."""
        parts = [self._embed_batch(list(texts[start : start + BATCH])) for start in range(0, len(texts), BATCH)]
        if len({part.shape[1] for part in parts}) > 1:
            raise PairsmithError(f"{self.where} gave vectors of different lengths for the same model. Nothing can be compared with them.")
        return np.concatenate(parts) if parts else np.zeros((0, self.dimensions or 0), np.float32)

    @property
    def where(self) -> str:
        """The service in an error or a plan: its address without what may be secret in it."""
        return f"{self.model} at {urlsplit(self.url).hostname}"

    def _embed_batch(self, texts: list[str]) -> Floats:
        pause = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._ask(texts)
            except _Unwell as trouble:
                if attempt == ATTEMPTS:
                    raise PairsmithError(
                        f"{self.where} could not be used after {ATTEMPTS} attempts: {trouble}. What was received is kept; start the run again later."
                    ) from trouble
                self.sleep(min(LONGEST_PAUSE_S, pause if trouble.pause_s is None else trouble.pause_s))
                pause *= 2
        raise AssertionError("unreachable")

    def _ask(self, texts: list[str]) -> Floats:
        body: dict[str, Any] = {"model": self.model, "input": texts, "encoding_format": "float"}
        if self.dimensions:
            body["dimensions"] = self.dimensions
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        request = urllib.request.Request(f"{self.url.rstrip('/')}/embeddings", json.dumps(body).encode("utf-8", "backslashreplace"), headers)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout_s) as response:
                payload = json.loads(response.read(MAX_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            raise self._explain(error) from None
        except TimeoutError:
            raise _Unwell(f"no answer within {self.timeout_s:.0f} s") from None
        except (urllib.error.URLError, HTTPException, ConnectionError) as error:
            raise _Unwell(f"the connection failed ({getattr(error, 'reason', error)})") from None
        except ValueError:
            raise _Unwell("the answer broke off or is no JSON") from None
        return self._read(payload, len(texts))

    def _explain(self, error: urllib.error.HTTPError) -> Exception:
        said = self._hide(error.read(2000).decode("utf-8", "replace").strip())[:300]
        if error.code in _AGAIN:
            return _Unwell(f"it answered {error.code} ({'too many requests' if error.code == 429 else 'overloaded or broken'})", _read_pause(error))
        advice = {
            401: "Check PAIRSMITH_EMBEDDINGS_KEY in the environment of the worker.",
            403: "The key may not use this model.",
            404: "Check PAIRSMITH_EMBEDDINGS_URL and the model's name.",
        }.get(error.code, "The service will not take these texts as they are.")
        return PairsmithError(f"{self.where} refused with {error.code}: {said or error.reason}. {advice}")

    def _hide(self, text: str) -> str:
        """Some services repeat the key they refuse."""
        return text.replace(self.key, "…") if self.key else text

    def _read(self, payload: Any, count: int) -> Floats:
        rows = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(rows, list):
            raise _Unwell("the answer holds no vectors")
        by_index = {row.get("index"): row["embedding"] for row in rows if isinstance(row, dict) and isinstance(row.get("embedding"), list)}
        given = [by_index[index] for index in range(count) if index in by_index]
        if len(given) != count or len(rows) != count:
            raise _Unwell(f"it gave {len(given)} of {count} vectors")
        lengths = {len(item) for item in given}
        wanted = self.dimensions or next(iter(lengths))
        if lengths != {wanted}:
            sizes = ", ".join(map(str, sorted(lengths)))
            raise PairsmithError(f"{self.where} gave vectors of {sizes} dimensions, expected {wanted}. Name the right model or size.")
        try:
            vectors = np.array(given, np.float32)
        except (TypeError, ValueError):
            raise _Unwell("the answer holds what is no number") from None
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or not (norms > 0).all():
            raise PairsmithError(f"{self.where} gave a vector without a direction (zeros, or no finite numbers). Nothing can be compared with it.")
        usage = payload.get("usage")
        self.tokens += int(usage.get("total_tokens") or 0) if isinstance(usage, dict) else 0
        return np.asarray(vectors / norms, np.float32)


def _read_pause(error: urllib.error.HTTPError) -> float | None:
    """The seconds that the service asks to wait, where it names them as a number."""
    try:
        return max(0.0, float(error.headers.get("Retry-After", "")))
    except (TypeError, ValueError):
        return None


def open_endpoint(settings: Settings, model: str, dimensions: int | None = None) -> Endpoint:
    """The service of the settings. Raises `PairsmithError` for an address that is none, or that would carry the key over the network in the clear."""
    parsed = urlsplit(settings.embeddings_url)
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise PairsmithError(f"PAIRSMITH_EMBEDDINGS_URL is {settings.embeddings_url!r}, which is no http or https address.")
    key = settings.embeddings_key.get_secret_value()
    if key and parsed.scheme == "http" and parsed.hostname not in LOCAL:
        raise PairsmithError(f"PAIRSMITH_EMBEDDINGS_URL would carry the key to {parsed.hostname} without encryption. Use https.")
    if not key and parsed.hostname == "api.openai.com":
        raise PairsmithError("No key is set for api.openai.com. Set PAIRSMITH_EMBEDDINGS_KEY in the environment of the worker.")
    return Endpoint(settings.embeddings_url, model, key, dimensions)
