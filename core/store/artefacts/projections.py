"""Where maps lie, and what was measured of them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from core.model import Projection
from core.store.artefacts.places import from_place, read_values, to_place
from core.store.tables import projections


def put_projection(conn: Connection, project_id: str, projection: Projection) -> None:
    """Store where a pair of maps lies and what was measured of it."""
    values = vars(projection) | {"project_id": project_id, "path": to_place(conn, projection.path), "figures": dict(projection.figures)}
    conn.execute(projections.insert().values(**values))


def list_projections(conn: Connection, project_id: str) -> list[Projection]:
    """Projections, newest first."""
    query = select(projections).where(projections.c.project_id == project_id).order_by(projections.c.created_at.desc())
    return [Projection(**read_values(row) | {"path": from_place(conn, row.path)}) for row in conn.execute(query)]
