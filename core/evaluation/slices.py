"""Slices: where the difference lies, by any field of the anchors or of the documents that answer them. No torch.

Slices are for finding what to look at, not for verdicts: they are many and small, and no p is given for them. An anchor stands in a slice of each value
that its best answers have; one without a value stands in none. Order: the largest loss first, ties by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.curation.split import plan_split
from core.evaluation.found import Found, read_score_pair
from core.evaluation.significance import compare_scores
from core.model import PairsmithError
from core.store import corpus, judgements
from core.workspace import Workspace

FEW = 5
"""Anchors below which a slice's interval says next to nothing."""
MOST = 60
"""Values of a field beyond which it is taken for a name rather than a kind, and its largest slices are kept."""


@dataclass(frozen=True)
class Slice:
    """The anchors of one value of a field: NDCG@5 under both systems, and the interval of the difference."""

    value: str
    n: int
    base: float
    tuned: float
    gain: float
    low: float
    high: float


def list_fields(workspace: Workspace, project_id: str) -> list[str]:
    """The fields that there are to slice by: `anchor.NAME` and `document.NAME`, by name."""
    with workspace.store.read() as conn:
        anchors = {f"anchor.{name}" for anchor in corpus.read_anchors(conn, project_id) for name in anchor.fields}
        documents = {f"document.{name}" for document in corpus.read_documents(conn, project_id, limit=2_000) for name in document.fields}
    return sorted(anchors) + sorted(documents)


def slice_scores(workspace: Workspace, project_id: str, found: Found, field: str) -> list[Slice]:
    """The slices of a field. Raises `PairsmithError` for a field that no measured anchor has."""
    before, after = read_score_pair(workspace, found)
    values = read_values(workspace, project_id, field, before.keys() & after.keys())
    groups = plan_split(workspace, project_id).groups
    members: dict[str, list[str]] = {}
    for anchor_id in sorted(values):
        for value in values[anchor_id]:
            members.setdefault(value, []).append(anchor_id)
    if not members:
        raise PairsmithError(f"No measured anchor has a value for {field!r}. There are: {', '.join(list_fields(workspace, project_id)) or 'none'}.")
    kept = sorted(members, key=lambda value: (-len(members[value]), value))[:MOST]
    return sorted((_measure(value, members[value], before, after, groups) for value in kept), key=lambda item: (item.gain, item.value))


def _measure(value: str, anchor_ids: list[str], before: Mapping[str, float], after: Mapping[str, float], groups: Mapping[str, str]) -> Slice:
    base, tuned = ({anchor_id: scores[anchor_id] for anchor_id in anchor_ids} for scores in (before, after))
    difference = compare_scores(base, tuned, groups)
    mean = sum(base.values()) / len(base)
    return Slice(value, len(base), mean, mean + difference.gain, difference.gain, difference.low, difference.high)


def read_values(workspace: Workspace, project_id: str, field: str, anchor_ids: frozenset[str] | set[str]) -> dict[str, list[str]]:
    """The values of a field by anchor: its own, or those of its best answers, each once, in order."""
    kind, _, name = field.partition(".")
    with workspace.store.read() as conn:
        if kind == "anchor":
            anchors = corpus.get_anchors(conn, project_id, sorted(anchor_ids))
            return {anchor_id: [anchor.fields[name]] for anchor_id, anchor in anchors.items() if anchor.fields.get(name)}
        if kind != "document":
            raise PairsmithError(f"{field!r} is no field to slice by. Write anchor.NAME or document.NAME.")
        qrels = judgements.read_qrels(conn, project_id)
        best = {anchor_id: max(qrels.get(anchor_id, {}).values(), default=0) for anchor_id in anchor_ids}
        answers = {anchor_id: [item for item, grade in qrels[anchor_id].items() if grade == best[anchor_id]] for anchor_id in anchor_ids if best[anchor_id] > 0}
        documents = corpus.get_documents(conn, project_id, sorted({item for items in answers.values() for item in items}))
    found = {
        anchor_id: sorted({documents[item].fields[name] for item in items if item in documents and documents[item].fields.get(name)})
        for anchor_id, items in answers.items()
    }
    return {anchor_id: values for anchor_id, values in found.items() if values}
