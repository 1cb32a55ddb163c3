"""Models by their fingerprint, and which of them is meant by `tuned`."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Connection, Row, select, update

from core.model import ModelKind, ModelRecord, NotFound, Part
from core.store.artefacts.evaluations import list_evaluations
from core.store.artefacts.places import from_place, read_values, to_place
from core.store.corpus import insert_for
from core.store.tables import models


def put_model(conn: Connection, project_id: str, model: ModelRecord) -> None:
    """Register a model; the same fingerprint again changes nothing."""
    values = vars(model) | {"project_id": project_id, "kind": model.kind.value, "created_at": model.created_at or time.time()}
    values["location"] = to_place(conn, model.location)
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


def _to_model(conn: Connection, row: Row[tuple[object, ...]]) -> ModelRecord:
    kind = ModelKind(row.kind)
    location = row.location if kind == ModelKind.BASE and Path(row.location).is_absolute() else from_place(conn, row.location)
    return ModelRecord(**read_values(row) | {"kind": kind, "location": location})
