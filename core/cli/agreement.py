"""Several experts: how far they agree, and settling what they differ on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out
from core.curation.agreement import measure_agreement, read_opinions
from core.curation.disputes import list_disputes, settle_dispute
from core.curation.overlap import change_overlap
from core.model import Label, PairsmithError


@app.command()
def agreement(
    project: ProjectName,
    overlap: Annotated[float | None, typer.Option(help="First set the share of the queue that two experts judge, 0 to 0.5.")] = None,
    author: Annotated[str, typer.Option(help="Who sets it; with sign-in, one of the leads.")] = "cli",
    json: Json = False,
) -> None:
    """Say how far experts agree on what several of them judged, and list what waits to be settled."""
    workspace = open_project(project)
    value: dict[str, object] = {"project": project}
    if overlap is not None:
        value["judged_twice"] = change_overlap(workspace, project, overlap, author)
    opinions = read_opinions(workspace, project)
    found = measure_agreement(opinions)
    disputes = list_disputes(workspace, project, opinions)
    rows = [
        {
            "anchor_id": item.opinions.anchor_id,
            "document_id": item.opinions.document_id,
            "words": {author: {"label": word.label.value, "grade": word.grade, "reason": word.reason} for author, word in sorted(item.opinions.words.items())},
        }
        for item in disputes
    ]
    words = f"{found.pairs} records judged by several; same verdict {found.observed:.2f}, AC1 {found.ac1:.2f}, kappa {found.kappa:.2f}. {len(rows)} to settle."
    Out(json).show(
        {**value, **asdict(found), "disputes": rows}, words if found.pairs else f"No record was judged by more than one expert. {len(rows)} to settle."
    )


@app.command()
def settle(
    project: ProjectName,
    anchor: Annotated[str, typer.Option(help="The anchor's id.")],
    document: Annotated[str, typer.Option(help="The document's id.")],
    label: Annotated[Label, typer.Option(help="positive, hard_negative or ambiguous.")],
    grade: Annotated[int, typer.Option(help="Grade of a positive: 3 fully, 2 partly, 1 touches.")] = 3,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    author: Annotated[str, typer.Option(help="Whose word it is.")] = "cli",
    json: Json = False,
) -> None:
    """Give a record that experts differ on its word, and its near-duplicates and paraphrases with it."""
    workspace = open_project(project)
    dispute = next((item for item in list_disputes(workspace, project) if (item.opinions.anchor_id, item.opinions.document_id) == (anchor, document)), None)
    if dispute is None:
        raise PairsmithError(f"Nothing is disputed about {anchor!r} and {document!r}. `pairsmith agreement {project}` lists what is.")
    found = settle_dispute(workspace, project, author, dispute, label, grade=grade if label == Label.POSITIVE else 0, note=note)
    event, followed = found.event, found.followed
    also = [{"anchor_id": it.anchor.id, "document_id": it.document.id, "label": it.label.value, "grade": it.grade} for it in followed.pairs]
    lines = [f"Settled as {event.label.value}, saved as {event.client_id}."]
    lines += [f"also judged: {row['anchor_id']} {row['document_id']} {row['label']}" for row in also]
    Out(json).show({"client_id": event.client_id, "also": also, "warnings": list(followed.warnings)}, "\n".join([*lines, *followed.warnings]))
