"""The value meter: what the judgements so far are worth, as the NDCG@5 that a quick adapter reaches on the development anchors.

At positions of the judgement log the adapter is fitted on what the training anchors' judgements were then, and measured against what the development
anchors' judgements are now, so that a curve has one yardstick. Values are cross-fitted: no anchor helps to choose the step it is measured at.

Invariants: the test part is never read; all points of a project are of one truth (development answers, corpus, base model, configuration) and are written
in one transaction; too few development anchors give words and no point.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.curation.near_duplicates import ensure_twins
from core.curation.split import ensure_split
from core.curation.stopping import FEWEST_DEVELOPMENT, RECENT, explain_few
from core.evaluation.significance import compare_scores
from core.model import Added, Anchor, Judgement, Label, PairsmithError, Part, Source, ValuePoint
from core.retrieval.encoder import embed_anchors, embed_documents
from core.retrieval.models import ensure_base_model
from core.retrieval.vectors import Floats
from core.store import corpus, judgements, projects, value_points
from core.tuning.adapter import Adapter, AdapterConfig, AnchorLabels, DevelopmentSet, cross_fit, fit_adapter
from core.tuning.dataset import normalize_text
from core.workspace import Workspace

CHECKPOINTS = 12
"""Points of a curve that is measured anew, at most."""

OnStage = Callable[[str, int, int], None]
"""Called with a message, the step and the number of steps; may raise to stop."""
State = dict[tuple[str, str], Judgement]


@dataclass(frozen=True)
class Checkpoint:
    """A position of the log to measure at, and the decisions of people that stand up to it."""

    last_seq: int
    judged: int


@dataclass(frozen=True)
class _Ground:
    """What does not change from point to point."""

    documents: Floats
    row_of: Mapping[str, int]
    twin_rows: Mapping[str, Sequence[int]]
    """Rows of the near-duplicates of a document that has any, itself included."""
    train: Sequence[Anchor]
    train_vectors: Floats
    development: DevelopmentSet
    dev_ids: Sequence[str]
    groups: Mapping[str, str]
    truth: str


def measure_value(workspace: Workspace, project_id: str, on_stage: OnStage, *, fresh: bool = False, config: AdapterConfig | None = None) -> dict[str, Any]:
    """Measure the newest point, or a whole curve of at most `CHECKPOINTS` points evenly spaced over the decisions: on a first run, where `fresh`, and where
    the truth changed before the last run and not since. A run that finds the truth changed measures the newest point alone: one label of a development
    anchor does not cost a whole curve, and several in a row cost it once. Documents that arrive during a run are left to the next.
    Returns `points` (how many were measured), `words` and the newest figures. With too few development anchors the stored points are dropped.

    Raises `PairsmithError` when there are no documents, and whatever `on_stage` raises; nothing is stored then.
    """
    config = config or AdapterConfig()
    on_stage("Encoding documents", 0, 1)
    ground = _lay_ground(workspace, project_id, config)
    if isinstance(ground, str):
        with workspace.store.write() as conn:
            value_points.drop_points(conn, project_id)
        return {"points": 0, "words": ground}
    with workspace.store.read() as conn:
        log = judgements.read_log(conn, project_id)
        stored = value_points.list_points(conn, project_id)
    standing = [point for point in stored if point.truth == ground.truth]
    is_short = bool(standing) and all(point.judged > 0 for point in standing)  # the truth changed before the last run and not since
    is_whole = fresh or is_short or not stored
    standing = [] if is_whole else standing
    wanted = plan_checkpoints(log) if is_whole else plan_checkpoints(log)[-1:]
    points: list[ValuePoint] = []
    for number, checkpoint in enumerate(wanted):

        def on_step(step: int, total: int, number: int = number) -> None:
            on_stage(f"Measuring point {number + 1} of {len(wanted)}", number * total + step, len(wanted) * total)

        on_step(0, config.steps)
        earlier = [point for point in (*standing, *points) if point.last_seq < checkpoint.last_seq]
        points.append(_measure_point(ground, fold_log(log, checkpoint.last_seq), checkpoint, earlier, config, on_step))
    with workspace.store.write() as conn:
        value_points.drop_points(conn, project_id, keep_truth=None if is_whole else ground.truth)
        for point in points:
            value_points.put_point(conn, project_id, point)
    newest = points[-1]
    return {
        "points": len(points),
        "words": f"{newest.judged} judgements: NDCG@5 {newest.value:.3f} with a quick adapter, {newest.base:.3f} without.",
        "judged": newest.judged,
        "base": newest.base,
        "value": newest.value,
        "low": newest.low,
        "high": newest.high,
    }


def plan_checkpoints(log: Sequence[Judgement], most: int = CHECKPOINTS) -> list[Checkpoint]:
    """Positions of the log, evenly spaced over the decisions of people from none to all, at most `most`; the last is the log's end.

    An undo and what it takes back, what followed from another decision, and imports are no decisions; see `is_decision`.
    """
    decisions = {event.client_id for event in log if is_decision(event)}
    counts: list[int] = []
    spent = 0
    for event in log:
        spent += 1 if event.client_id in decisions else -1 if event.undoes in decisions else 0
        counts.append(spent)
    targets = sorted({round(share * spent / (most - 1)) for share in range(most)}) if spent > 0 else [0]
    found: list[Checkpoint] = []
    for target in targets[:-1]:
        place = next(i for i, count in enumerate(counts) if count > target)  # the event after which it would be one more
        found.append(Checkpoint(_seq(log[place - 1]) if place else 0, target if place else 0))
    return [*found, Checkpoint(_seq(log[-1]) if log else 0, spent)]


def is_decision(event: Judgement) -> bool:
    """Whether a person decided something: no undo, nothing that followed from another decision, no import."""
    return event.undoes is None and event.caused_by is None and event.source != Source.IMPORT


def fold_log(log: Sequence[Judgement], last_seq: int) -> State:
    """The last event of each pair up to `last_seq`, pairs that were opened again left out."""
    state: State = {}
    for event in log:
        if _seq(event) > last_seq:
            break
        state[event.anchor_id, event.document_id] = event
    return {pair: event for pair, event in state.items() if event.label != Label.UNJUDGED}


def build_labels(
    events: Sequence[Judgement], row_of: Mapping[str, int], twin_rows: Mapping[str, Sequence[int]] | None = None, *, min_grade: int = 1
) -> AnchorLabels:
    """What an adapter learns of one anchor from its pairs' present events: answers of `min_grade` or more weigh as much as their grade.

    Lower answers (unless the anchor has no others: then its best count), ambiguous, skipped and cannot-judge pairs, and near-duplicates of answers are
    masked: neither pulled nor pushed.
    """
    events = [event for event in events if event.document_id in row_of]  # a document that arrived since the vectors were read is left to the next time
    grades = {row_of[event.document_id]: event.grade for event in events if event.label == Label.POSITIVE and event.grade > 0}
    least = min(min_grade, max(grades.values(), default=0))
    positives = {row: float(grade) for row, grade in grades.items() if grade >= least}
    alike = {row for event in events if row_of[event.document_id] in grades for row in (twin_rows or {}).get(event.document_id, ())}
    negatives = {row_of[event.document_id] for event in events if event.label == Label.HARD_NEGATIVE} - alike
    left_out = {row_of[event.document_id] for event in events if event.label != Label.HARD_NEGATIVE}
    return AnchorLabels(positives, sorted(negatives), sorted((alike | left_out) - positives.keys()))


def fit_present(workspace: Workspace, project_id: str, config: AdapterConfig | None = None) -> tuple[Adapter, int]:
    """The adapter of what the training anchors' judgements say now, its step chosen on the development anchors, and on how many anchors it was fitted.

    Raises `PairsmithError` where there are no documents or too few development anchors.
    """
    config = config or AdapterConfig()
    ground = _lay_ground(workspace, project_id, config)
    if isinstance(ground, str):
        raise PairsmithError(f"No adapter can be fitted. {ground}")
    with workspace.store.read() as conn:
        state = fold_log(judgements.read_log(conn, project_id), judgements.last_seq(conn, project_id))
    labels = _label_training(ground, state)
    adapter = fit_adapter(ground.train_vectors, ground.documents, labels, ground.development, config)
    return adapter, sum(bool(label.positives) for label in labels)


def _label_training(ground: _Ground, state: State) -> list[AnchorLabels]:
    """What each training anchor teaches."""
    events: dict[str, list[Judgement]] = {anchor.id: [] for anchor in ground.train}
    for (anchor_id, _), event in state.items():
        if anchor_id in events:
            events[anchor_id].append(event)
    return [build_labels(events[anchor.id], ground.row_of, ground.twin_rows) for anchor in ground.train]


def _measure_point(
    ground: _Ground, state: State, checkpoint: Checkpoint, earlier: Sequence[ValuePoint], config: AdapterConfig, on_step: Callable[[int, int], None]
) -> ValuePoint:
    began = time.monotonic()
    adapter = fit_adapter(ground.train_vectors, ground.documents, _label_training(ground, state), ground.development, config, on_step=on_step)
    base = dict(zip(ground.dev_ids, adapter.scores[0].tolist(), strict=True))
    scores = dict(zip(ground.dev_ids, cross_fit(adapter, ground.development.groups, seed=config.seed).tolist(), strict=True))
    difference = compare_scores(base, scores, ground.groups)
    return ValuePoint(
        last_seq=checkpoint.last_seq,
        judged=checkpoint.judged,
        base=float(np.mean(list(base.values()))),
        value=float(np.mean(list(scores.values()))),
        low=difference.low,
        high=difference.high,
        anchors=len(scores),
        seconds=time.monotonic() - began,
        created_at=time.time(),
        truth=ground.truth,
        scores=scores,
        added=_compare_earlier(checkpoint, scores, earlier, ground.groups),
    )


def _compare_earlier(checkpoint: Checkpoint, scores: Mapping[str, float], earlier: Sequence[ValuePoint], groups: Mapping[str, str]) -> Added | None:
    """The gain over the nearest earlier point that is at least `RECENT` judgements back."""
    behind = [point for point in earlier if checkpoint.judged - point.judged >= RECENT]
    if not behind:
        return None
    then = max(behind, key=lambda point: point.last_seq)
    difference = compare_scores(then.scores, scores, groups)
    return Added(checkpoint.judged - then.judged, difference.gain, difference.low, difference.high)


def _lay_ground(workspace: Workspace, project_id: str, config: AdapterConfig) -> _Ground | str:
    """Vectors, parts and truth; words in their place where there are too few development anchors."""
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        documents = corpus.read_documents(conn, project_id)
    if not documents:
        raise PairsmithError("The project has no documents, so there is nothing to measure. Import a corpus first.")
    record = ensure_base_model(workspace, project_id, project.base_model)
    vectors = embed_documents(workspace, record, documents)
    twins = ensure_twins(workspace, project_id, record)
    split = ensure_split(workspace, project_id)
    with workspace.store.read() as conn:
        anchors = corpus.read_anchors(conn, project_id)
        qrels = judgements.read_qrels(conn, project_id)
    row_of = {document.id: row for row, document in enumerate(documents)}
    answered = [anchor for anchor in anchors if any(grade > 0 and item in row_of for item, grade in qrels.get(anchor.id, {}).items())]
    development = [anchor for anchor in answered if anchor.part == Part.DEV]
    if len(development) < FEWEST_DEVELOPMENT:
        return explain_few(len(development))
    held_texts = {normalize_text(anchor.text) for anchor in answered if anchor.part != Part.TRAIN}
    train = [anchor for anchor in anchors if anchor.part == Part.TRAIN and normalize_text(anchor.text) not in held_texts]
    members: dict[str, list[int]] = {}
    twins = {document_id: group for document_id, group in twins.items() if document_id in row_of}
    for document_id, group in twins.items():
        members.setdefault(group, []).append(row_of[document_id])
    known = [[anchor.id, anchor.text, sorted(qrels[anchor.id].items())] for anchor in development]
    measured = {"model": record.id, "corpus": project.corpus_revision, "anchors": known, "config": asdict(config)}
    return _Ground(
        documents=vectors,
        row_of=row_of,
        twin_rows={document_id: members[group] for document_id, group in twins.items()},
        train=train,
        train_vectors=embed_anchors(workspace, record, [anchor.text for anchor in train]),
        development=DevelopmentSet(
            queries=embed_anchors(workspace, record, [anchor.text for anchor in development]),
            grades=[{row_of[item]: grade for item, grade in qrels[anchor.id].items() if item in row_of} for anchor in development],
            groups=[split.groups[anchor.id] for anchor in development],
        ),
        dev_ids=[anchor.id for anchor in development],
        groups=split.groups,
        truth=hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest(),
    )


def _seq(event: Judgement) -> int:
    if event.seq is None:
        raise PairsmithError(f"The judgement {event.client_id!r} has no position in the log: it was not read from the store.")
    return event.seq
