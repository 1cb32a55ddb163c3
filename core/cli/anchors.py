"""Anchors: listed, added, joined to groups of paraphrases and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project
from core.cli.output import Out
from core.curation.groups import GroupChange, leave_group, make_group
from core.curation.paraphrases import propose_groups, refuse_proposal
from core.ingest.anchors import AnchorColumns, plan_anchors, read_anchor_columns, read_anchor_lines, read_anchor_table, store_anchors
from core.ingest.bundle import ImportRefused
from core.model import Judgement, NotFound, PairsmithError
from core.store import projects
from core.store.anchor_groups import FEW, AnchorFilter, count_questions, page_questions

anchors_app = typer.Typer(no_args_is_help=True, help="List and add anchors, and group those that ask the same thing.")
app.add_typer(anchors_app, name="anchors")

AnchorIds = Annotated[list[str], typer.Argument(help="Ids of anchors.")]
Author = Annotated[str, typer.Option(help="Who says so.")]


@anchors_app.command("list")
def anchors_list(
    project: ProjectName,
    containing: Annotated[str, typer.Option(help="Only questions with these words.")] = "",
    unanswered: Annotated[bool, typer.Option(help="Only questions without an answer.")] = False,
    few: Annotated[bool, typer.Option(help=f"Only questions with fewer than {FEW} answers.")] = False,
    offset: Annotated[int, typer.Option(min=0, help="Pass over so many.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    json: Json = False,
) -> None:
    """List the questions, paraphrases of one in one row, with their answers and hard negatives."""
    chosen = AnchorFilter(containing, 1 if unanswered else FEW if few else 0)
    with open_project(project).store.read() as conn:
        total = count_questions(conn, project, chosen)
        found = page_questions(conn, project, chosen, offset=offset, limit=limit)
    rows = [
        {
            "id": row.anchor.id,
            "text": row.anchor.text,
            "group": row.anchor.group,
            "paraphrases": row.paraphrases,
            "answers": row.answers,
            "hard_negatives": row.negatives,
            "part": row.anchor.part.value if row.anchor.part else None,
        }
        for row in found
    ]
    lines = [f"{row['id']}  {row['text']}  ({row['answers']} answers, {row['hard_negatives']} hard negatives, +{row['paraphrases']})" for row in rows]
    Out(json).show({"total": total, "anchors": rows}, "\n".join([*lines, f"{len(rows)} of {total}"]))


@anchors_app.command("add")
def anchors_add(
    project: ProjectName,
    texts: Annotated[list[str] | None, typer.Argument(help="Questions to add.")] = None,
    file: Annotated[Path | None, typer.Option(help="A CSV or TSV with a header, instead of texts.")] = None,
    question: Annotated[str, typer.Option(help="With --file: the column of the question; without it, columns are told by their names.")] = "",
    id_column: Annotated[str, typer.Option(help="With --file: the column of the id.")] = "",
    group: Annotated[str, typer.Option(help="With --file: the column of the group; questions of one group are wordings of one.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Say what would come in, and store nothing.")] = False,
    json: Json = False,
) -> None:
    """Add anchors, all or none; a text that is there already is not added again."""
    if bool(texts) == (file is not None):
        raise typer.BadParameter("give either texts or --file.")
    workspace = open_project(project)
    if file is not None and not file.is_file():
        raise NotFound(f"There is no file {str(file)!r}.")
    if file is not None:
        guess = read_anchor_columns(file)[1]
        found, problems = read_anchor_table(file, AnchorColumns(question or guess.question, id_column or guess.id, group or guess.group))
    else:
        read = [read_anchor_lines(text.replace("\n", " ")) for text in texts or []]
        found = [replace(item, line=n) for n, (items, _) in enumerate(read, start=1) for item in items]
        problems = [replace(problem, line=n) for n, (_, faults) in enumerate(read, start=1) for problem in faults]
    with workspace.store.write() as conn:
        plan = plan_anchors(conn, project, found, problems)
        if plan.problems:
            raise ImportRefused(plan.problems)
        added = 0 if dry_run else store_anchors(conn, project, plan)
    value: dict[str, Any] = {
        "added": added,
        "new": [{"id": item.anchor.id, "text": item.anchor.text} for item in plan.new],
        "known": [{"line": item.line, "text": item.anchor.text} for item in plan.known],
        "repeated": [{"line": item.line, "text": item.anchor.text, "first_line": first} for item, first in plan.repeated],
    }
    words = f"{added} added, {len(plan.new)} new, {len(plan.known)} here already, {len(plan.repeated)} given twice."
    Out(json).show(value, words)


@anchors_app.command("group")
def anchors_group(project: ProjectName, ids: AnchorIds, author: Author = "cli", json: Json = False) -> None:
    """Join anchors that ask the same thing: what is answered for one counts for all."""
    _show_change(make_group(open_project(project), project, ids, author=author), json)


@anchors_app.command("ungroup")
def anchors_ungroup(project: ProjectName, ids: AnchorIds, author: Author = "cli", json: Json = False) -> None:
    """Take anchors out of their group, and back what was carried between them and the rest."""
    _show_change(leave_group(open_project(project), project, ids, author=author), json)


@anchors_app.command("proposals")
def anchors_proposals(
    project: ProjectName,
    refuse: Annotated[list[str] | None, typer.Option(help="Remember that these anchors are different questions: --refuse a --refuse b.")] = None,
    json: Json = False,
) -> None:
    """Show the anchors that read alike and are not grouped yet, or refuse some."""
    from core.retrieval.models import describe_model

    workspace = open_project(project)
    if refuse:
        refuse_proposal(workspace, project, refuse)
    with workspace.store.read() as conn:
        base_model = projects.get_project(conn, project).base_model
    try:
        record = describe_model(base_model)
    except PairsmithError:
        record = None
    found = propose_groups(workspace, project, record)
    rows = [{"ids": item.ids, "texts": [anchor.text for anchor in item.anchors], "similarity": item.similarity} for item in found.proposals]
    lines = ["\n".join(f"{anchor.id}  {anchor.text}" for anchor in item.anchors) for item in found.proposals]
    if found.missing:
        lines.append(f"{found.missing} anchors are not embedded, so only their text was compared. `pairsmith embed {project}` embeds them.")
    Out(json).show({"proposals": rows, "missing": found.missing}, "\n\n".join(lines) or "No anchors read alike.")


def _show_change(change: GroupChange, json: bool) -> None:
    value: dict[str, Any] = {"group": change.group, "members": list(change.members), "disputed": list(change.disputed)}
    value |= {"carried": _pairs(change.carried), "undone": _pairs(change.undone)}
    words = f"Group {change.group}: {', '.join(change.members)}." if change.group else "The anchors stand for themselves."
    words += f" {len(change.carried)} marks carried over, {len(change.undone)} taken back."
    Out(json).show(value, words + (f" They disagree on {', '.join(change.disputed)}." if change.disputed else ""))


def _pairs(events: Sequence[Judgement]) -> list[dict[str, Any]]:
    return [{"client_id": item.client_id, "anchor_id": item.anchor_id, "document_id": item.document_id, "label": item.label.value} for item in events]
