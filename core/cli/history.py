"""Looking back: the log of judgements, and the snapshots that runs are trained on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out
from core.curation.history import recall_event, take_back_event
from core.curation.snapshot import is_whole, read_snapshot, rebuild_snapshot, snapshot_path, take_snapshot
from core.curation.snapshot_diff import diff_snapshots
from core.curation.split import ensure_split
from core.model import Label, PairsmithError, Snapshot
from core.store import artefacts, history
from core.store.history import EventFilter, PastEvent
from core.workspace import Workspace

snapshot_app = typer.Typer(no_args_is_help=True, help="Take, list, compare and remake snapshots of the judgements.")
app.add_typer(snapshot_app, name="snapshot")
SnapshotId = Annotated[str, typer.Argument(help="The snapshot's id, or its first 8 digits or more.")]


@app.command("history")
def history_(
    project: ProjectName,
    author: Annotated[str, typer.Option(help="Only what this person said; with --take-back, in whose name, else cli.")] = "",
    label: Annotated[Label | None, typer.Option(help="Only events of this label.")] = None,
    anchor: Annotated[str, typer.Option(help="Only anchors whose text holds this, or of this id.")] = "",
    document: Annotated[str, typer.Option(help="Only events on this document.")] = "",
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Recorded then or later, in UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Events to print, newest first.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Events to pass over.")] = 0,
    show: Annotated[str, typer.Option(help="One event by its id: what was shown, and what followed.")] = "",
    take_back: Annotated[str, typer.Option(help="Take this event back, by its id.")] = "",
    json: Json = False,
) -> None:
    """Show who judged what and when, newest first, with each person's figures."""
    workspace = open_project(project)
    if take_back:
        take_back_event(workspace, project, author or "cli", take_back)
        Out(json).show({"project": project, "taken_back": take_back}, f"{take_back}: taken back")
        return
    if show:
        Out(json).show(asdict(recall_event(workspace, project, show)))
        return
    wanted = EventFilter(author, label, None, anchor, document, since.replace(tzinfo=UTC).timestamp() if since else None)
    with workspace.store.read() as conn:
        found = history.page_events(conn, project, wanted, offset=offset, limit=limit)
        total = history.count_past(conn, project, wanted)
        people = history.measure_authors(conn, project)
    value = {
        "project": project,
        "total": total,
        "events": [describe_past(item) for item in found],
        "authors": [{**asdict(item), "share_taken_back": item.share_taken_back} for item in people],
    }
    Out(json).show(value, "\n".join([*map(_to_line, found), f"{len(found)} of {total} events"]))


@snapshot_app.command("take")
def snapshot_take(project: ProjectName, json: Json = False) -> None:
    """Fix the judgements as they are now."""
    workspace = open_project(project)
    ensure_split(workspace, project)
    snapshot = take_snapshot(workspace, project)
    if not snapshot.counts["anchors"]:
        raise PairsmithError("No anchor has an answer yet, so the snapshot is empty. Label answers first.")
    Out(json).show(_describe(workspace, project, snapshot), f"{snapshot.id[:12]}: {_count(snapshot)}")


@snapshot_app.command("list")
def snapshot_list(project: ProjectName, json: Json = False) -> None:
    """List the snapshots, newest first, with the models trained on each."""
    workspace = open_project(project)
    with workspace.store.read() as conn:
        taken = artefacts.list_snapshots(conn, project)
    found = [_describe(workspace, project, item) for item in taken]
    lines = [f"{item.id[:12]}  {_time(item.created_at)}  {_count(item)}" for item in taken]
    Out(json).show({"project": project, "snapshots": found}, "\n".join(lines) or "No snapshot yet. A tuning run takes one, or `pairsmith snapshot take`.")


@snapshot_app.command("diff")
def snapshot_diff(project: ProjectName, first: SnapshotId, second: SnapshotId, json: Json = False) -> None:
    """Say what differs from one snapshot to another: anchors, judged pairs, texts."""
    workspace = open_project(project)
    with workspace.store.read() as conn:
        ids = [artefacts.get_snapshot(conn, project, item).id for item in (first, second)]
    diff = diff_snapshots(*(read_snapshot(workspace, item) for item in ids))
    counts = diff.count_changes()
    words = "\n".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    Out(json).show({**asdict(diff), "counts": counts}, words or "Nothing differs.")


@snapshot_app.command("rebuild")
def snapshot_rebuild(project: ProjectName, snapshot: SnapshotId, json: Json = False) -> None:
    """Make a snapshot's file again from the log and the texts as they were, byte for byte."""
    path = rebuild_snapshot(open_project(project), project, snapshot)
    Out(json).show({"project": project, "snapshot": path.stem, "path": str(path)}, f"Wrote {path}.")


def describe_past(item: PastEvent) -> dict[str, Any]:
    """An event for a listing: those of its own fields that say something, and what became of it."""
    event = {name: value for name, value in asdict(item.event).items() if value not in (None, "")}
    rest = {name: value for name, value in asdict(item).items() if name != "event"}
    return event | rest


def _describe(workspace: Workspace, project: str, snapshot: Snapshot) -> dict[str, Any]:
    with workspace.store.read() as conn:
        used = [model.name for model in artefacts.list_models(conn, project) if model.snapshot_id == snapshot.id]
    path = snapshot_path(workspace, snapshot.id)
    return {**asdict(snapshot), "models": used, "path": str(path), "whole": is_whole(workspace, snapshot.id)}


def _to_line(item: PastEvent) -> str:
    event = item.event
    said = f"{item.label_before or 'unjudged'} {item.grade_before or ''} → {event.label} {event.grade or ''}".replace("  ", " ").strip()
    state = " (takes one back)" if event.undoes else f" (taken back by {item.taken_back_by})" if item.taken_back_by else ""
    return f"{_time(event.recorded_at or 0)}  {event.author}  {event.anchor_id} / {event.document_id}  {said}{state}  [{event.client_id}]"


def _count(snapshot: Snapshot) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in snapshot.counts.items())


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
