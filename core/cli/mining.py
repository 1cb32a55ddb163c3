"""What mining found, and what the decisions say of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out
from core.curation.audit import estimate_left
from core.curation.calibration import calibrate as calibrate_project
from core.model import CandidateStatus
from core.store import candidate_table
from core.store.candidate_table import CandidateFilter


@app.command()
def candidates(
    project: ProjectName,
    status: Annotated[str, typer.Option(help="suspicious, proposed or set_aside; all where none is given.")] = "",
    reason: Annotated[str, typer.Option(help="The beginning of the reason.")] = "",
    anchor: Annotated[str, typer.Option(help="Part of the anchor's text, or its id.")] = "",
    audit: Annotated[bool, typer.Option("--audit", help="Only the items drawn at random.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Pass over so many.")] = 0,
    json: Json = False,
) -> None:
    """List mined candidates in the queue's order, with why each is there. Scores seen before judging shift judgements."""
    if status not in ("", *CandidateStatus):
        raise typer.BadParameter(f"{status!r} is none of {', '.join(CandidateStatus)}.", param_hint="--status")
    workspace, wanted = open_project(project), CandidateFilter(status, reason, anchor, audit)
    with workspace.store.read() as conn:
        total = candidate_table.count_candidates(conn, project, wanted)
        found = candidate_table.page_candidates(conn, project, wanted, offset=offset, limit=limit)
    rows = [{**vars(row.candidate), "label": row.label, "anchor": row.anchor, "document": row.document} for row in found]
    lines = [f"{row['status']:<10} {row['anchor_id']} {row['document_id']}  {row['reason']}" for row in rows]
    Out(json).show({"total": total, "candidates": rows}, "\n".join([*lines, f"{len(rows)} of {total:,}"]))


@app.command()
def calibrate(
    project: ProjectName,
    model: Annotated[str, typer.Option(help="Only the decisions on what this model's fingerprint mined, where they are enough.")] = "",
    json: Json = False,
) -> None:
    """Show the ratio from which a candidate may well be an answer, as the decisions tell it, and the audit's estimate."""
    workspace = open_project(project)
    found = calibrate_project(workspace, project, model_id=model or None)
    left = estimate_left(workspace, project)
    words = "Too few audit items are judged to say how many answers are left."
    if left is not None:
        words = f"{left.answers} of {left.judged} audit items were answers: {left.share:.0%} ({left.low:.0%} to {left.high:.0%}) of the {left.left:,} left."
    Out(json).show({"project": project, **found.to_json(), "left": None if left is None else asdict(left)}, f"{found.threshold}: {found.reason}\n{words}")
