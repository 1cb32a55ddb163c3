"""Evaluating systems side by side, vectors from outside, what a comparison says, and its holes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_to_end
from core.cli.output import Out
from core.evaluation.again import judge_holes, repeat_settings
from core.evaluation.found import find_comparison, list_changes
from core.evaluation.holes import POOL, count_waiting, find_holes
from core.evaluation.options import DEFAULT_DEPTH, MAX_DEPTH, MIN_DEPTH, RERANK, EvaluateOptions
from core.evaluation.report import build_report, write_report
from core.evaluation.slices import slice_scores
from core.evaluation.uploaded import bring_vectors, list_vectors
from core.geometry.story import add_to_report
from core.model import PairsmithError, RunKind
from core.retrieval.sending import plan_evaluation

SYSTEMS = "bm25, base, tuned, unblended, adapter, a model's id, vectors:NAME, endpoint:MODEL, each perhaps with +rerank; may be given several times."


@app.command()
def evaluate(
    project: ProjectName,
    system: Annotated[list[str] | None, typer.Option(help=SYSTEMS)] = None,
    queries: Annotated[str | None, typer.Option(help="all, train, dev or test; else test.")] = None,
    reference: Annotated[str | None, typer.Option(help="The system that the others are compared with; else base.")] = None,
    reranker: Annotated[str | None, typer.Option(help="Folder or hub id of a cross-encoder, for systems with +rerank.")] = None,
    depth: Annotated[int | None, typer.Option(help=f"How many documents a query it reads, {MIN_DEPTH} to {MAX_DEPTH}; else {DEFAULT_DEPTH}.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send texts to the endpoint; without it, what would be sent is said and nothing is.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Measure the systems of the newest comparison once more, as they were measured there.")] = False,
    json: Json = False,
) -> None:
    """Measure systems on the anchors that have answers, and compare them. Opening the test part is logged."""
    named = {"systems": tuple(system) if system else None, "part": queries, "reference": reference, "reranker": reranker, "depth": depth}
    given = {name: value for name, value in named.items() if value is not None}
    if again and given:
        raise typer.BadParameter("--again measures as it was measured before: leave out --system, --queries, --reference, --reranker and --depth.")
    try:
        options = EvaluateOptions.read({**given, "send": send})
    except PairsmithError as error:
        raise typer.BadParameter(str(error), param_hint="--queries" if "part" in str(error) else "--depth") from error
    if again:
        options = replace(EvaluateOptions.read(repeat_settings(find_comparison(open_project(project), project).test)), send=send)
    if not send:
        _refuse_unconfirmed(project, options)
    run = run_to_end(project, RunKind.EVALUATE, options.to_json())
    result = dict(run.result or {})
    test = result.get("test", {})
    systems = {item["system"]: item for item in test.get("systems", result.get("systems", {}).values())}
    value = {
        "project": project,
        "queries": options.part,
        "run": run.id,
        "systems": systems,
        "comparisons": test.get("comparisons", []),
        "facts": test.get("facts"),
    }
    Out(json).show(value, "\n".join([*map(_describe_system, systems.values()), *map(_describe_comparison, value["comparisons"])]))


def _refuse_unconfirmed(project: str, options: EvaluateOptions) -> None:
    """Say what would be sent to each endpoint. Raises `PairsmithError` where something would be."""
    names = [name.removesuffix(RERANK) for name in options.systems if name.startswith("endpoint:")]
    if not names:
        return
    plans = [plan_evaluation(open_project(project), project, name, options.part) for name in dict.fromkeys(names)]
    if words := " ".join(plan.words for plan in plans if plan.documents + plan.anchors):
        raise PairsmithError(f"Nothing was sent. {words} Add --send to send it.")


@app.command()
def compare(
    project: ProjectName,
    run: Annotated[str, typer.Option(help="The run that measured; else the newest comparison.")] = "",
    system: Annotated[str, typer.Option(help="The system that the reference is compared with; else the one that the verdict is about.")] = "",
    by: Annotated[str, typer.Option(help="Slices by a field of the anchors, or of the documents that answer them (anchor.NAME, document.NAME).")] = "",
    anchors: Annotated[int, typer.Option(min=0, help="List so many anchors, the worst change first.")] = 10,
    json: Json = False,
) -> None:
    """Show the newest comparison: verdict, rule, figures, worst anchors, slices."""
    workspace = open_project(project)
    found = find_comparison(workspace, project, run_id=run or None, system=system or None)
    changes = list_changes(workspace, project, found, limit=anchors)
    slices = slice_scores(workspace, project, found, by) if by else []
    value: dict[str, Any] = {"project": project, "run": found.run.id, "stale": found.stale, **found.test, "system": found.system}
    value |= {"anchors": [vars(item) | {"difference": item.difference} for item in changes], "slices": [vars(item) for item in slices]}
    verdict = found.comparison["verdict"]
    lines = [f"{verdict['title']}: {verdict['reason']}", verdict["advice"], *found.comparison.get("doubts", []), *found.stale]
    lines += [f"  {'yes' if check['met'] else 'no ':<3} {check['asked']}: {check['found']}" for check in verdict.get("checks", [])]
    lines += [*map(_describe_system, found.test["systems"]), *map(_describe_comparison, found.test["comparisons"])]
    lines += [f"{item.difference:+.3f}  {item.anchor_id}  {item.text[:90]}" for item in changes]
    lines += [f"{item.value[:40]:<40} n = {item.n:<4} {item.base:.3f} → {item.tuned:.3f} ({item.low:+.3f} to {item.high:+.3f})" for item in slices]
    Out(json).show(value, "\n".join(lines))


@app.command()
def holes(
    project: ProjectName,
    run: Annotated[str, typer.Option(help="The run that measured; else the newest comparison.")] = "",
    judge: Annotated[bool, typer.Option("--judge", help="Put them into the review queue; once they are judged a worker measures again.")] = False,
    author: Annotated[str, typer.Option(help="Who puts them there.")] = "cli",
    json: Json = False,
) -> None:
    """Count what the compared systems find first and nobody judged; have it judged, blind."""
    workspace = open_project(project)
    found = find_comparison(workspace, project, run_id=run or None)
    placed = judge_holes(workspace, project, found.test, author) if judge else 0
    open_pairs = find_holes(workspace, project, found.test)
    value = {"project": project, "run": found.run.id, "holes": len(open_pairs.pairs), "pooled": open_pairs.pooled, "placed": placed}
    value["waiting"] = count_waiting(workspace, project)
    words = f"{value['holes']} of {value['pooled']} documents among the first {POOL} were judged by nobody; {value['waiting']} wait in the review queue"
    Out(json).show(value, f"{words}, {placed} of them new." if judge else f"{words}.")


@app.command()
def report(
    project: ProjectName,
    out: Annotated[Path, typer.Option(help="File to write: .html (with the JSON beside it) or .json.")],
    run: Annotated[str, typer.Option(help="The run that measured; else the newest comparison.")] = "",
    system: Annotated[str, typer.Option(help="The system that the reference is compared with; else the one that the verdict is about.")] = "",
    json: Json = False,
) -> None:
    """Write a comparison as one HTML file that needs no network, and as JSON."""
    workspace = open_project(project)
    found = add_to_report(workspace, project, build_report(workspace, project, run_id=run or None, system=system or None, now=time.time()))
    files = [str(path) for path in write_report(found, out.expanduser())]
    Out(json).show({"project": project, "run": found["run"]["id"], "system": found["system"], "files": files}, "\n".join(files))


@app.command()
def vectors(
    project: ProjectName,
    name: Annotated[str, typer.Option(help="What to call them; they are the system vectors:NAME then.")] = "",
    documents: Annotated[Path | None, typer.Option(help="Vectors of all documents: .npy in the project's order, or .parquet with id and vector.")] = None,
    anchors: Annotated[Path | None, typer.Option(help="Vectors of all anchors, likewise.")] = None,
    json: Json = False,
) -> None:
    """Bring vectors that another model made, or list those brought."""
    workspace = open_project(project)
    brought = None
    if name or documents or anchors:
        if documents is None or anchors is None or not name:
            raise typer.BadParameter("give --name, --documents and --anchors together.")
        brought = bring_vectors(workspace, project, name, documents, anchors)
    known = [f"vectors:{item}" for item in list_vectors(workspace, project)]
    Out(json).show({"project": project, "brought": brought, "systems": known}, "\n".join(known) or "None were brought.")


def _describe_system(item: dict[str, Any]) -> str:
    low, high = item["interval"]
    latency = "" if item.get("latency_ms") is None else f", {item['latency_ms']:.1f} ms a query"
    size = "" if item.get("bytes_per_document") is None else f", {item['bytes_per_document']:.0f} bytes a document"
    ceiling = "" if item.get("ceiling") is None else f", at best {item['ceiling']:.3f} by reranking"
    figures = f"NDCG@5 {item['ndcg@5']:.3f} ({low:.3f} to {high:.3f}), condensed {item['condensed_ndcg@5']:.3f}, R@50 {item['recall@50']:.3f}"
    return f"{item['system']}: {figures}, Judged@5 {item['judged@5']:.2f}, n = {item['n']}{latency}{size}{ceiling}"


def _describe_comparison(item: dict[str, Any]) -> str:
    difference = item["difference"]
    interval = f"{difference['low']:+.3f} to {difference['high']:+.3f}"
    return f"{item['system']}: {item['verdict']['title']}, {difference['gain']:+.3f} ({interval}), p {item['adjusted_p']:.3f}"
