"""Train, development and test as connected components, so that neither an anchor's answer nor its near-duplicate stands on both sides.

Invariant: an anchor that once was in training is never tested on. Where new labels join components of different parts, the whole component goes
to the most exposed of them (train before dev before test). Only anchors with an answer have a part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.curation.twins import read_twins
from core.model import Part
from core.store import corpus, judgements
from core.workspace import Workspace

SHARES = {Part.TRAIN: 0.6, Part.DEV: 0.15, Part.TEST: 0.25}
GIANT = 0.7
"""A component that holds more than this share of the anchors leaves too few others to hold out."""
FEW = 10


def find_components(positives: Mapping[str, Sequence[str]], twins: Mapping[str, str] | None = None, groups: Mapping[str, str] | None = None) -> list[list[str]]:
    """Connected components of anchors that share an answer, or answers that are near-duplicates, or that are paraphrases.

    `positives`: document ids by anchor id. `twins`: for a document id, the name of its near-duplicate group. `groups`: for an anchor id, the name of its
    group of paraphrases. Returns lists of anchor ids, each sorted, the list sorted by its first ids; no anchors give no components.
    """
    parent: dict[str, str] = {}

    def find(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for anchor_id in sorted(positives):
        root = find("a\0" + anchor_id)
        if groups and anchor_id in groups:
            parent[find("q\0" + groups[anchor_id])] = root
        for document_id in positives[anchor_id]:
            group = (twins or {}).get(document_id)
            other = find("g\0" + group if group is not None else "d\0" + document_id)
            parent[other] = root
            root = find(root)
    components: dict[str, list[str]] = {}
    for anchor_id in sorted(positives):
        components.setdefault(find("a\0" + anchor_id), []).append(anchor_id)
    return sorted(components.values())


def assign_parts(components: Sequence[Sequence[str]], standing: Mapping[str, Part], *, seed: int = 0, shares: Mapping[Part, float] = SHARES) -> dict[str, Part]:
    """A part for every anchor of every component.

    A component with members that have a part keeps the most exposed of them; a new one goes to the part furthest below its share. New components
    come largest first, ties in an order fixed by `seed` and their ids, so the result does not depend on the order of arrival.
    """
    parts: dict[str, Part] = {}
    new: list[Sequence[str]] = []
    for component in components:
        held = {standing[anchor_id] for anchor_id in component if anchor_id in standing}
        if held:
            kept = next(part for part in (Part.TRAIN, Part.DEV, Part.TEST) if part in held)
            parts.update(dict.fromkeys(component, kept))
        else:
            new.append(component)
    total = sum(len(component) for component in components)
    counts = {part: sum(1 for value in parts.values() if value == part) for part in Part}
    for component in sorted(new, key=lambda item: (-len(item), hashlib.sha256(f"{seed}\0{item[0]}".encode()).digest())):
        chosen = max(Part, key=lambda part: (shares[part] * total - counts[part], shares[part]))
        parts.update(dict.fromkeys(component, chosen))
        counts[chosen] += len(component)
    return parts


@dataclass(frozen=True)
class Split:
    """Components of the labelled anchors, the part of each anchor, and a warning where components had to be loosened."""

    components: Sequence[Sequence[str]]
    parts: Mapping[str, Part]
    warning: str = ""

    @property
    def groups(self) -> dict[str, str]:
        """For each anchor the first id of its component: the unit that intervals resample."""
        return {anchor_id: component[0] for component in self.components for anchor_id in component}

    def ids(self, part: Part) -> list[str]:
        """The anchors of a part, by id."""
        return sorted(anchor_id for anchor_id, value in self.parts.items() if value == part)


def plan_split(workspace: Workspace, project_id: str) -> Split:
    """The split as the judgements stand now, near-duplicates as far as they are known (`core.curation.twins`). Stores nothing."""
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id)
        positives = read_positives(judgements.read_qrels(conn, project_id))
    groups = {anchor.id: anchor.question for anchor in anchors}
    components, warning = loosen_components(positives, read_twins(workspace, project_id) or {}, groups)
    standing = {anchor.id: anchor.part for anchor in anchors if anchor.part is not None and anchor.id in positives}
    return Split(components, assign_parts(components, standing), warning)


def ensure_split(workspace: Workspace, project_id: str) -> Split:
    """Bring the stored parts of all labelled anchors up to date with the judgements."""
    split = plan_split(workspace, project_id)
    with workspace.store.read() as conn:
        standing = {anchor.id: anchor.part for anchor in corpus.read_anchors(conn, project_id)}
    changed = {anchor_id: part for anchor_id, part in split.parts.items() if standing.get(anchor_id) != part}
    if changed:
        with workspace.store.write() as conn:
            corpus.set_parts(conn, project_id, changed)
    return split


def loosen_components(positives: Mapping[str, Sequence[str]], twins: Mapping[str, str], groups: Mapping[str, str] | None = None) -> tuple[list[list[str]], str]:
    """Components that can be split, and a warning where that took loosening.

    One component of more than `GIANT` of at least `FEW` anchors leaves nothing to hold out. Then near-duplicates are let go first (a model that
    finds everything alike makes them), then single shared answers: only anchors with exactly the same answers, such as rephrasings, and those of one group of
    paraphrases stay together.
    """
    components = find_components(positives, twins, groups)
    if not _has_giant(components):
        return components, ""
    components = find_components(positives, groups=groups)
    if not _has_giant(components):
        return components, "Near-duplicates join almost all anchors, so they were not kept together: an answer's twin may stand on both sides."
    same = {anchor_id: [json.dumps(sorted(set(answers)))] for anchor_id, answers in positives.items()}
    return find_components(same, groups=groups), (
        "Almost all anchors share answers, so only those with exactly the same ones were kept together: an answer may stand in training and in test, "
        "and the result may flatter."
    )


def _has_giant(components: Sequence[Sequence[str]]) -> bool:
    total = sum(len(component) for component in components)
    return total >= FEW and max(len(component) for component in components) > GIANT * total


def read_positives(qrels: Mapping[str, Mapping[str, int]]) -> dict[str, list[str]]:
    """Answers (grade above 0) by anchor, best grade first, then id; anchors without one are left out."""
    positives: dict[str, list[str]] = {}
    for anchor_id, grades in qrels.items():
        answers = sorted((document_id for document_id, grade in grades.items() if grade > 0), key=lambda document_id: (-grades[document_id], document_id))
        if answers:
            positives[anchor_id] = answers
    return positives
