"""Around the review queue: more like an answer, what lies in one part of the map, who holds what, and the guideline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out
from core.curation.alike import propose_alike
from core.curation.fan_out import Twins
from core.curation.guideline import read_versions, write_guideline
from core.curation.inside import propose_inside
from core.curation.review_queue import LEASE_S, bring_back_skipped, count_skipped, take_over_records
from core.curation.twins import read_twins
from core.geometry.stored_map import newest_map, read_hotspot
from core.model import PairsmithError
from core.store import candidates, projects


@app.command()
def alike(
    project: ProjectName,
    anchor: Annotated[str, typer.Option(help="The anchor's id.")],
    document: Annotated[str, typer.Option(help="The id of a document that is marked as its answer.")],
    author: Annotated[str, typer.Option(help="Who is to judge them.")] = "cli",
    json: Json = False,
) -> None:
    """Put the documents nearest to an answer next in the queue."""
    workspace = open_project(project)
    found = propose_alike(workspace, project, author, anchor, document, Twins(read_twins(workspace, project)), lease_s=LEASE_S)
    words = [f"{found.queued} of {len(found.document_ids)} put next in the queue of {author}: {', '.join(found.document_ids) or 'none'}.", found.note]
    Out(json).show({"documents": list(found.document_ids), "queued": found.queued, "note": found.note}, "\n".join(line for line in words if line))


@app.command()
def inside(
    project: ProjectName,
    hotspot: Annotated[int | None, typer.Option(help="A group of the newest map that came closer together, by its number on the map page.")] = None,
    documents: Annotated[Path | None, typer.Option(help="Or a file with a document's id on each line.")] = None,
    author: Annotated[str, typer.Option(help="Who is to judge them.")] = "cli",
    json: Json = False,
) -> None:
    """Put what may be a hard negative in one part of the map next in the queue, for the training anchors answered there."""
    if (hotspot is None) == (documents is None):
        raise typer.BadParameter("give either --hotspot or --documents.")
    workspace = open_project(project)
    with workspace.store.read() as conn:
        newest = newest_map(conn, project)
    ids = _read_ids(documents) if documents is not None else read_hotspot(newest, hotspot or 0)
    twins = Twins(read_twins(workspace, project))
    model_id = newest.tuned_id if newest is not None else None
    found = propose_inside(workspace, project, author, ids, twins, lease_s=LEASE_S, model_id=model_id)
    pairs = [{"anchor": anchor_id, "document": document_id} for anchor_id, document_id in found.pairs]
    Out(json).show({"documents": len(ids), "anchors": found.anchors, "pairs": pairs, "queued": found.queued, "note": found.note}, found.told)


def _read_ids(path: Path) -> list[str]:
    try:
        return list(filter(None, map(str.strip, path.read_text(encoding="utf-8-sig").splitlines())))
    except (OSError, UnicodeDecodeError) as error:
        raise PairsmithError(f"{str(path)!r} cannot be read as a list of document ids, one a line: {error}") from error


@app.command()
def queue(
    project: ProjectName,
    take_over: Annotated[str, typer.Option(help="Take over what this person holds.")] = "",
    bring_back: Annotated[bool, typer.Option(help="Take the author's own skips back.")] = False,
    author: Annotated[str, typer.Option(help="Who asks.")] = "cli",
    json: Json = False,
) -> None:
    """Say who holds how many records of the queue until when, and how many the author skipped; take over, or bring back."""
    workspace = open_project(project)
    value: dict[str, Any] = {}
    if take_over:
        value["taken_over"] = take_over_records(workspace, project, author, take_over)
    if bring_back:
        value["brought_back"] = bring_back_skipped(workspace, project, author)
    with workspace.store.read() as conn:
        value |= candidates.count_queue(conn, project, author)
        holders = candidates.read_holders(conn, project, author)
    value |= {"skipped": count_skipped(workspace, project, author), "holders": [vars(holder) for holder in holders]}
    lines = [f"{name.replace('_', ' ')}: {value[name]}" for name in ("taken_over", "brought_back", "open", "held", "skipped") if name in value]
    Out(json).show(value, "\n".join([*lines, *(f"{item.count} held by {item.author} for {max(0, item.until - time.time()):.0f} s more" for item in holders)]))


@app.command()
def guideline(
    project: ProjectName,
    file: Annotated[Path | None, typer.Option(help="Put this Markdown file in force.")] = None,
    author: Annotated[str, typer.Option(help="Who writes it; with sign-in, one of the leads.")] = "cli",
    json: Json = False,
) -> None:
    """Show the guideline that reviewers read, or replace it."""
    workspace = open_project(project)
    if file is not None:
        if not file.is_file():
            raise PairsmithError(f"There is no file {str(file)!r}.")
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise PairsmithError(f"{str(file)!r} is not UTF-8 (byte {error.start + 1:,} cannot be read). Nothing was saved. Save it as UTF-8 first.") from error
        write_guideline(workspace, project, text, author)
    with workspace.store.read() as conn:
        found = projects.get_project(conn, project)
    versions = [vars(version) for version in read_versions(found)]
    Out(json).show({"guideline": found.guideline, "versions": versions}, found.guideline or "No guideline yet. `--file` puts one in force.")
