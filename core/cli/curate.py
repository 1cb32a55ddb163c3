"""Curation: embedding, mining, judging, searching."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_and_show
from core.cli.output import Out
from core.curation.fan_out import Followed, Twins
from core.curation.mining import Mining
from core.curation.options import change_options
from core.curation.review_queue import apply_events, look_alike, next_records
from core.curation.twins import read_twins
from core.ingest.sample import read_oracle
from core.model import PairsmithError, RunKind


@app.command()
def embed(project: ProjectName, system: Annotated[str, typer.Option(help="base, tuned or a model's id.")] = "base", json: Json = False) -> None:
    """Encode what the vector cache lacks of the corpus and the anchors."""
    run_and_show(project, RunKind.EMBED, {"system": system}, json)


@app.command()
def mine(
    project: ProjectName,
    system: Annotated[str, typer.Option(help="The model that mines: base, tuned or a model's id.")] = "base",
    depth: Annotated[int, typer.Option(min=1, help="Neighbours taken from each ranking.")] = Mining.depth,
    per_anchor: Annotated[int, typer.Option(min=1, help="Candidates shown for an anchor.")] = Mining.per_anchor,
    suspicious_ratio: Annotated[
        float | None, typer.Option(help="Similarity over the lowest answer's from which a candidate may well be an answer; else learned from the decisions.")
    ] = None,
    same_parent: Annotated[
        str, typer.Option(help="What becomes of a passage of the same parent as an answer: suspicious, aside or ignore.")
    ] = Mining.same_parent,
    parent_field: Annotated[str | None, typer.Option(help="The document field that names the parent; kept for the project. '' for none.")] = None,
    reranker: Annotated[str, typer.Option(help="Name, folder or hub id of a cross-encoder that reads the nearest candidates.")] = "",
    rerank_depth: Annotated[int, typer.Option(min=1, help="Candidates of an anchor that the reranker reads.")] = Mining.rerank_depth,
    json: Json = False,
) -> None:
    """Mine hard-negative candidates for the review queue."""
    options = Mining(depth, per_anchor, suspicious_ratio, same_parent=same_parent, reranker=reranker, rerank_depth=rerank_depth)
    if parent_field is not None:
        change_options(open_project(project), project, parent_field=parent_field)
    run_and_show(project, RunKind.MINE, {"system": system, **asdict(options)}, json)


@app.command()
def judge(
    project: ProjectName,
    oracle: Annotated[Path | None, typer.Option(help="Answer the queue from this qrels file; the log marks it as the oracle's.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="With --oracle: judge at most so many.")] = None,
    show: Annotated[int, typer.Option("--next", min=1, help="Without a judgement: show the next records of the queue.")] = 5,
    anchor: Annotated[str, typer.Option(help="Judge one pair: the anchor's id.")] = "",
    document: Annotated[str, typer.Option(help="Judge one pair: the document's id.")] = "",
    label: Annotated[str, typer.Option(help="positive, hard_negative, ambiguous, skipped or cannot_judge.")] = "",
    grade: Annotated[int, typer.Option(help="Grade of a positive: 3 fully, 2 partly, 1 touches.")] = 3,
    reason: Annotated[str, typer.Option(help="Why, in a few words; kept with the judgement.")] = "",
    note: Annotated[str, typer.Option(help="A note, kept with the judgement.")] = "",
    more: Annotated[bool, typer.Option(help="With an answer: put the documents nearest to it next in the author's queue.")] = False,
    undo: Annotated[str, typer.Option(help="Take back the judgement with this client id, and all that followed from it.")] = "",
    author: Annotated[str, typer.Option(help="Whose judgement it is.")] = "cli",
    json: Json = False,
) -> None:
    """Review the queue: show it, judge one pair, take one back, or let known judgements answer."""
    from core.curation.oracle import answer_queue

    workspace = open_project(project)
    if oracle is not None:
        if not oracle.is_file():
            raise PairsmithError(f"There is no qrels file {str(oracle)!r}.")
        counts = answer_queue(workspace, project, read_oracle(oracle), limit=limit)
        Out(json).show(
            {"project": project, **counts},
            f"The oracle judged {sum(counts.values())}: {counts['hard_negatives']} hard negatives, {counts['positives']} answers.",
        )
    elif label or undo:
        event: dict[str, Any] = {"client_id": uuid.uuid4().hex}
        event |= {"undoes": undo} if undo else {"anchor_id": anchor, "document_id": document, "label": label, "grade": grade}
        event |= {"reason": reason, "note": note} if label else {}
        applied = apply_events(workspace, project, author, [event], view="cli")
        if applied.refused:
            raise PairsmithError(next(iter(applied.refused.values())))
        followed = applied.followed.get(event["client_id"], Followed())
        also = [{"anchor_id": it.anchor.id, "document_id": it.document.id, "label": it.label.value, "grade": it.grade} for it in followed.pairs]
        told = look_alike(workspace, project, author, anchor, document, Twins(read_twins(workspace, project))) if more and label else ""
        lines = [f"Saved as {event['client_id']}."]
        lines += [f"{'also taken back' if undo else 'also judged'}: {row['anchor_id']} {row['document_id']} {row['label']}" for row in also]
        Out(json).show(
            {"client_id": event["client_id"], "also": also, "warnings": list(followed.warnings), **({"more": told} if told else {})},
            "\n".join([*lines, *followed.warnings, *([told] if told else [])]),
        )
    else:
        records = next_records(workspace, project, author, n=show)
        rows = [
            {"anchor_id": item.anchor_id, "document_id": item.document_id, "anchor": item.anchor, "candidate": item.candidate.text, "answers": item.answers}
            for item in records
        ]
        Out(json).show(
            {"records": rows},
            "\n\n".join(f"{row['anchor_id']} {row['anchor']}\n  {row['document_id']} {row['candidate']}" for row in rows) or "The queue is empty.",
        )


@app.command()
def search(
    project: ProjectName,
    query: str,
    k: Annotated[int, typer.Option(min=1)] = 10,
    system: Annotated[str, typer.Option(help="The list of this model alone (base, tuned, a model's id), as an application with it would show.")] = "",
    reranker: Annotated[str, typer.Option(help="A cross-encoder that puts the first 50 in order: one of the project's by name, or a folder.")] = "",
    json: Json = False,
) -> None:
    """Search the corpus by words and, while a worker runs, by meaning; or by one model alone, reranked where a cross-encoder is named."""
    from core.evaluation.options import DEFAULT_DEPTH
    from core.evaluation.systems import BASE, find_system
    from core.retrieval.search import rerank_hits, search_documents, search_model

    workspace = open_project(project)
    record = find_system(workspace, project, system or BASE)
    if record is None:
        raise PairsmithError("BM25 alone is not searched here. Name a model: base, tuned, or a model's id; without --system words count too.")
    depth = max(k, DEFAULT_DEPTH) if reranker else k
    found = search_model(workspace, project, record, query, k=depth) if system else search_documents(workspace, project, query, k=depth, record=record)
    hits = (rerank_hits(workspace, project, reranker, query, found.hits, DEFAULT_DEPTH) if reranker else list(found.hits))[:k]
    rows = [{"rank": hit.rank, "id": hit.document.id, "score": hit.score, "text": hit.document.text} for hit in hits]
    lines = [f"{row['rank']:>3} {row['id']}  {row['text']}" for row in rows] or ["Nothing found."]
    Out(json).show({"hits": rows, "note": found.note}, "\n".join([*lines, *filter(None, [found.note])]))
