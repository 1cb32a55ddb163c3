"""The probe texts of an index: none is of the corpus, so that a manifest may leave the house. They reach what a model may do differently elsewhere: cut long
texts, lower-case, split numbers, read other scripts, put a prompt before a question.
"""

from __future__ import annotations

import numpy as np

from core.release.guard.manifest import DOCUMENT, QUERY, Encode, Floats, Probe, encode_vector
from core.retrieval.encoder import Encoder

_LONG = " ".join(f"In section {n} the parties describe delivery, payment, notice and the end of the agreement in words of their own." for n in range(1, 60))
TEXTS = (
    (QUERY, "Who pays when the goods arrive late?"),
    (QUERY, "how long is the notice period"),
    (QUERY, "COST of the 2nd shipment in EUR?"),
    (QUERY, "Wer haftet für Schäden?"),
    (QUERY, _LONG),
    (DOCUMENT, "The seller delivers the goods within 30 days of the order."),
    (DOCUMENT, "Either party may end this agreement by 3 months' written notice."),
    (DOCUMENT, "INVOICE NO. 2024/0017: total 1,234.50 EUR, due in 14 days."),
    (DOCUMENT, "Der Käufer trägt die Kosten der Rücksendung."),
    (DOCUMENT, "買主は代金を支払う。 Покупатель платит. ☂"),
    (DOCUMENT, _LONG),
    (DOCUMENT, "water"),
)


def encode_with(encoder: Encoder) -> Encode:
    """The encoder as the guard asks for it: by role, each with its prompt and by its side of the model."""

    def encode(texts: list[str], role: str) -> Floats:
        return encoder.encode_queries(texts) if role == QUERY else encoder.encode(texts, encoder.record.document_prompt)

    return encode


def make_probes(encode: Encode) -> tuple[Probe, ...]:
    """The probes with their vectors under a model."""
    found: list[Probe] = []
    for role in (QUERY, DOCUMENT):
        texts = [text for kind, text in TEXTS if kind == role]
        found += [Probe(text, role, encode_vector(np.asarray(vector))) for text, vector in zip(texts, encode(texts, role), strict=True)]
    return tuple(found)
