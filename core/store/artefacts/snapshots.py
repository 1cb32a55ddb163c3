"""Snapshots of the judgements, by the hash of their content."""

from __future__ import annotations

from sqlalchemy import Connection, select

from core.model import NotFound, Snapshot
from core.store.artefacts.places import read_values
from core.store.corpus import insert_for
from core.store.tables import snapshots


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
    return [Snapshot(**read_values(row)) for row in conn.execute(query)]


def get_snapshot(conn: Connection, project_id: str, snapshot_id: str) -> Snapshot:
    """The snapshot whose id begins with `snapshot_id` (8 digits or more). Raises `NotFound`."""
    for snapshot in list_snapshots(conn, project_id) if len(snapshot_id) >= 8 else []:
        if snapshot.id.startswith(snapshot_id):
            return snapshot
    raise NotFound(f"Project {project_id!r} has no snapshot {snapshot_id!r}. The history page, or `pairsmith snapshot list`, lists them by 8 digits or more.")


def find_snapshot_projects(conn: Connection, snapshot_id: str) -> list[str]:
    """The projects that a snapshot was taken of: more than one where two hold the same judgements of the same texts."""
    return list(conn.execute(select(snapshots.c.project_id).where(snapshots.c.id == snapshot_id).order_by(snapshots.c.project_id)).scalars())
