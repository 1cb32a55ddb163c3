"""What runs leave behind: snapshots, models, evaluations with their scores, projections.

Invariant: a place inside the home is stored relative to it and given back absolute, so that a home that was moved finds its models and maps.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, update

from core.model import Evaluation, ModelKind, ModelRecord, NotFound, Part, Projection, Snapshot
from core.store.corpus import insert_for
from core.store.tables import anchors, evaluation_scores, evaluations, models, projections, snapshots

_CHUNK = 500
_OPENS_TEST = ("test", "all")
ADAPTER_ID = "adapter:"
"""How the id of an adapter begins, which is trained though no model of its own."""


def put_snapshot(conn: Connection, project_id: str, snapshot: Snapshot) -> None:
    """Store a snapshot; the same content again only says up to which judgement, and at which revisions, it holds."""
    values = vars(snapshot) | {"project_id": project_id, "counts": dict(snapshot.counts)}
    insert = insert_for(conn, snapshots).values(**values)
    moment = {name: insert.excluded[name] for name in ("last_seq", "corpus_revision", "anchor_revision")}
    is_later = snapshots.c.last_seq <= insert.excluded.last_seq
    conn.execute(insert.on_conflict_do_update(index_elements=["project_id", "id"], set_=moment, where=is_later))


def list_snapshots(conn: Connection, project_id: str) -> list[Snapshot]:
    """Snapshots, newest first."""
    query = select(snapshots).where(snapshots.c.project_id == project_id).order_by(snapshots.c.created_at.desc())
    return [Snapshot(**_values(row)) for row in conn.execute(query)]


def get_snapshot(conn: Connection, project_id: str, snapshot_id: str) -> Snapshot:
    """The snapshot whose id begins with `snapshot_id` (8 digits or more). Raises `NotFound`."""
    for snapshot in list_snapshots(conn, project_id) if len(snapshot_id) >= 8 else []:
        if snapshot.id.startswith(snapshot_id):
            return snapshot
    raise NotFound(f"Project {project_id!r} has no snapshot {snapshot_id!r}. The history page, or `pairsmith snapshot list`, lists them by 8 digits or more.")


def find_snapshot_projects(conn: Connection, snapshot_id: str) -> list[str]:
    """The projects that a snapshot was taken of: more than one where two hold the same judgements of the same texts."""
    return list(conn.execute(select(snapshots.c.project_id).where(snapshots.c.id == snapshot_id).order_by(snapshots.c.project_id)).scalars())


def put_model(conn: Connection, project_id: str, model: ModelRecord) -> None:
    """Register a model; the same fingerprint again changes nothing."""
    values = vars(model) | {"project_id": project_id, "kind": model.kind.value, "created_at": model.created_at or time.time()}
    values["location"] = _to_place(conn, model.location)
    conn.execute(insert_for(conn, models).values(**values).on_conflict_do_nothing())


def renew_base(conn: Connection, project_id: str, model_id: str) -> None:
    """Make a base model the newest of the project's; changes nothing where it is. One whose files are what they were once more is the present one again."""
    newest = next((model for model in list_models(conn, project_id) if model.kind == ModelKind.BASE), None)
    if newest is not None and newest.id != model_id:
        owned = (models.c.project_id == project_id, models.c.id == model_id, models.c.kind == ModelKind.BASE.value)
        conn.execute(update(models).where(*owned).values(created_at=max(time.time(), newest.created_at + 1)))


def list_models(conn: Connection, project_id: str) -> list[ModelRecord]:
    """Models of the project, newest first."""
    query = select(models).where(models.c.project_id == project_id).order_by(models.c.created_at.desc(), models.c.id)
    return [_to_model(conn, row) for row in conn.execute(query)]


def get_model(conn: Connection, project_id: str, model_id: str) -> ModelRecord:
    """The model whose fingerprint begins with `model_id` (8 digits or more), or whose name it is. Raises `NotFound`."""
    found = find_model(conn, project_id, model_id)
    if found is None:
        raise NotFound(f"Project {project_id!r} has no model {model_id!r}. The models page, or `pairsmith project show`, lists them.")
    return found


def find_model(conn: Connection, project_id: str, model_id: str) -> ModelRecord | None:
    """The same, or None."""
    known = list_models(conn, project_id)
    return next((model for model in known if model.name == model_id or (len(model_id) >= 8 and model.id.startswith(model_id))), None)


def find_tuned(conn: Connection, project_id: str, *, whole: bool = False) -> ModelRecord | None:
    """The tuned model: the newest trained one that was measured on the test part; the newest trained one where none was; None where none was trained.

    What a cancelled run left, or one whose verdict never came, does not take the place of a model that is known to be good. `whole`: among those alone
    that moved the documents, so no adapter.
    """
    trained = [model for model in list_models(conn, project_id) if model.kind == ModelKind.TUNED or (model.kind.is_trained and not whole)]
    measured = {evaluation.model_id for evaluation in list_evaluations(conn, project_id, part=Part.TEST.value)}
    return next((model for model in trained if model.id in measured), trained[0] if trained else None)


def put_evaluation(conn: Connection, project_id: str, evaluation: Evaluation, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Store figures of one system, with `scores` by anchor id and measure."""
    conn.execute(evaluations.insert().values(**vars(evaluation) | {"project_id": project_id, "measures": dict(evaluation.measures)}))
    rows = [
        {"evaluation_id": evaluation.id, "anchor_id": anchor_id, "measure": measure, "value": value}
        for anchor_id, values in scores.items()
        for measure, value in values.items()
    ]
    for start in range(0, len(rows), _CHUNK):
        conn.execute(evaluation_scores.insert(), rows[start : start + _CHUNK])


def list_evaluations(conn: Connection, project_id: str, *, part: str | None = None, run_id: str | None = None) -> list[Evaluation]:
    """Evaluations, newest first."""
    query = select(evaluations).where(evaluations.c.project_id == project_id)
    if part is not None:
        query = query.where(evaluations.c.part == part)
    if run_id is not None:
        query = query.where(evaluations.c.run_id == run_id)
    return [_to_evaluation(row) for row in conn.execute(query.order_by(evaluations.c.created_at.desc(), evaluations.c.id))]


def read_scores(conn: Connection, evaluation_id: str, measure: str) -> dict[str, float]:
    """One measure by anchor id."""
    c = evaluation_scores.c
    query = select(c.anchor_id, c.value).where(c.evaluation_id == evaluation_id, c.measure == measure).order_by(c.anchor_id)
    return dict(conn.execute(query).all())


@dataclass(frozen=True)
class ScoreChange:
    """One anchor's value of a measure under two systems."""

    anchor_id: str
    text: str
    base: float
    tuned: float

    @property
    def difference(self) -> float:
        """Tuned minus base."""
        return self.tuned - self.base


def page_changes(
    conn: Connection, project_id: str, base_id: str, tuned_id: str, measure: str, *, best_first: bool = False, offset: int = 0, limit: int = 50
) -> list[ScoreChange]:
    """A page of the anchors that both evaluations (by their ids) have a value for, the worst change first or the best; ties by anchor id."""
    before, after = evaluation_scores.alias("before"), evaluation_scores.alias("after")
    change = after.c.value - before.c.value
    query = (
        select(before.c.anchor_id, anchors.c.text, before.c.value.label("base"), after.c.value.label("tuned"))
        .join(after, (after.c.anchor_id == before.c.anchor_id) & (after.c.measure == before.c.measure))
        .join(anchors, (anchors.c.project_id == project_id) & (anchors.c.id == before.c.anchor_id))
        .where(before.c.evaluation_id == base_id, after.c.evaluation_id == tuned_id, before.c.measure == measure)
        .order_by(change.desc() if best_first else change, before.c.anchor_id)
    )
    return [ScoreChange(row.anchor_id, row.text, row.base, row.tuned) for row in conn.execute(query.offset(offset).limit(limit))]


def count_openings(conn: Connection, project_id: str, model_id: str) -> int:
    """How often the test part was opened for a model."""
    c = evaluations.c
    query = select(func.count()).select_from(evaluations).where(c.project_id == project_id, c.model_id == model_id, c.part == "test")
    return int(conn.execute(query).scalar_one())


@dataclass(frozen=True)
class Openings:
    """How often the test part of a project was opened to measure tuned models, and for how many of them."""

    looks: int
    models: int


def count_test_openings(conn: Connection, project_id: str) -> Openings:
    """The openings of the test part over all tuned models of the project. All figures of one run, on it or on all anchors, are one look."""
    c = evaluations.c
    trained = or_(models.c.kind.in_([kind.value for kind in ModelKind if kind.is_trained]), c.model_id.startswith(ADAPTER_ID))
    query = (
        select(func.count(_opening().distinct()), func.count(c.model_id.distinct()))
        .select_from(evaluations.outerjoin(models, (models.c.project_id == c.project_id) & (models.c.id == c.model_id)))
        .where(c.project_id == project_id, c.part.in_(_OPENS_TEST), trained)
    )
    looks, tuned = conn.execute(query).one()
    return Openings(int(looks), int(tuned))


def count_part_openings(conn: Connection, project_id: str) -> int:
    """How often the test part was opened in all, for whatever system."""
    query = select(func.count(_opening().distinct())).where(evaluations.c.project_id == project_id, evaluations.c.part.in_(_OPENS_TEST))
    return int(conn.execute(query).scalar_one())


def _opening() -> ColumnElement[str]:
    """What opens once: a run, or an evaluation outside of any."""
    return func.coalesce(evaluations.c.run_id, evaluations.c.id)


def put_projection(conn: Connection, project_id: str, projection: Projection) -> None:
    """Store where a pair of maps lies and what was measured of it."""
    values = vars(projection) | {"project_id": project_id, "path": _to_place(conn, projection.path), "figures": dict(projection.figures)}
    conn.execute(projections.insert().values(**values))


def list_projections(conn: Connection, project_id: str) -> list[Projection]:
    """Projections, newest first."""
    query = select(projections).where(projections.c.project_id == project_id).order_by(projections.c.created_at.desc())
    return [_to_projection(conn, row) for row in conn.execute(query)]


def new_id() -> str:
    """A short random id for something a run leaves behind."""
    return uuid.uuid4().hex[:12]


def _values(row: Row[tuple[object, ...]]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "project_id"}


def _to_place(conn: Connection, path: str) -> str:
    home: Path | None = conn.get_execution_options().get("pairsmith_home")
    return Path(path).relative_to(home).as_posix() if home is not None and Path(path).is_relative_to(home) else path


def _from_place(conn: Connection, place: str) -> str:
    """The absolute path of what a run left. An absolute place, as once stored, is looked for in this home first: the home may have moved since."""
    home: Path | None = conn.get_execution_options().get("pairsmith_home")
    if home is None:
        return place
    if not Path(place).is_absolute():
        return str(home / place)
    here = home.joinpath(*Path(place).parts[-2:])
    return str(here) if here.exists() else place


def _to_model(conn: Connection, row: Row[tuple[object, ...]]) -> ModelRecord:
    kind = ModelKind(row.kind)
    location = row.location if kind == ModelKind.BASE and Path(row.location).is_absolute() else _from_place(conn, row.location)
    return ModelRecord(**_values(row) | {"kind": kind, "location": location})


def _to_evaluation(row: Row[tuple[object, ...]]) -> Evaluation:
    return Evaluation(**_values(row))


def _to_projection(conn: Connection, row: Row[tuple[object, ...]]) -> Projection:
    return Projection(**_values(row) | {"path": _from_place(conn, row.path)})
